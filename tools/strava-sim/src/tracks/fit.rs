//! FIT activity files.

use fitparser::profile::MesgNum;
use fitparser::{FitDataRecord, Value};

use super::{LapSpan, Point, Track, TrackError};

/// Reads a FIT file; of several sessions the first gives the sport, all give the times.
pub(crate) fn parse(bytes: &[u8]) -> Result<Track, TrackError> {
    let records = fitparser::from_bytes(bytes).map_err(|_broken| TrackError::Malformed)?;
    let mut track = Track::default();
    let mut identified = false;
    for record in &records {
        match record.kind() {
            MesgNum::FileId => {
                identified = true;
                track.device = device(record);
            }
            MesgNum::Session => session(&mut track, record),
            MesgNum::Lap => track.laps.push(LapSpan {
                start_s: number(record, &["start_time"]).unwrap_or_default(),
                elapsed_s: number(record, &["total_elapsed_time"]).unwrap_or_default(),
                distance: number(record, &["total_distance"]),
            }),
            MesgNum::Record => point(&mut track, record),
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
                Point { time_s: start, distance: Some(0.0), ..Point::default() },
                Point { time_s: start + elapsed, distance: track.distance, ..Point::default() },
            ];
        }
    }
    Ok(track)
}

fn point(track: &mut Track, record: &FitDataRecord) {
    let Some(time_s) = number(record, &["timestamp"]) else {
        track.untimed += 1;
        return;
    };
    let degrees = |name| number(record, &[name]).map(|raw| raw * 180.0 / 2_147_483_648.0);
    let whole = |name: &str| number(record, &[name]).map(|value| value.round() as i64);
    track.points.push(Point {
        time_s,
        position: match (degrees("position_lat"), degrees("position_long")) {
            (Some(lat), Some(lng)) => Some([lat, lng]),
            _ => None,
        },
        altitude: number(record, &["enhanced_altitude", "altitude"]),
        distance: number(record, &["distance"]),
        heartrate: whole("heart_rate"),
        cadence: whole("cadence"),
        watts: whole("power").or_else(|| whole("Power")),
        temp: whole("temperature"),
    });
}

fn session(track: &mut Track, record: &FitDataRecord) {
    if track.sport.is_none() {
        track.sport = sport(&text(record, "sport"), &text(record, "sub_sport"));
        track.start_s = number(record, &["start_time"]);
    }
    let add = |sum: Option<f64>, name: &str| match number(record, &[name]) {
        Some(value) => Some(sum.unwrap_or(0.0) + value),
        None => sum,
    };
    track.elapsed_s = add(track.elapsed_s, "total_elapsed_time");
    track.timer_s = add(track.timer_s, "total_timer_time");
    track.distance = add(track.distance, "total_distance");
    track.ascent = add(track.ascent, "total_ascent");
    track.calories = add(track.calories, "total_calories");
}

fn device(record: &FitDataRecord) -> Option<String> {
    let maker = text(record, "manufacturer");
    let product = ["garmin_product", "product_name", "product"]
        .iter()
        .map(|name| text(record, name))
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let words: Vec<String> = format!("{maker} {product}")
        .split([' ', '_'])
        .filter(|word| !word.is_empty())
        .map(capital)
        .collect();
    Some(words.join(" ")).filter(|name| !name.is_empty())
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn text(record: &FitDataRecord, name: &str) -> String {
    record
        .fields()
        .iter()
        .find(|field| field.name() == name)
        .map(|field| field.value().to_string())
        .unwrap_or_default()
}

fn number(record: &FitDataRecord, names: &[&str]) -> Option<f64> {
    names.iter().find_map(|name| {
        let field = record.fields().iter().find(|field| field.name() == *name)?;
        plain(field.value())
    })
}

fn plain(value: &Value) -> Option<f64> {
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
        Value::Array(values) => values.first().and_then(plain),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

fn sport(sport: &str, sub: &str) -> Option<&'static str> {
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
