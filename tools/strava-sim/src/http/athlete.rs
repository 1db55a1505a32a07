//! The athlete: profile, zones, statistics, gear.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::guard::Caller;
use super::params::Params;
use super::reply::{Fault, ok};
use crate::world::{Athlete, Shelf, Sim, World};

fn athlete(world: &World, caller: &Caller) -> Result<Arc<Athlete>, Fault> {
    world.athletes.get(&caller.athlete).cloned().ok_or_else(|| Fault::not_found("Athlete"))
}

/// `GET /athlete`.
pub(crate) async fn show(sim: web::Data<Sim>, caller: Caller) -> Result<HttpResponse, Fault> {
    let athlete = athlete(&sim.world(), &caller)?;
    if caller.scopes.has("profile:read_all") {
        return Ok(ok(&athlete.profile));
    }
    Ok(ok(&athlete.summary()))
}

/// `PUT /athlete`: the weight.
pub(crate) async fn update(
    sim: web::Data<Sim>,
    caller: Caller,
    params: Params,
) -> Result<HttpResponse, Fault> {
    caller.require("profile:write", "profile:write_permission")?;
    let mut world = sim.world();
    let mut changed = Athlete::clone(&*athlete(&world, &caller)?);
    if let Some(weight) = params.number::<f64>("weight") {
        changed.profile["weight"] = json!(weight);
    }
    let changed = Arc::new(changed);
    world.athletes.insert(changed.id, changed.clone());
    Ok(ok(&changed.profile))
}

/// `GET /athlete/zones`.
pub(crate) async fn zones(sim: web::Data<Sim>, caller: Caller) -> Result<HttpResponse, Fault> {
    caller.require("profile:read_all", "profile:read_permission")?;
    Ok(ok(&athlete(&sim.world(), &caller)?.zones))
}

/// `GET /gear/{id}`.
pub(crate) async fn gear(
    sim: web::Data<Sim>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let athlete = athlete(&sim.world(), &caller)?;
    let found = athlete.gear.iter().find(|gear| gear["id"] == id.as_str());
    found.map(ok).ok_or_else(|| Fault::not_found("Gear"))
}

/// `GET /athletes/{id}/stats`: the own ones, of what everyone may see.
pub(crate) async fn stats(
    sim: web::Data<Sim>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Fault> {
    if *id != caller.athlete {
        return Err(Fault::forbidden("Athlete"));
    }
    let now = sim.clock.now_s();
    let shelf = sim.world().shelves.get(&id).cloned().unwrap_or_default();
    let year: i32 = crate::times::iso(now)[..4].parse().unwrap_or(1970);
    let year_start = crate::times::parse_iso(&format!("{year}-01-01T00:00:00Z")).unwrap_or(0);
    let mut out = serde_json::Map::new();
    for (name, kinds) in [
        ("ride", ["Ride", "VirtualRide"]),
        ("run", ["Run", "VirtualRun"]),
        ("swim", ["Swim", "Swim"]),
    ] {
        let mut recent = totals(&shelf, &kinds, now - 28 * 86_400);
        recent["achievement_count"] = json!(0);
        out.insert(format!("recent_{name}_totals"), recent);
        out.insert(format!("ytd_{name}_totals"), totals(&shelf, &kinds, year_start));
        out.insert(format!("all_{name}_totals"), totals(&shelf, &kinds, i64::MIN));
    }
    let public = || shelf.values().filter(|found| found.summary.visibility == "everyone");
    let longest = public()
        .filter(|found| found.summary.kind == "Ride")
        .map(|found| found.summary.distance)
        .reduce(f64::max);
    let climb = public().map(|found| found.summary.total_elevation_gain).reduce(f64::max);
    for (name, value) in
        [("biggest_ride_distance", longest), ("biggest_climb_elevation_gain", climb)]
    {
        if let Some(value) = value {
            out.insert(name.to_owned(), json!(value));
        }
    }
    Ok(ok(&out))
}

fn totals(shelf: &Shelf, kinds: &[&str], since_s: i64) -> Value {
    let (mut count, mut distance, mut gain) = (0, 0.0, 0.0);
    let (mut moving, mut elapsed) = (0, 0);
    for activity in shelf.range((since_s, i64::MIN)..).map(|(_, activity)| &activity.summary) {
        if activity.visibility != "everyone" || !kinds.contains(&activity.kind.as_str()) {
            continue;
        }
        count += 1;
        distance += activity.distance;
        gain += activity.total_elevation_gain;
        moving += activity.moving_time;
        elapsed += activity.elapsed_time;
    }
    json!({"count": count, "distance": distance, "moving_time": moving, "elapsed_time": elapsed, "elevation_gain": gain})
}
