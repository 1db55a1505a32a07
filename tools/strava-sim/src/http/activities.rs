//! Activities: list, detail, laps, zones, manual entry and edits.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::guard::Caller;
use super::params::Params;
use super::reply::{self, Fault, ok};
use crate::times::{iso, parse_local, zone_label};
use crate::tracks::{derive, round};
use crate::world::{Activity, Athlete, Field, SPORT_TYPES, Shelf, Sight, Sim, Source, Summary};

/// The caller's own activity, if this token sees it.
pub(super) fn own(
    sim: &Sim,
    caller: &Caller,
    id: i64,
    sight: Sight,
) -> Result<(Arc<Activity>, Arc<Athlete>), Fault> {
    let world = sim.world();
    let activity = world
        .activity(id)
        .filter(|found| found.summary.athlete.id == caller.athlete && found.visible(sight));
    let athlete = world.athletes.get(&caller.athlete);
    activity.cloned().zip(athlete.cloned()).ok_or_else(|| Fault::not_found("Activity"))
}

/// `GET /athlete/activities`.
pub(crate) async fn list(
    sim: web::Data<Sim>,
    caller: Caller,
    params: Params,
) -> Result<HttpResponse, Fault> {
    let sight = caller.sight()?;
    let bound = |key| params.number::<f64>(key).map(|seconds| seconds as i64);
    let (after, before) = (bound("after"), bound("before"));
    if after.is_some_and(|after| after > sim.clock.now_s()) {
        return Err(Fault::bad("Application", "after", "future"));
    }
    let page = params.number::<usize>("page").unwrap_or(1).max(1);
    let per_page = params.number::<usize>("per_page").unwrap_or(30).clamp(1, 200);
    let (found, athlete) = {
        let world = sim.world();
        let athlete = world.athletes.get(&caller.athlete).cloned().ok_or_else(Fault::dead_token)?;
        let shelf = world.shelves.get(&caller.athlete);
        let found = shelf
            .map(|shelf| slice(shelf, (after, before), (page, per_page), sight))
            .unwrap_or_default();
        (found, athlete)
    };
    let mut out = Vec::with_capacity(found.len() * 1400 + 2);
    out.push(b'[');
    for (index, activity) in found.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&activity.summary_json(sight, &athlete));
    }
    out.push(b']');
    Ok(reply::rendered(StatusCode::OK, reply::body(out)))
}

/// One page; what the token must not see is taken out afterwards, so a page may be short before the end.
fn slice(
    shelf: &Shelf,
    (after, before): (Option<i64>, Option<i64>),
    (page, per_page): (usize, usize),
    sight: Sight,
) -> Vec<Arc<Activity>> {
    // both bounds are taken as exclusive
    let from = after.map_or(i64::MIN, |after| after.saturating_add(1));
    let to = before.unwrap_or(i64::MAX);
    if from >= to {
        return Vec::new();
    }
    let range = shelf.range((from, i64::MIN)..(to, i64::MIN)).map(|(_, activity)| activity);
    let skip = (page - 1).saturating_mul(per_page);
    let oldest_first = after.is_some() && before.is_none();
    let rest: Box<dyn Iterator<Item = &Arc<Activity>>> =
        if oldest_first { Box::new(range.skip(skip)) } else { Box::new(range.rev().skip(skip)) };
    let mut out = Vec::new();
    for (taken, activity) in rest.enumerate() {
        // an empty page would mean the end, so a page of hidden ones reaches on to the next visible one
        if taken >= per_page && !out.is_empty() {
            break;
        }
        if activity.visible(sight) {
            out.push(activity.clone());
        }
    }
    out.truncate(per_page);
    out
}

/// Does heavy work off the workers where a recorded file may have to be read first.
async fn aside<T: Send + 'static>(
    activity: &Arc<Activity>,
    work: impl FnOnce(&Activity) -> T + Send + 'static,
) -> Result<T, Fault> {
    if !matches!(activity.source, Source::File(_) | Source::Marathon) {
        return Ok(work(activity));
    }
    let activity = activity.clone();
    web::block(move || work(&activity)).await.map_err(|_stopped| Fault::unavailable())
}

