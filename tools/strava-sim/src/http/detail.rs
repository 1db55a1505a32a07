//! The detail of an activity: its summary and everything computed from its streams.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::reply;
use crate::content::recorded;
use crate::tracks::streams::Streams;
use crate::tracks::{derive, polyline};
use crate::world::{Activity, Athlete, Body, Sight, Source, Summary};

#[derive(Serialize)]
struct Detail<'a> {
    #[serde(flatten)]
    summary: Summary,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

/// Renders the detail.
pub(crate) fn render(activity: &Activity, sight: Sight, athlete: &Athlete) -> Body {
    let mut summary = activity.seen(sight, athlete);
    summary.resource_state = 3;
    summary.map.resource_state = 3;
    let streams = activity.streams();
    let seen = match (&streams, sight, athlete.privacy_zone) {
        (Some(streams), Sight::Limited, Some((home, radius))) => {
            Some(Arc::new(streams.without_zone(home, radius)))
        }
        _ => streams.clone(),
    };
    let line = seen.as_ref().and_then(|seen| seen.latlng.as_ref());
    summary.map.polyline =
        Some(line.map_or_else(String::new, |line| polyline::encode(&polyline::thin(line, 1000))));
    let device = summary.device_name.take();
    let mut extra = common(activity, athlete);
    if let Some(streams) = streams {
        measured(&mut extra, activity, &streams);
        extra.insert("device_name".to_owned(), json!(device));
    }
    if matches!(activity.source, Source::Marathon) {
        recorded_parts(&mut extra, &mut summary);
    }
    let detail = Detail { summary, extra: &extra };
    reply::body(serde_json::to_vec(&detail).unwrap_or_default())
}

fn common(activity: &Activity, athlete: &Athlete) -> Map<String, Value> {
    let summary = &activity.summary;
    let gear = summary.gear_id.as_deref();
    let gear = gear.and_then(|id| athlete.gear.iter().find(|gear| gear["id"] == id));
    let start = if activity.hide_start { "only_me" } else { "everyone" };
    let shown: Vec<Value> = ["heart_rate", "pace", "power", "speed", "calories", "start_time"]
        .iter()
        .map(|kind| json!({"type": kind, "visibility": if *kind == "start_time" { start } else { "everyone" }}))
        .collect();
    let mut out = Map::new();
    for (key, value) in [
        ("description", json!(activity.description)),
        ("calories", json!(activity.calories)),
        ("perceived_exertion", Value::Null),
        ("prefer_perceived_exertion", Value::Null),
        ("segment_efforts", json!([])),
        ("best_efforts", json!([])),
        ("photos", json!({"primary": null, "count": 0})),
        ("stats_visibility", json!(shown)),
        ("hide_from_home", json!(activity.hide_from_home)),
        ("embed_token", json!(format!("{:040x}", summary.id))),
        ("available_zones", json!([])),
    ] {
        out.insert(key.to_owned(), value);
    }
    if let Some(gear) = gear {
        out.insert("gear".to_owned(), crate::content::short(gear));
    }
    out
}

fn measured(extra: &mut Map<String, Value>, activity: &Activity, streams: &Streams) {
    let run = activity.summary.kind == "Run";
    let mut zones = Vec::new();
    if activity.summary.has_heartrate {
        zones.push("heartrate");
    }
    if run {
        zones.push("pace");
        extra.insert("best_efforts".to_owned(), json!(derive::best_efforts(activity, streams)));
    }
    for (key, value) in [
        ("splits_metric", json!(derive::splits(streams, 1000.0))),
        ("splits_standard", json!(derive::splits(streams, 1609.344))),
        ("laps", json!(derive::laps(activity, streams))),
        ("available_zones", json!(zones)),
    ] {
        extra.insert(key.to_owned(), value);
    }
}

/// The marathon was recorded with its detail: that is what it shows, edits aside.
fn recorded_parts(extra: &mut Map<String, Value>, summary: &mut Summary) {
    let Value::Object(recorded) = recorded::marathon() else {
        return;
    };
    summary.map.polyline = recorded["map"]["polyline"].as_str().map(str::to_owned);
    let own = serde_json::to_value(&*summary).unwrap_or_default();
    for (key, value) in recorded {
        if own.get(&key).is_none() && !matches!(key.as_str(), "description" | "hide_from_home") {
            extra.insert(key, value);
        }
    }
}
