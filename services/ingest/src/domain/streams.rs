//! Conversion of Strava's streams from metres and degrees to integers.

use contracts::streams_codec::StreamSet;
use kernel::units::{to_decimetres, to_millimetres_per_second};

/// Converts the streams to whole units.
pub(crate) fn from_strava(answer: &strava_client::StreamSet) -> StreamSet {
    StreamSet {
        time_s: answer.time.clone(),
        distance_dm: convert_all(&answer.distance, to_decimetres),
        latitude_e7: answer.latlng.iter().map(|[latitude, _]| to_e7(*latitude)).collect(),
        longitude_e7: answer.latlng.iter().map(|[_, longitude]| to_e7(*longitude)).collect(),
        altitude_dm: convert_all(&answer.altitude, to_decimetres),
        velocity_mm_s: convert_all(&answer.velocity_smooth, to_millimetres_per_second),
        heartrate_bpm: answer.heartrate.clone(),
        cadence_rpm: answer.cadence.clone(),
        watts: answer.watts.clone(),
        temperature_c: answer.temp.clone(),
        grade_e1: convert_all(&answer.grade_smooth, to_tenths),
        moving: answer.moving.clone(),
    }
}

fn convert_all(values: &[f64], unit: fn(f64) -> i64) -> Vec<i64> {
    values.iter().copied().map(unit).collect()
}

fn to_e7(degrees: f64) -> i64 {
    (degrees * 1e7).round() as i64
}

fn to_tenths(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_become_integers_and_survive_being_stored() {
        let answer = strava_client::StreamSet {
            time: vec![0, 1],
            distance: vec![0.0, 1.44],
            latlng: vec![[40.735548, -73.982712], [40.735475, -73.982531]],
            grade_smooth: vec![-0.25, 1.04],
            watts: vec![Some(200), None],
            ..strava_client::StreamSet::default()
        };

        let set = from_strava(&answer);

        assert_eq!(
            (set.distance_dm.as_slice(), set.grade_e1.as_slice()),
            ([0, 14].as_slice(), [-3, 10].as_slice())
        );
        assert_eq!((set.latitude_e7[0], set.longitude_e7[0]), (407_355_480, -739_827_120));
        assert_eq!(StreamSet::decode(&set.encode().unwrap()), Ok(set));
    }
}
