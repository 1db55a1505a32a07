//! GPX 1.0 and 1.1 with the extensions Strava reads.

use super::track::{Track, TrackError, TrackPoint};
use super::xml::{self, Attributes, Tag};

/// Reads a GPX file.
pub(super) fn parse(bytes: &[u8]) -> Result<Track, TrackError> {
    let mut track = Track::default();
    let mut open: Option<(TrackPoint, bool)> = None;
    let mut in_track = false;
    let mut root = String::new();
    xml::walk(bytes, |tag| match tag {
        Tag::Open { name, attributes } => {
            if root.is_empty() {
                root.clone_from(&name);
            }
            match name.as_str() {
                "gpx" => track.device = attributes.get("creator").map(str::to_owned),
                "trk" => in_track = true,
                "trkpt" => open = Some((read_point(&attributes), false)),
                _ => {}
            }
        }
        Tag::Close { name, text } => match (name.as_str(), &mut open) {
            ("trkpt", _) => {
                if let Some((point, timed)) = open.take() {
                    track.add_point(point, timed);
                }
            }
            (_, Some((point, timed))) => set_field(point, timed, &name, &text),
            ("name", None) if in_track && track.name.is_none() => {
                track.name = Some(text.trim().to_owned()).filter(|name| !name.is_empty());
            }
            ("type", None) if in_track && track.sport.is_none() => track.sport = map_sport(&text),
            _ => {}
        },
    })?;
    if root != "gpx" {
        return Err(TrackError::Malformed);
    }
    Ok(track)
}

fn set_field(point: &mut TrackPoint, timed: &mut bool, name: &str, text: &str) {
    let number = || text.trim().parse::<f64>().ok();
    let whole = || number().map(|value| value.round() as i64);
    match name {
        "time" => {
            if let Some(time) = xml::parse_time(text) {
                point.time_s = time;
                *timed = true;
            }
        }
        "ele" => point.altitude = number(),
        "hr" | "heartrate" => point.heartrate = whole(),
        "cad" | "cadence" => point.cadence = whole(),
        "power" => point.watts = whole(),
        "atemp" | "temp" => point.temp = whole(),
        "distance" => point.distance = number(),
        _ => {}
    }
}

fn read_point(attributes: &Attributes) -> TrackPoint {
    let number = |key| attributes.get(key)?.trim().parse::<f64>().ok();
    let position = number("lat").zip(number("lon")).map(|(lat, lng)| [lat, lng]);
    TrackPoint { position, ..TrackPoint::default() }
}

fn map_sport(text: &str) -> Option<&'static str> {
    match text.trim().to_lowercase().as_str() {
        "1" | "cycling" | "biking" | "ride" | "road_biking" => Some("Ride"),
        "9" | "running" | "run" => Some("Run"),
        "trail_running" => Some("TrailRun"),
        "4" | "hiking" | "hike" => Some("Hike"),
        "10" | "walking" | "walk" => Some("Walk"),
        "16" | "swimming" => Some("Swim"),
        _ => None,
    }
}