/// `GET /activities/{id}`.
pub(crate) async fn show(
    sim: web::Data<Sim>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Fault> {
    let sight = caller.sight()?;
    let (activity, athlete) = own(&sim, &caller, *id, sight)?;
    let detail = aside(&activity, move |activity| activity.detail(sight, &athlete)).await?;
    Ok(reply::rendered(StatusCode::OK, detail))
}

/// `GET /activities/{id}/laps`.
pub(crate) async fn laps(
    sim: web::Data<Sim>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (activity, _) = own(&sim, &caller, *id, caller.sight()?)?;
    let laps = aside(&activity, |activity| {
        activity.streams().map(|streams| derive::laps(activity, &streams)).unwrap_or_default()
    });
    Ok(ok(&laps.await?))
}

/// `GET /activities/{id}/zones`.
pub(crate) async fn zones(
    sim: web::Data<Sim>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (activity, athlete) = own(&sim, &caller, *id, caller.sight()?)?;
    let bounds = athlete.heart_zones();
    let zones = aside(&activity, move |activity| {
        activity
            .streams()
            .map_or_else(|| json!([]), |streams| derive::zones(activity, &streams, &bounds))
    });
    Ok(ok(&zones.await?))
}

fn sport(params: &Params) -> Result<Option<&str>, Fault> {
    let named = params.get("sport_type").or_else(|| params.get("type"));
    match named {
        Some(name) if !SPORT_TYPES.contains(&name) => {
            Err(Fault::bad("Activity", "sport_type", "invalid"))
        }
        other => Ok(other),
    }
}

/// `POST /activities`: an entry by hand.
pub(crate) async fn create(
    sim: web::Data<Sim>,
    caller: Caller,
    params: Params,
) -> Result<HttpResponse, Fault> {
    caller.may_write()?;
    let missing = |field: &str| Fault::bad("Activity", field, "missing");
    let name = params.get("name").ok_or_else(|| missing("name"))?;
    let sport = sport(&params)?.ok_or_else(|| missing("sport_type"))?;
    let elapsed = params.number::<i64>("elapsed_time").ok_or_else(|| missing("elapsed_time"))?;
    let when = params.get("start_date_local").ok_or_else(|| missing("start_date_local"))?;
    let now = sim.clock.now_ms();
    let mut world = sim.world();
    let athlete = world.athletes.get(&caller.athlete).cloned().ok_or_else(Fault::dead_token)?;
    let (start, offset) = parse_local(when, athlete.zone)
        .ok_or_else(|| Fault::bad("Activity", "start_date_local", "invalid"))?;
    let mut summary = Summary::blank(world.new_id(), athlete.id, sport);
    name.clone_into(&mut summary.name);
    summary.start_date = iso(start);
    summary.start_date_local = iso(start + offset);
    summary.utc_offset = offset as f64;
    summary.timezone = zone_label(athlete.zone, start);
    summary.distance = params.number("distance").unwrap_or(0.0);
    summary.elapsed_time = elapsed;
    summary.moving_time = elapsed;
    summary.average_speed = round(summary.distance / elapsed.max(1) as f64, 2);
    summary.trainer = params.flag("trainer");
    summary.commute = params.flag("commute");
    summary.manual = true;
    let mut activity = Activity::new(summary, Source::Manual);
    activity.description = params.get("description").map(str::to_owned);
    let made = world.create(activity, false, now);
    drop(world);
    sim.wake.notify_one();
    Ok(reply::rendered(StatusCode::CREATED, made.detail(Sight::All, &athlete)))
}

/// `PUT /activities/{id}`.
pub(crate) async fn edit(
    sim: web::Data<Sim>,
    caller: Caller,
    id: web::Path<i64>,
    params: Params,
) -> Result<HttpResponse, Fault> {
    caller.may_write()?;
    let sight = if caller.scopes.has("activity:read_all") { Sight::All } else { Sight::Limited };
    let (before, athlete) = own(&sim, &caller, *id, sight)?;
    let mut activity = Activity::clone(&before);
    if let Some(sport) = sport(&params)? {
        activity.summary.set_sport(sport);
    }
    if let Some(name) = params.get("name") {
        name.clone_into(&mut activity.summary.name);
    }
    if params.has("description") {
        activity.description = params.get("description").map(str::to_owned);
    }
    match params.get("gear_id") {
        Some("none") => activity.summary.gear_id = None,
        Some(gear) => activity.summary.gear_id = Some(gear.to_owned()),
        None => {}
    }
    // booleans count in JSON only
    if params.json {
        for (key, flag) in [
            ("commute", &mut activity.summary.commute),
            ("trainer", &mut activity.summary.trainer),
            ("hide_from_home", &mut activity.hide_from_home),
        ] {
            if params.has(key) {
                *flag = params.flag(key);
            }
        }
    }
    if activity.summary.kind != "Run" && activity.summary.kind != "Ride" {
        activity.summary.workout_type = Field::Absent;
    }
    let changed = sim.world().update(activity, false, sim.clock.now_ms());
    sim.wake.notify_one();
    Ok(reply::rendered(StatusCode::OK, changed.detail(sight, &athlete)))
}
