//! The detail of an activity: its summary and everything computed from its streams.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::analysis;
use crate::content;
use crate::tracks::{Streams, polyline};
use crate::world::{Activity, Athlete, ReadAccess, RenderedBody, StreamSource, SummaryActivity};

/// Maximum number of positions in the polyline.
const MAX_POSITIONS: usize = 1000;

#[derive(Serialize)]
struct Detail<'a> {
    #[serde(flatten)]
    summary: SummaryActivity,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

/// Renders the detail, once for each access.
pub(super) fn render_detail(
    activity: &Activity,
    access: ReadAccess,
    athlete: &Athlete,
) -> RenderedBody {
    activity.cached_detail(access, || {
        let mut summary = activity.visible_summary(access, athlete);
        summary.resource_state = 3;
        summary.map.resource_state = 3;
        let streams = content::load_streams(activity);
        let course = streams.as_ref().and_then(|streams| visible_course(streams, access, athlete));
        summary.map.polyline = Some(course.unwrap_or_default());
        let device = summary.device_name.take();
        let mut extra = common_fields(activity, athlete);
        if let Some(streams) = streams {
            add_measured_fields(&mut extra, activity, &streams);
            extra.insert("device_name".to_owned(), json!(device));
        }
        if matches!(activity.source, StreamSource::Marathon) {
            add_recorded_fields(&mut extra, &mut summary);
        }
        let detail = Detail { summary, extra: &extra };
        RenderedBody::new(serde_json::to_vec(&detail).unwrap_or_default())
    })
}

/// The positions outside the privacy zone, encoded.
fn visible_course(streams: &Streams, access: ReadAccess, athlete: &Athlete) -> Option<String> {
    let mut latlng = streams.latlng.as_deref()?;
    if let (ReadAccess::Limited, Some(zone)) = (access, athlete.privacy_zone) {
        latlng = &latlng[zone.span_outside(latlng)?];
    }
    Some(polyline::encode(&polyline::thin_out(latlng, MAX_POSITIONS)))
}

fn common_fields(activity: &Activity, athlete: &Athlete) -> Map<String, Value> {
    let summary = &activity.summary;
    let gear = summary.gear_id.as_deref();
    let gear = gear.and_then(|id| athlete.gear.iter().find(|gear| gear["id"] == id));
    let start = if activity.hide_start { "only_me" } else { "everyone" };
    let visibilities: Vec<Value> = ["heart_rate", "pace", "power", "speed", "calories", "start_time"]
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
        ("stats_visibility", json!(visibilities)),
        ("hide_from_home", json!(activity.hide_from_home)),
        ("embed_token", json!(format!("{:040x}", summary.id))),
        ("available_zones", json!([])),
    ] {
        out.insert(key.to_owned(), value);
    }
    if let Some(gear) = gear {
        out.insert("gear".to_owned(), content::summarize_gear(gear));
    }
    out
}

fn add_measured_fields(extra: &mut Map<String, Value>, activity: &Activity, streams: &Streams) {
    let run = activity.summary.kind == "Run";
    let mut zones = Vec::new();
    if activity.summary.has_heartrate {
        zones.push("heartrate");
    }
    if run {
        zones.push("pace");
        extra.insert("best_efforts".to_owned(), json!(analysis::best_efforts(activity, streams)));
    }
    for (key, value) in [
        ("splits_metric", json!(analysis::splits(streams, 1000.0))),
        ("splits_standard", json!(analysis::splits(streams, 1609.344))),
        ("laps", json!(analysis::laps(activity, streams))),
        ("available_zones", json!(zones)),
    ] {
        extra.insert(key.to_owned(), value);
    }
}

/// Adds the recorded detail of the marathon, edits aside.
fn add_recorded_fields(extra: &mut Map<String, Value>, summary: &mut SummaryActivity) {
    let Value::Object(recorded) = content::marathon_detail() else {
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
