//! Streams: equal-length arrays of one activity, as the API answers them.

use std::ops::RangeInclusive;

use serde::Serialize;

use super::geometry::{Circle, metres_between, round};
use super::track::{Track, TrackPoint};

/// The types a client may ask for.
const TYPES: [&str; 11] = [
    "time",
    "distance",
    "latlng",
    "altitude",
    "velocity_smooth",
    "heartrate",
    "cadence",
    "watts",
    "temp",
    "moving",
    "grade_smooth",
];

/// Minimum spacing of two points, in seconds, that counts as a pause; exclusive.
const PAUSE_S: i64 = 20;

/// All streams of one activity.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Streams {
    pub(crate) time: Vec<i64>,
    pub(crate) distance: Vec<f64>,
    pub(crate) latlng: Option<Vec<[f64; 2]>>,
    pub(crate) altitude: Option<Vec<f64>>,
    pub(crate) velocity: Vec<f64>,
    pub(crate) heartrate: Option<Vec<i64>>,
    pub(crate) cadence: Option<Vec<i64>>,
    pub(crate) watts: Option<Vec<Option<i64>>>,
    pub(crate) temp: Option<Vec<i64>>,
    pub(crate) moving: Vec<bool>,
    pub(crate) grade: Option<Vec<f64>>,
}

impl Streams {
    /// Builds the streams of a recording; several points within one second become one.
    pub(crate) fn from_track(track: &Track) -> Self {
        let start = track.points.first().map_or(0.0, |point| point.time_s.floor());
        let mut points: Vec<TrackPoint> = Vec::with_capacity(track.points.len());
        for point in &track.points {
            match points.last_mut() {
                Some(last) if last.time_s.floor() >= point.time_s.floor() => {}
                _ => points.push(*point),
            }
        }
        // a height without a position, beside points with both, is the zero of a receiver that lost its sky
        let located = points.iter().any(|point| point.position.is_some());
        let mut streams = Self {
            time: points.iter().map(|point| (point.time_s.floor() - start) as i64).collect(),
            latlng: fill_gaps(&points, |point| point.position).map(|all| {
                all.into_iter().map(|position| position.map(|axis| round(axis, 6))).collect()
            }),
            altitude: fill_gaps(&points, |point| {
                point.altitude.filter(|_| !located || point.position.is_some())
            })
            .map(|all| all.into_iter().map(|metres| round(metres, 1)).collect()),
            // a beat of zero is a strap that was not worn
            heartrate: fill_gaps(&points, |point| point.heartrate.filter(|beats| *beats > 0)),
            cadence: fill_gaps(&points, |point| point.cadence),
            temp: fill_gaps(&points, |point| point.temp),
            watts: points
                .iter()
                .any(|point| point.watts.is_some())
                .then(|| points.iter().map(|point| point.watts).collect()),
            ..Self::default()
        };
        streams.distance = cumulative_distances(&points);
        streams.derive_motion();
        streams
    }

    /// Fills velocity, moving and grade from time, distance and altitude.
    pub(crate) fn derive_motion(&mut self) {
        let count = self.time.len();
        self.velocity = vec![0.0; count];
        self.moving = vec![false; count];
        for index in 1..count {
            let step = (self.time[index] - self.time[index - 1]).max(1);
            let metres = self.distance[index] - self.distance[index - 1];
            self.moving[index] = step <= PAUSE_S && metres / step as f64 >= 0.3;
            let back = index.saturating_sub(4);
            let span = (self.time[index] - self.time[back]).max(1) as f64;
            let smooth = (self.distance[index] - self.distance[back]) / span;
            self.velocity[index] = if self.moving[index] { round(smooth, 2) } else { 0.0 };
        }
        // stationary recordings have no distance; there, every recorded second counts
        if self.distance.last().is_none_or(|total| *total <= 0.0) {
            for index in 1..count {
                self.moving[index] = self.time[index] - self.time[index - 1] <= PAUSE_S;
            }
        }
        let distance = &self.distance;
        self.grade = self.altitude.as_ref().map(|altitude| {
            (0..count)
                .map(|index| {
                    let back = index.saturating_sub(5);
                    let run = distance[index] - distance[back];
                    if run < 1.0 {
                        return 0.0;
                    }
                    round(((altitude[index] - altitude[back]) / run * 100.0).clamp(-50.0, 50.0), 1)
                })
                .collect()
        });
    }

    /// Spreads the device's total evenly over the time moved, in a recording without distances such as a pool swim.
    pub(crate) fn spread_distance(&mut self, total: f64) {
        let moving = self.total_moving_s();
        if moving == 0 || self.distance.last().is_some_and(|last| *last > 0.0) {
            return;
        }
        let mut moved_s = 0;
        for index in 1..self.time.len() {
            if self.moving[index] {
                moved_s += self.time[index] - self.time[index - 1];
            }
            self.distance[index] = round(total * moved_s as f64 / moving as f64, 1);
        }
        self.derive_motion();
    }

