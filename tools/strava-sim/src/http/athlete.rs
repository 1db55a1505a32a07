//! The athlete: profile, zones, statistics, gear.

use std::sync::Arc;

use actix_web::web::Path;
use serde_json::{Map, Value, json};

use super::caller::Caller;
use super::params::Params;
use super::response::{Fault, HandlerResult, ok_json};
use crate::sim_state::SimData;
use crate::times::{format_iso, parse_iso};
use crate::world::{ActivityTimeline, Athlete, SummaryActivity, World};

/// Length of the period of recent totals in seconds.
const RECENT_S: i64 = 28 * 86_400;

fn find_athlete(world: &World, caller: &Caller) -> Result<Arc<Athlete>, Fault> {
    world.athlete(caller.athlete).ok_or_else(|| Fault::not_found("Athlete"))
}

/// `GET /athlete`.
pub(super) async fn show(sim: SimData, caller: Caller) -> HandlerResult {
    let athlete = find_athlete(&sim.world(), &caller)?;
    if caller.scopes.has("profile:read_all") {
        return Ok(ok_json(&athlete.profile));
    }
    Ok(ok_json(&athlete.summary()))
}

/// `PUT /athlete`: the weight.
pub(super) async fn update(sim: SimData, caller: Caller, params: Params) -> HandlerResult {
    caller.require("profile:write", "profile:write_permission")?;
    let mut world = sim.world();
    let mut athlete = Athlete::clone(&*find_athlete(&world, &caller)?);
    if let Some(weight) = params.number::<f64>("weight") {
        athlete.profile["weight"] = json!(weight);
    }
    let answer = ok_json(&athlete.profile);
    world.athletes.insert(athlete.id, Arc::new(athlete));
    Ok(answer)
}

/// `GET /athlete/zones`.
pub(super) async fn show_zones(sim: SimData, caller: Caller) -> HandlerResult {
    caller.require("profile:read_all", "profile:read_permission")?;
    Ok(ok_json(&find_athlete(&sim.world(), &caller)?.zones))
}

/// `GET /gear/{id}`.
pub(super) async fn show_gear(sim: SimData, caller: Caller, id: Path<String>) -> HandlerResult {
    let athlete = find_athlete(&sim.world(), &caller)?;
    let gear = athlete.gear.iter().find(|gear| gear["id"] == id.as_str());
    gear.map(ok_json).ok_or_else(|| Fault::not_found("Gear"))
}

/// `GET /athletes/{id}/stats`: the caller's own, of activities that everyone may see.
pub(super) async fn show_stats(sim: SimData, caller: Caller, id: Path<i64>) -> HandlerResult {
    if *id != caller.athlete {
        return Err(Fault::forbidden("Athlete"));
    }
    let now = sim.clock.now_s();
    let timeline = sim.world().timelines.get(&id).cloned().unwrap_or_default();
    let year_start = parse_iso(&format!("{}-01-01T00:00:00Z", &format_iso(now)[..4])).unwrap_or(0);
    let mut out = Map::new();
    for (name, kinds) in [
        ("ride", ["Ride", "VirtualRide"]),
        ("run", ["Run", "VirtualRun"]),
        ("swim", ["Swim", "Swim"]),
    ] {
        let totals = |since_s| sum_totals(&timeline, &kinds, since_s);
        let mut recent = totals(now - RECENT_S);
        recent["achievement_count"] = json!(0);
        out.insert(format!("recent_{name}_totals"), recent);
        out.insert(format!("ytd_{name}_totals"), totals(year_start));
        out.insert(format!("all_{name}_totals"), totals(i64::MIN));
    }
    let rides = public_since(&timeline, i64::MIN).filter(|summary| summary.kind == "Ride");
    let longest = rides.map(|summary| summary.distance).reduce(f64::max);
    let climb = public_since(&timeline, i64::MIN)
        .map(|summary| summary.total_elevation_gain)
        .reduce(f64::max);
    for (name, value) in
        [("biggest_ride_distance", longest), ("biggest_climb_elevation_gain", climb)]
    {
        out.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    Ok(ok_json(&out))
}

fn public_since(
    timeline: &ActivityTimeline,
    since_s: i64,
) -> impl Iterator<Item = &SummaryActivity> {
    let summaries = timeline.range((since_s, i64::MIN)..).map(|(_, activity)| &activity.summary);
    summaries.filter(|summary| summary.visibility == "everyone")
}

fn sum_totals(timeline: &ActivityTimeline, kinds: &[&str], since_s: i64) -> Value {
    let (mut count, mut distance, mut gain) = (0, 0.0, 0.0);
    let (mut moving, mut elapsed) = (0, 0);
    for summary in public_since(timeline, since_s) {
        if kinds.contains(&summary.kind.as_str()) {
            count += 1;
            distance += summary.distance;
            gain += summary.total_elevation_gain;
            moving += summary.moving_time;
            elapsed += summary.elapsed_time;
        }
    }
    json!({"count": count, "distance": distance, "moving_time": moving, "elapsed_time": elapsed, "elevation_gain": gain})
}
