//! FIT activity files.

use fitparser::profile::MesgNum;
use fitparser::{FitDataRecord, Value};

use super::track::{Lap, Track, TrackError, TrackPoint};

/// Reads a FIT file; of several sessions the first gives the sport, all give the times.
pub(super) fn parse(bytes: &[u8]) -> Result<Track, TrackError> {
    let records = fitparser::from_bytes(bytes).map_err(|_broken| TrackError::Malformed)?;
    let mut track = Track::default();
    let mut identified = false;
    for record in &records {
        match record.kind() {
            MesgNum::FileId => {
                identified = true;
                track.device = read_device(record);
            }
            MesgNum::Session => read_session(&mut track, record),
            MesgNum::Lap => track.laps.push(Lap {
                start_s: read_number(record, &["start_time"]).unwrap_or_default(),
                elapsed_s: read_number(record, &["total_elapsed_time"]).unwrap_or_default(),
                distance: read_number(record, &["total_distance"]),
            }),
            MesgNum::Record => read_point(&mut track, record),
            _ => {}
        }
    }
    if !identified {
        return Err(TrackError::NoTime);
    }
    if track.points.len() < 2 {
        // a pool swim may come as session and lengths alone
        if let (Some(start), Some(elapsed)) = (track.start_s, track.elapsed_s) {
            track.points = vec![
                TrackPoint { time_s: start, distance: Some(0.0), ..TrackPoint::default() },
                TrackPoint {
                    time_s: start + elapsed,
                    distance: track.distance,
                    ..TrackPoint::default()
                },
            ];
        }
    }
    Ok(track)
}

fn read_point(track: &mut Track, record: &FitDataRecord) {
    let Some(time_s) = read_number(record, &["timestamp"]) else {
        track.untimed += 1;
        return;
    };
    let degrees = |name| read_number(record, &[name]).map(|raw| raw * 180.0 / 2_147_483_648.0);
    let whole = |name: &str| read_number(record, &[name]).map(|value| value.round() as i64);
    track.points.push(TrackPoint {
        time_s,
        position: degrees("position_lat")
            .zip(degrees("position_long"))
            .map(|(lat, lng)| [lat, lng]),
        altitude: read_number(record, &["enhanced_altitude", "altitude"]),
        distance: read_number(record, &["distance"]),
        heartrate: whole("heart_rate"),
        cadence: whole("cadence"),
        watts: whole("power").or_else(|| whole("Power")),
        temp: whole("temperature"),
    });
}

fn read_session(track: &mut Track, record: &FitDataRecord) {
    if track.sport.is_none() {
        track.sport = map_sport(&read_text(record, "sport"), &read_text(record, "sub_sport"));
        track.start_s = read_number(record, &["start_time"]);
    }
    for (sum, name) in [
        (&mut track.elapsed_s, "total_elapsed_time"),
        (&mut track.timer_s, "total_timer_time"),
        (&mut track.distance, "total_distance"),
        (&mut track.ascent, "total_ascent"),
        (&mut track.calories, "total_calories"),
    ] {
        if let Some(value) = read_number(record, &[name]) {
            *sum = Some(sum.unwrap_or(0.0) + value);
        }
    }
}

fn read_device(record: &FitDataRecord) -> Option<String> {
    let maker = read_text(record, "manufacturer");
    let product = ["garmin_product", "product_name", "product"]
        .iter()
        .map(|name| read_text(record, name))
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let words: Vec<String> = format!("{maker} {product}")
        .split([' ', '_'])
        .filter(|word| !word.is_empty())
        .map(capitalize)
        .collect();
    Some(words.join(" ")).filter(|name| !name.is_empty())
}

fn capitalize(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn read_text(record: &FitDataRecord, name: &str) -> String {
    record
        .fields()
        .iter()
        .find(|field| field.name() == name)
        .map(|field| field.value().to_string())
        .unwrap_or_default()
}

fn read_number(record: &FitDataRecord, names: &[&str]) -> Option<f64> {
    names.iter().find_map(|name| {
        let field = record.fields().iter().find(|field| field.name() == *name)?;
        to_number(field.value())
    })
}

fn to_number(value: &Value) -> Option<f64> {
    match value {
        Value::Timestamp(moment) => Some(moment.timestamp() as f64),
        Value::Byte(v) | Value::Enum(v) | Value::UInt8(v) | Value::UInt8z(v) => Some(f64::from(*v)),
        Value::SInt8(v) => Some(f64::from(*v)),
        Value::SInt16(v) => Some(f64::from(*v)),
        Value::UInt16(v) | Value::UInt16z(v) => Some(f64::from(*v)),
        Value::SInt32(v) => Some(f64::from(*v)),
        Value::UInt32(v) | Value::UInt32z(v) => Some(f64::from(*v)),
        Value::Float32(v) => Some(f64::from(*v)),
        Value::Float64(v) => Some(*v),
        Value::SInt64(v) => Some(*v as f64),
        Value::UInt64(v) | Value::UInt64z(v) => Some(*v as f64),
        Value::Array(values) => values.first().and_then(to_number),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

fn map_sport(sport: &str, sub: &str) -> Option<&'static str> {
    match (sport, sub) {
        ("cycling", "virtual_activity") => Some("VirtualRide"),
        ("cycling", "mountain") => Some("MountainBikeRide"),
        ("cycling", "gravel_cycling") => Some("GravelRide"),
        ("cycling", _) => Some("Ride"),
        ("running", "trail") => Some("TrailRun"),
        ("running", "virtual_activity") => Some("VirtualRun"),
        ("running", _) => Some("Run"),
        ("walking", _) => Some("Walk"),
        ("hiking", _) => Some("Hike"),
        ("swimming", _) => Some("Swim"),
        ("rowing", _) | (_, "indoor_rowing") => Some("Rowing"),
        ("", _) => None,
        _ => Some("Workout"),
    }
}
