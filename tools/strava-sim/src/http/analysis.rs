//! Splits, laps, best efforts and zone times computed from streams.

use serde_json::{Value, json};

use crate::times::{format_iso, parse_iso};
use crate::tracks::{Lap, Streams, elevation_gain, round};
use crate::world::Activity;

/// Speeds in metres per second that bound the pace zones; −1 for no bound.
const PACE_ZONES: [[f64; 2]; 6] =
    [[0.0, 2.5], [2.5, 2.9], [2.9, 3.3], [3.3, 3.7], [3.7, 4.1], [4.1, -1.0]];

/// Names and metres of the best efforts of a run.
const EFFORTS: [(&str, f64); 14] = [
    ("400m", 400.0),
    ("1/2 mile", 805.0),
    ("1K", 1000.0),
    ("1 mile", 1609.0),
    ("2 mile", 3219.0),
    ("5K", 5000.0),
    ("10K", 10_000.0),
    ("15K", 15_000.0),
    ("10 mile", 16_090.0),
    ("20K", 20_000.0),
    ("Half-Marathon", 21_097.0),
    ("30K", 30_000.0),
    ("Marathon", 42_195.0),
    ("50K", 50_000.0),
];

/// The stretch between two indexes of the streams.
struct Stretch<'a> {
    streams: &'a Streams,
    from: usize,
    to: usize,
}

impl Stretch<'_> {
    fn distance(&self) -> f64 {
        round(self.streams.distance[self.to] - self.streams.distance[self.from], 1)
    }

    fn elapsed_s(&self) -> i64 {
        self.streams.time[self.to] - self.streams.time[self.from]
    }

    fn moving_s(&self) -> i64 {
        self.streams.moving_s(self.from, self.to)
    }

    fn speed(&self) -> f64 {
        round(self.distance() / self.moving_s().max(1) as f64, 2)
    }

    /// Mean and maximum heart rate.
    fn heart_rate(&self) -> Option<(f64, i64)> {
        let all = &self.streams.heartrate.as_ref()?[self.from..=self.to];
        let mean = all.iter().sum::<i64>() as f64 / all.len().max(1) as f64;
        Some((round(mean, 1), all.iter().copied().max()?))
    }

    fn altitude(&self) -> &[f64] {
        self.streams.altitude.as_ref().map_or(&[], |all| &all[self.from..=self.to])
    }

    /// Metres between the heights of both ends.
    fn elevation_difference(&self) -> f64 {
        let ends = self.altitude().first().zip(self.altitude().last());
        ends.map_or(0.0, |(first, last)| round(last - first, 1))
    }

    fn elevation_gain(&self) -> f64 {
        round(elevation_gain(self.altitude()), 1)
    }
}

/// The start as the answers show it, in UTC and as wall clock.
struct DisplayedStart {
    utc_s: i64,
    local_s: i64,
}

impl DisplayedStart {
    fn new(activity: &Activity) -> Self {
        let parse = |date| parse_iso(date).unwrap_or(activity.start_s);
        let summary = &activity.summary;
        Self { utc_s: parse(&summary.start_date), local_s: parse(&summary.start_date_local) }
    }
}

/// Splits of this many metres; the last is the remainder.
pub(super) fn splits(streams: &Streams, metres: f64) -> Vec<Value> {
    let mut out = Vec::new();
    let mut from = 0;
    let last = streams.time.len().saturating_sub(1);
    let mut next = metres;
    for index in 1..=last {
        if streams.distance[index] < next && index != last {
            continue;
        }
        let part = Stretch { streams, from, to: index };
        let mut split = json!({
            "distance": part.distance(), "elapsed_time": part.elapsed_s(), "elevation_difference": part.elevation_difference(),
            "moving_time": part.moving_s(), "split": out.len() + 1, "average_speed": part.speed(),
            "average_grade_adjusted_speed": part.speed(), "pace_zone": 2,
        });
        if let Some((mean, _)) = part.heart_rate() {
            split["average_heartrate"] = json!(mean);
        }
        out.push(split);
        from = index;
        next += metres;
    }
    out
}

/// The device's laps, or one that holds everything.
pub(super) fn laps(activity: &Activity, streams: &Streams) -> Vec<Value> {
    let last = streams.time.len().saturating_sub(1);
    if last == 0 {
        return Vec::new();
    }
    let whole = [Lap {
        start_s: 0.0,
        elapsed_s: activity.summary.elapsed_time as f64,
        distance: Some(activity.summary.distance),
    }];
    let spans: &[Lap] = if activity.laps.is_empty() { &whole } else { &activity.laps };
    spans
        .iter()
        .enumerate()
        .map(|(number, span)| {
            let index_at = |second: f64| {
                streams.time.partition_point(|time| (*time as f64) < second).min(last)
            };
            let from = index_at(span.start_s);
            let part =
                Stretch { streams, from, to: index_at(span.start_s + span.elapsed_s).max(from) };
            lap_json(activity, span, &part, number + 1)
        })
        .collect()
}

