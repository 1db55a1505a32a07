//! Splits, laps, best efforts and zone times computed from streams.

use serde_json::{Value, json};

use super::streams::Streams;
use super::{LapSpan, round};
use crate::times::iso;
use crate::world::Activity;

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
    fn metres(&self) -> f64 {
        round(self.streams.distance[self.to] - self.streams.distance[self.from], 1)
    }

    fn elapsed(&self) -> i64 {
        self.streams.time[self.to] - self.streams.time[self.from]
    }

    fn moving(&self) -> i64 {
        (self.from + 1..=self.to)
            .filter(|index| self.streams.moving[*index])
            .map(|index| self.streams.time[index] - self.streams.time[index - 1])
            .sum()
    }

    fn speed(&self) -> f64 {
        round(self.metres() / self.moving().max(1) as f64, 2)
    }

    fn beats(&self) -> Option<(f64, i64)> {
        let all = &self.streams.heartrate.as_ref()?[self.from..=self.to];
        let mean = all.iter().sum::<i64>() as f64 / all.len().max(1) as f64;
        Some((round(mean, 1), all.iter().copied().max()?))
    }

    fn rise(&self) -> (f64, f64) {
        let Some(altitude) = &self.streams.altitude else {
            return (0.0, 0.0);
        };
        let all = &altitude[self.from..=self.to];
        (round(altitude[self.to] - altitude[self.from], 1), round(super::summarize::gain(all), 1))
    }
}

/// Splits of so many metres; the last is the remainder.
pub(crate) fn splits(streams: &Streams, metres: f64) -> Vec<Value> {
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
            "distance": part.metres(), "elapsed_time": part.elapsed(), "elevation_difference": part.rise().0,
            "moving_time": part.moving(), "split": out.len() + 1, "average_speed": part.speed(),
            "average_grade_adjusted_speed": part.speed(), "pace_zone": 2,
        });
        if let Some((mean, _)) = part.beats() {
            split["average_heartrate"] = json!(mean);
        }
        out.push(split);
        from = index;
        next += metres;
    }
    out
}

/// Laps: the device's, or one that holds everything.
pub(crate) fn laps(activity: &Activity, streams: &Streams) -> Vec<Value> {
    let last = streams.time.len().saturating_sub(1);
    if last == 0 {
        return Vec::new();
    }
    let whole = [LapSpan {
        start_s: 0.0,
        elapsed_s: activity.summary.elapsed_time as f64,
        distance: Some(activity.summary.distance),
    }];
    let spans: &[LapSpan] = if activity.laps.is_empty() { &whole } else { &activity.laps };
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
            lap(activity, span, &part, number + 1)
        })
        .collect()
}

fn lap(activity: &Activity, span: &LapSpan, part: &Stretch<'_>, number: usize) -> Value {
    let summary = &activity.summary;
    let metres = span.distance.unwrap_or_else(|| part.metres());
    let moving = if part.to > part.from { part.moving() } else { span.elapsed_s as i64 };
    let top = part.streams.velocity[part.from..=part.to].iter().copied().fold(0.0, f64::max);
    let shown = activity.shown_start();
    let mut lap = json!({
        "id": summary.id.wrapping_mul(3) % 900_000_000_000 + number as i64, "resource_state": 2,
        "name": format!("Lap {number}"),
        "activity": {"id": summary.id, "visibility": summary.visibility, "resource_state": 1},
        "athlete": {"id": summary.athlete.id, "resource_state": 1},
        "elapsed_time": span.elapsed_s.round() as i64, "moving_time": moving,
        "start_date": iso(shown.utc + span.start_s as i64), "start_date_local": iso(shown.local + span.start_s as i64),
        "distance": round(metres, 1), "average_speed": round(metres / moving.max(1) as f64, 2), "max_speed": top,
        "lap_index": number, "split": number, "start_index": part.from, "end_index": part.to,
        "total_elevation_gain": part.rise().1, "device_watts": part.streams.watts.is_some(), "pace_zone": 2,
    });
    if let Some((mean, most)) = part.beats() {
        lap["average_heartrate"] = json!(mean);
        lap["max_heartrate"] = json!(most as f64);
    }
    lap
}

/// Fastest stretches of the usual distances.
pub(crate) fn best_efforts(activity: &Activity, streams: &Streams) -> Vec<Value> {
    let summary = &activity.summary;
    let shown = activity.shown_start();
    EFFORTS
        .iter()
        .enumerate()
        .filter_map(|(number, (name, metres))| {
            let (from, to) = fastest(streams, *metres)?;
            let time = streams.time[to] - streams.time[from];
            Some(json!({
                "id": summary.id.wrapping_mul(5) % 900_000_000_000 + number as i64, "resource_state": 2, "name": name,
                "activity": {"id": summary.id, "visibility": summary.visibility, "resource_state": 1},
                "athlete": {"id": summary.athlete.id, "resource_state": 1},
                "elapsed_time": time, "moving_time": time, "start_date": iso(shown.utc + streams.time[from]),
                "start_date_local": iso(shown.local + streams.time[from]), "distance": *metres as i64,
                "pr_rank": null, "achievements": [], "start_index": from, "end_index": to,
            }))
        })
        .collect()
}

fn fastest(streams: &Streams, metres: f64) -> Option<(usize, usize)> {
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

/// `/zones`: seconds per heart rate zone, and per pace zone for runs.
pub(crate) fn zones(activity: &Activity, streams: &Streams, bounds: &[[f64; 2]]) -> Value {
    let mut out = Vec::new();
    if let Some(beats) = &streams.heartrate {
        let values: Vec<f64> = beats.iter().map(|value| *value as f64).collect();
        out.push(json!({
            "score": activity.summary.suffer_score.unwrap_or(0.0), "distribution_buckets": buckets(streams, &values, bounds),
            "type": "heartrate", "resource_state": 3, "sensor_based": true, "points": 10, "custom_zones": false,
        }));
    }
    if activity.summary.kind == "Run" && !streams.velocity.is_empty() {
        let pace = [[0.0, 2.5], [2.5, 2.9], [2.9, 3.3], [3.3, 3.7], [3.7, 4.1], [4.1, -1.0]];
        out.push(json!({
            "score": 8, "distribution_buckets": buckets(streams, &streams.velocity, &pace),
            "type": "pace", "resource_state": 3, "sensor_based": true,
        }));
    }
    Value::Array(out)
}

fn buckets(streams: &Streams, values: &[f64], bounds: &[[f64; 2]]) -> Vec<Value> {
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
