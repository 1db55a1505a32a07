//! GPX 1.0 and 1.1 with the extensions Strava reads.

use super::xml::{self, Node};
use super::{Point, Track, TrackError};

/// Reads a GPX file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Track, TrackError> {
    let mut track = Track::default();
    let mut open: Option<(Point, bool)> = None;
    let mut in_track = false;
    let mut root = String::new();
    xml::walk(bytes, |node| match node {
        Node::Open { name, attributes } => {
            if root.is_empty() {
                root.clone_from(&name);
            }
            match name.as_str() {
                "gpx" => track.device = value(&attributes, "creator"),
                "trk" => in_track = true,
                "trkpt" => open = Some((point(&attributes), false)),
                _ => {}
            }
        }
        Node::Close { name, text } => match (name.as_str(), &mut open) {
            ("trkpt", _) => {
                if let Some((point, timed)) = open.take() {
                    if timed {
                        track.points.push(point);
                    } else {
                        track.untimed += 1;
                    }
                }
            }
            (_, Some((point, timed))) => field(point, timed, &name, &text),
            ("name", None) if in_track && track.name.is_none() => {
                track.name = Some(text.trim().to_owned()).filter(|name| !name.is_empty());
            }
            ("type", None) if in_track && track.sport.is_none() => track.sport = sport(&text),
            _ => {}
        },
    })?;
    if root != "gpx" {
        return Err(TrackError::Malformed);
    }
    Ok(track)
}

fn field(point: &mut Point, timed: &mut bool, name: &str, text: &str) {
    let number = || text.trim().parse::<f64>().ok();
    let whole = || number().map(|value| value.round() as i64);
    match name {
        "time" => {
            if let Some(time) = xml::time(text) {
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

fn value(attributes: &[(String, String)], key: &str) -> Option<String> {
    attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
}

fn point(attributes: &[(String, String)]) -> Point {
    let number = |key| value(attributes, key)?.trim().parse::<f64>().ok();
    Point {
        position: match (number("lat"), number("lon")) {
            (Some(lat), Some(lon)) => Some([lat, lon]),
            _ => None,
        },
        ..Point::default()
    }
}

fn sport(text: &str) -> Option<&'static str> {
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
