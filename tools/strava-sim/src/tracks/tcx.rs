//! TCX version 2 as Strava reads it.

use super::xml::{self, Node};
use super::{LapSpan, Point, Track, TrackError};

#[derive(Default)]
struct Reading {
    track: Track,
    point: Option<Point>,
    timed: bool,
    latitude: Option<f64>,
    longitude: Option<f64>,
    lap: Option<LapSpan>,
    in_heart_rate: bool,
    in_creator: bool,
    root: String,
}

/// Reads a TCX file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Track, TrackError> {
    let mut reading = Reading::default();
    xml::walk(bytes, |node| match node {
        Node::Open { name, attributes } => reading.open(&name, &attributes),
        Node::Close { name, text } => reading.close(&name, &text),
    })?;
    if reading.root != "TrainingCenterDatabase" {
        return Err(TrackError::Malformed);
    }
    let mut track = reading.track;
    let total: f64 = track.laps.iter().filter_map(|lap| lap.distance).sum();
    track.distance = Some(total).filter(|metres| *metres > 0.0);
    track.timer_s =
        Some(track.laps.iter().map(|lap| lap.elapsed_s).sum::<f64>()).filter(|time| *time > 0.0);
    Ok(track)
}

impl Reading {
    fn open(&mut self, name: &str, attributes: &[(String, String)]) {
        if self.root.is_empty() {
            name.clone_into(&mut self.root);
        }
        match name {
            "Activity" => {
                self.track.sport = attributes
                    .iter()
                    .find(|(key, _)| key == "Sport")
                    .and_then(|(_, value)| sport(value));
            }
            "Lap" => {
                self.lap = Some(LapSpan {
                    start_s: attributes
                        .iter()
                        .find(|(key, _)| key == "StartTime")
                        .and_then(|(_, value)| xml::time(value))
                        .unwrap_or_default(),
                    ..LapSpan::default()
                });
            }
            "Trackpoint" => {
                self.point = Some(Point::default());
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
            "Trackpoint" => self.finish_point(),
            "HeartRateBpm" => self.in_heart_rate = false,
            "Creator" => self.in_creator = false,
            "Name" if self.in_creator => self.track.device = Some(text.trim().to_owned()),
            "Lap" => self.track.laps.extend(self.lap.take()),
            _ => self.value(name, text),
        }
    }

    fn finish_point(&mut self) {
        let Some(mut point) = self.point.take() else {
            return;
        };
        if let (Some(lat), Some(lng)) = (self.latitude, self.longitude) {
            point.position = Some([lat, lng]);
        }
        if self.timed {
            self.track.points.push(point);
        } else {
            self.track.untimed += 1;
        }
    }

    fn value(&mut self, name: &str, text: &str) {
        let number = text.trim().parse::<f64>().ok();
        let whole = number.map(|value| value.round() as i64);
        if let Some(point) = &mut self.point {
            match name {
                "Time" => {
                    if let Some(time) = xml::time(text) {
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
                    self.track.calories =
                        Some(self.track.calories.unwrap_or(0.0) + number.unwrap_or(0.0));
                }
                _ => {}
            }
        }
    }
}

fn sport(text: &str) -> Option<&'static str> {
    match text.to_lowercase().as_str() {
        "biking" => Some("Ride"),
        "running" => Some("Run"),
        "hiking" => Some("Hike"),
        "walking" => Some("Walk"),
        "swimming" => Some("Swim"),
        _ => None,
    }
}
