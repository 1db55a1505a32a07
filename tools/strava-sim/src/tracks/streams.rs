//! Streams: equal-length arrays of one activity, as the API answers them.

use serde::Serialize;

use super::{Point, Track, metres_between, round};

/// The types a client may ask for.
pub(crate) const TYPES: [&str; 11] = [
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

/// A pause is a spacing of more than this many seconds.
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
    /// Makes streams of a recording; several points within one second become one.
    pub(crate) fn from_track(track: &Track) -> Self {
        let start = track.points.first().map_or(0.0, |point| point.time_s.floor());
        let mut points: Vec<Point> = Vec::with_capacity(track.points.len());
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
            latlng: filled(&points, |point| point.position)
                .map(|all| all.into_iter().map(|at| [round(at[0], 6), round(at[1], 6)]).collect()),
            altitude: filled(&points, |point| {
                point.altitude.filter(|_| !located || point.position.is_some())
            })
            .map(|all| all.into_iter().map(|metres| round(metres, 1)).collect()),
            // a beat of zero is a strap that was not worn
            heartrate: filled(&points, |point| point.heartrate.filter(|beats| *beats > 0)),
            cadence: filled(&points, |point| point.cadence),
            temp: filled(&points, |point| point.temp),
            watts: points
                .iter()
                .any(|point| point.watts.is_some())
                .then(|| points.iter().map(|point| point.watts).collect()),
            ..Self::default()
        };
        streams.distance = distances(&points);
        streams.derive();
        streams
    }

    /// Fills velocity, moving and grade from time, distance and altitude.
    pub(crate) fn derive(&mut self) {
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

    /// Gives a recording without distances, such as a pool swim, the device's total, evenly over the time moved.
    pub(crate) fn spread(&mut self, total: f64) {
        let moving = self.moving_s();
        if moving == 0 || self.distance.last().is_some_and(|last| *last > 0.0) {
            return;
        }
        let mut gone = 0;
        for index in 1..self.time.len() {
            if self.moving[index] {
                gone += self.time[index] - self.time[index - 1];
            }
            self.distance[index] = round(total * gone as f64 / moving as f64, 1);
        }
        self.derive();
    }

    /// Seconds spent moving.
    pub(crate) fn moving_s(&self) -> i64 {
        (1..self.time.len())
            .filter(|index| self.moving[*index])
            .map(|index| self.time[index] - self.time[index - 1])
            .sum()
    }

    /// The same streams without the points at both ends that lie within `radius` metres of `home`.
    pub(crate) fn without_zone(&self, home: [f64; 2], radius: f64) -> Self {
        let Some(latlng) = &self.latlng else {
            return self.clone();
        };
        let outside = |at: &[f64; 2]| metres_between(*at, home) > radius;
        let (Some(first), Some(last)) =
            (latlng.iter().position(outside), latlng.iter().rposition(outside))
        else {
            return Self { latlng: None, ..self.clone() };
        };
        let keep = first..=last;
        Self {
            time: self.time[keep.clone()].to_vec(),
            distance: self.distance[keep.clone()].to_vec(),
            latlng: Some(latlng[keep.clone()].to_vec()),
            altitude: self.altitude.as_ref().map(|all| all[keep.clone()].to_vec()),
            velocity: self.velocity[keep.clone()].to_vec(),
            heartrate: self.heartrate.as_ref().map(|all| all[keep.clone()].to_vec()),
            cadence: self.cadence.as_ref().map(|all| all[keep.clone()].to_vec()),
            watts: self.watts.as_ref().map(|all| all[keep.clone()].to_vec()),
            temp: self.temp.as_ref().map(|all| all[keep.clone()].to_vec()),
            moving: self.moving[keep.clone()].to_vec(),
            grade: self.grade.as_ref().map(|all| all[keep].to_vec()),
        }
    }

    fn data(&self, kind: &str) -> Option<Data<'_>> {
        match kind {
            "time" => Some(Data::Whole(&self.time)),
            "distance" => Some(Data::Number(&self.distance)),
            "latlng" => self.latlng.as_deref().map(Data::Pair),
            "altitude" => self.altitude.as_deref().map(Data::Number),
            "velocity_smooth" => Some(Data::Number(&self.velocity)),
            "heartrate" => self.heartrate.as_deref().map(Data::Whole),
            "cadence" => self.cadence.as_deref().map(Data::Whole),
            "watts" => self.watts.as_deref().map(Data::Watts),
            "temp" => self.temp.as_deref().map(Data::Whole),
            "moving" => Some(Data::Flag(&self.moving)),
            "grade_smooth" => self.grade.as_deref().map(Data::Number),
            _ => None,
        }
    }

    /// The JSON answer: an object by type, or an array of objects that name their type.
    pub(crate) fn json(&self, kinds: &[&str], by_type: bool) -> String {
        let entries = TYPES
            .iter()
            .filter(|kind| kinds.contains(kind))
            .filter_map(|kind| Some((*kind, self.data(kind)?)));
        let entry = |kind, data| Entry {
            kind,
            data,
            series_type: "distance",
            original_size: self.time.len(),
            resolution: "high",
        };
        let parts: Vec<String> = entries
            .filter_map(|(kind, data)| {
                if by_type {
                    let body = serde_json::to_string(&entry(None, data)).ok()?;
                    Some(format!("\"{kind}\":{body}"))
                } else {
                    serde_json::to_string(&entry(Some(kind), data)).ok()
                }
            })
            .collect();
        if by_type { format!("{{{}}}", parts.join(",")) } else { format!("[{}]", parts.join(",")) }
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    data: Data<'a>,
    series_type: &'static str,
    original_size: usize,
    resolution: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Whole(&'a [i64]),
    Number(&'a [f64]),
    Pair(&'a [[f64; 2]]),
    Flag(&'a [bool]),
    Watts(&'a [Option<i64>]),
}

/// A value for every point: the last known one where it is missing, the first known one before it.
fn filled<T: Copy>(points: &[Point], pick: impl Fn(&Point) -> Option<T>) -> Option<Vec<T>> {
    let mut last = points.iter().find_map(&pick)?;
    Some(
        points
            .iter()
            .map(|point| {
                last = pick(point).unwrap_or(last);
                last
            })
            .collect(),
    )
}

fn distances(points: &[Point]) -> Vec<f64> {
    let given = points.iter().filter(|point| point.distance.is_some()).count();
    let mut total = 0.0;
    let mut last: Option<[f64; 2]> = None;
    points
        .iter()
        .map(|point| {
            if given * 2 > points.len() {
                total = point.distance.unwrap_or(total).max(total);
            } else if let Some(at) = point.position {
                total += last.map_or(0.0, |from| metres_between(from, at));
                last = Some(at);
            }
            round(total, 1)
        })
        .collect()
}
