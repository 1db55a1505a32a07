//! TCX version 2 as Strava reads it.

use super::track::{Lap, Track, TrackError, TrackPoint};
use super::xml::{self, Attributes, Tag};

#[derive(Default)]
struct TcxReader {
    track: Track,
    point: Option<TrackPoint>,
    timed: bool,
    latitude: Option<f64>,
    longitude: Option<f64>,
    lap: Option<Lap>,
    in_heart_rate: bool,
    in_creator: bool,
    root: String,
}

/// Reads a TCX file.
pub(super) fn parse(bytes: &[u8]) -> Result<Track, TrackError> {
    let mut reader = TcxReader::default();
    xml::walk(bytes, |tag| match tag {
        Tag::Open { name, attributes } => reader.open(&name, &attributes),
        Tag::Close { name, text } => reader.close(&name, &text),
    })?;
    if reader.root != "TrainingCenterDatabase" {
        return Err(TrackError::Malformed);
    }
    let mut track = reader.track;
    let total: f64 = track.laps.iter().filter_map(|lap| lap.distance).sum();
    track.distance = Some(total).filter(|metres| *metres > 0.0);
    let timer: f64 = track.laps.iter().map(|lap| lap.elapsed_s).sum();
    track.timer_s = Some(timer).filter(|seconds| *seconds > 0.0);
    Ok(track)
}

impl TcxReader {
    fn open(&mut self, name: &str, attributes: &Attributes) {
        if self.root.is_empty() {
            name.clone_into(&mut self.root);
        }
        match name {
            "Activity" => self.track.sport = attributes.get("Sport").and_then(map_sport),
            "Lap" => {
                let start_s = attributes.get("StartTime").and_then(xml::parse_time);
                self.lap = Some(Lap { start_s: start_s.unwrap_or_default(), ..Lap::default() });
            }
            "Trackpoint" => {
                self.point = Some(TrackPoint::default());
                self.timed = false;
                self.latitude = None;
                self.longitude = None;
            }
            "HeartRateBpm" => self.in_heart_rate = true,
            "Creator" => self.in_creator = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &str, text: &str) {
        match name {
            "Trackpoint" => {
                if let Some(mut point) = self.point.take() {
                    point.position = self.latitude.zip(self.longitude).map(|(lat, lng)| [lat, lng]);
                    self.track.add_point(point, self.timed);
                }
            }
            "HeartRateBpm" => self.in_heart_rate = false,
            "Creator" => self.in_creator = false,
            "Name" if self.in_creator => self.track.device = Some(text.trim().to_owned()),
            "Lap" => self.track.laps.extend(self.lap.take()),
            _ => self.set_field(name, text),
        }
    }

    fn set_field(&mut self, name: &str, text: &str) {
        let number = text.trim().parse::<f64>().ok();
        let whole = number.map(|value| value.round() as i64);
        if let Some(point) = &mut self.point {
            match name {
                "Time" => {
                    if let Some(time) = xml::parse_time(text) {
                        point.time_s = time;
                        self.timed = true;
                    }
                }
                "LatitudeDegrees" => self.latitude = number,
                "LongitudeDegrees" => self.longitude = number,
                "AltitudeMeters" => point.altitude = number,
                "DistanceMeters" => point.distance = number,
                "Value" if self.in_heart_rate => point.heartrate = whole,
                "Cadence" | "RunCadence" => point.cadence = whole,
                "Watts" => point.watts = whole,
                _ => {}
            }
        } else if let Some(lap) = &mut self.lap {
            match name {
                "TotalTimeSeconds" => lap.elapsed_s = number.unwrap_or_default(),
                "DistanceMeters" => lap.distance = number,
                "Calories" => {
                    let sum = self.track.calories.unwrap_or(0.0) + number.unwrap_or(0.0);
                    self.track.calories = Some(sum);
                }
                _ => {}
            }
        }
    }
}

fn map_sport(text: &str) -> Option<&'static str> {
    match text.to_lowercase().as_str() {
        "biking" => Some("Ride"),
        "running" => Some("Run"),
        "hiking" => Some("Hike"),
        "walking" => Some("Walk"),
        "swimming" => Some("Swim"),
        _ => None,
    }
}