    /// Seconds spent moving over the whole recording.
    pub(crate) fn total_moving_s(&self) -> i64 {
        self.moving_s(0, self.time.len().saturating_sub(1))
    }

    /// Seconds spent moving between two indexes.
    pub(crate) fn moving_s(&self, from: usize, to: usize) -> i64 {
        (from + 1..=to)
            .filter(|index| self.moving[*index])
            .map(|index| self.time[index] - self.time[index - 1])
            .sum()
    }

    /// The same streams without the points at both ends that lie within a circle.
    pub(crate) fn without_zone(&self, zone: &Circle) -> Self {
        let Some(latlng) = &self.latlng else {
            return self.clone();
        };
        let Some(kept) = zone.span_outside(latlng) else {
            return Self { latlng: None, ..self.clone() };
        };
        fn cut<T: Clone>(values: Option<&Vec<T>>, kept: &RangeInclusive<usize>) -> Option<Vec<T>> {
            values.map(|values| values[kept.clone()].to_vec())
        }
        Self {
            time: self.time[kept.clone()].to_vec(),
            distance: self.distance[kept.clone()].to_vec(),
            latlng: cut(Some(latlng), &kept),
            altitude: cut(self.altitude.as_ref(), &kept),
            velocity: self.velocity[kept.clone()].to_vec(),
            heartrate: cut(self.heartrate.as_ref(), &kept),
            cadence: cut(self.cadence.as_ref(), &kept),
            watts: cut(self.watts.as_ref(), &kept),
            temp: cut(self.temp.as_ref(), &kept),
            moving: self.moving[kept.clone()].to_vec(),
            grade: cut(self.grade.as_ref(), &kept),
        }
    }

    fn column(&self, kind: &str) -> Option<StreamData<'_>> {
        match kind {
            "time" => Some(StreamData::Whole(&self.time)),
            "distance" => Some(StreamData::Number(&self.distance)),
            "latlng" => self.latlng.as_deref().map(StreamData::Pair),
            "altitude" => self.altitude.as_deref().map(StreamData::Number),
            "velocity_smooth" => Some(StreamData::Number(&self.velocity)),
            "heartrate" => self.heartrate.as_deref().map(StreamData::Whole),
            "cadence" => self.cadence.as_deref().map(StreamData::Whole),
            "watts" => self.watts.as_deref().map(StreamData::Watts),
            "temp" => self.temp.as_deref().map(StreamData::Whole),
            "moving" => Some(StreamData::Flag(&self.moving)),
            "grade_smooth" => self.grade.as_deref().map(StreamData::Number),
            _ => None,
        }
    }

    /// Renders the JSON answer: an object by type, or an array of objects that name their type.
    pub(crate) fn to_json(&self, kinds: &[&str], by_type: bool) -> String {
        let parts: Vec<String> = TYPES
            .iter()
            .filter(|kind| kinds.contains(kind))
            .filter_map(|kind| {
                let entry = StreamEntry {
                    kind: (!by_type).then_some(*kind),
                    data: self.column(kind)?,
                    series_type: "distance",
                    original_size: self.time.len(),
                    resolution: "high",
                };
                let body = serde_json::to_string(&entry).ok()?;
                Some(if by_type { format!("\"{kind}\":{body}") } else { body })
            })
            .collect();
        if by_type { format!("{{{}}}", parts.join(",")) } else { format!("[{}]", parts.join(",")) }
    }
}

#[derive(Serialize)]
struct StreamEntry<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    data: StreamData<'a>,
    series_type: &'static str,
    original_size: usize,
    resolution: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StreamData<'a> {
    Whole(&'a [i64]),
    Number(&'a [f64]),
    Pair(&'a [[f64; 2]]),
    Flag(&'a [bool]),
    Watts(&'a [Option<i64>]),
}

/// Returns a value for every point: the last known one where it is missing, the first known one before it.
fn fill_gaps<T: Copy>(
    points: &[TrackPoint],
    pick: impl Fn(&TrackPoint) -> Option<T>,
) -> Option<Vec<T>> {
    let mut last = points.iter().find_map(&pick)?;
    let fill = |point| {
        last = pick(point).unwrap_or(last);
        last
    };
    Some(points.iter().map(fill).collect())
}

fn cumulative_distances(points: &[TrackPoint]) -> Vec<f64> {
    let given = points.iter().filter(|point| point.distance.is_some()).count();
    let mut total = 0.0;
    let mut previous: Option<[f64; 2]> = None;
    points
        .iter()
        .map(|point| {
            if given * 2 > points.len() {
                total = point.distance.unwrap_or(total).max(total);
            } else if let Some(position) = point.position {
                total += previous.map_or(0.0, |from| metres_between(from, position));
                previous = Some(position);
            }
            round(total, 1)
        })
        .collect()
}