fn lap_json(activity: &Activity, span: &Lap, part: &Stretch<'_>, number: usize) -> Value {
    let summary = &activity.summary;
    let metres = span.distance.unwrap_or_else(|| part.distance());
    let moving = if part.to > part.from { part.moving_s() } else { span.elapsed_s as i64 };
    let top = part.streams.velocity[part.from..=part.to].iter().copied().fold(0.0, f64::max);
    let start = DisplayedStart::new(activity);
    let mut lap = json!({
        "id": summary.id.wrapping_mul(3) % 900_000_000_000 + number as i64, "resource_state": 2,
        "name": format!("Lap {number}"),
        "activity": {"id": summary.id, "visibility": summary.visibility, "resource_state": 1},
        "athlete": {"id": summary.athlete.id, "resource_state": 1},
        "elapsed_time": span.elapsed_s.round() as i64, "moving_time": moving,
        "start_date": format_iso(start.utc_s + span.start_s as i64), "start_date_local": format_iso(start.local_s + span.start_s as i64),
        "distance": round(metres, 1), "average_speed": round(metres / moving.max(1) as f64, 2), "max_speed": top,
        "lap_index": number, "split": number, "start_index": part.from, "end_index": part.to,
        "total_elevation_gain": part.elevation_gain(), "device_watts": part.streams.watts.is_some(), "pace_zone": 2,
    });
    if let Some((mean, maximum)) = part.heart_rate() {
        lap["average_heartrate"] = json!(mean);
        lap["max_heartrate"] = json!(maximum as f64);
    }
    lap
}

/// Fastest stretches of the usual distances.
pub(super) fn best_efforts(activity: &Activity, streams: &Streams) -> Vec<Value> {
    let summary = &activity.summary;
    let start = DisplayedStart::new(activity);
    EFFORTS
        .iter()
        .enumerate()
        .filter_map(|(number, (name, metres))| {
            let (from, to) = find_fastest(streams, *metres)?;
            let time = streams.time[to] - streams.time[from];
            Some(json!({
                "id": summary.id.wrapping_mul(5) % 900_000_000_000 + number as i64, "resource_state": 2, "name": name,
                "activity": {"id": summary.id, "visibility": summary.visibility, "resource_state": 1},
                "athlete": {"id": summary.athlete.id, "resource_state": 1},
                "elapsed_time": time, "moving_time": time, "start_date": format_iso(start.utc_s + streams.time[from]),
                "start_date_local": format_iso(start.local_s + streams.time[from]), "distance": *metres as i64,
                "pr_rank": null, "achievements": [], "start_index": from, "end_index": to,
            }))
        })
        .collect()
}

/// Indexes of both ends of the fastest stretch of at least this many metres.
fn find_fastest(streams: &Streams, metres: f64) -> Option<(usize, usize)> {
    let mut best: Option<(i64, usize, usize)> = None;
    let mut from = 0;
    for to in 1..streams.time.len() {
        while from + 1 < to && streams.distance[to] - streams.distance[from + 1] >= metres {
            from += 1;
        }
        if streams.distance[to] - streams.distance[from] < metres {
            continue;
        }
        let time = streams.time[to] - streams.time[from];
        if best.is_none_or(|(least, _, _)| time < least) {
            best = Some((time, from, to));
        }
    }
    best.map(|(_, from, to)| (from, to))
}

/// Seconds per heart rate zone, and per pace zone for runs.
pub(super) fn zones(activity: &Activity, streams: &Streams, bounds: &[[f64; 2]]) -> Value {
    let mut out = Vec::new();
    if let Some(beats) = &streams.heartrate {
        let values: Vec<f64> = beats.iter().map(|value| *value as f64).collect();
        out.push(json!({
            "score": activity.summary.suffer_score.unwrap_or(0.0), "distribution_buckets": time_per_zone(streams, &values, bounds),
            "type": "heartrate", "resource_state": 3, "sensor_based": true, "points": 10, "custom_zones": false,
        }));
    }
    if activity.summary.kind == "Run" && !streams.velocity.is_empty() {
        out.push(json!({
            "score": 8, "distribution_buckets": time_per_zone(streams, &streams.velocity, &PACE_ZONES),
            "type": "pace", "resource_state": 3, "sensor_based": true,
        }));
    }
    Value::Array(out)
}

fn time_per_zone(streams: &Streams, values: &[f64], bounds: &[[f64; 2]]) -> Vec<Value> {
    bounds
        .iter()
        .map(|[min, max]| {
            let seconds: i64 = (1..values.len())
                .filter(|index| streams.moving[*index])
                .filter(|index| values[*index] >= *min && (*max < 0.0 || values[*index] < *max))
                .map(|index| streams.time[index] - streams.time[index - 1])
                .sum();
            json!({"min": min, "max": max, "time": seconds as f64})
        })
        .collect()
}
