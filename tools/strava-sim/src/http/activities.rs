//! Activities: list, detail, laps, zones, manual entry and edits.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use serde_json::json;

use super::activity_detail::render_detail;
use super::analysis;
use super::caller::Caller;
use super::params::Params;
use super::response::{Fault, HandlerResult, ok_json, rendered_response};
use crate::content::load_streams;
use crate::sim_state::{SimData, SimState};
use crate::times::parse_local;
use crate::tracks::round;
use crate::world::{
    Activity, ActivityTimeline, Athlete, OptionalField, ReadAccess, RenderedBody, SPORT_TYPES,
    StreamSource, SummaryActivity,
};

/// Finds an activity of the caller, if this token sees it.
pub(super) fn find_own_activity(
    sim: &SimState,
    caller: &Caller,
    id: i64,
    access: ReadAccess,
) -> Result<(Arc<Activity>, Arc<Athlete>), Fault> {
    let world = sim.world();
    let activity = world
        .activity(id)
        .filter(|activity| activity.summary.athlete.id == caller.athlete)
        .filter(|activity| activity.is_visible(access));
    let athlete = world.athlete(caller.athlete);
    activity.cloned().zip(athlete).ok_or_else(|| Fault::not_found("Activity"))
}

/// `GET /athlete/activities`.
pub(super) async fn list(sim: SimData, caller: Caller, params: Params) -> HandlerResult {
    let access = caller.read_access()?;
    let query = PageQuery::parse(&params);
    if query.after.is_some_and(|after| after > sim.clock.now_s()) {
        return Err(Fault::bad_request("Application", "after", "future"));
    }
    let (activities, athlete) = {
        let world = sim.world();
        let athlete = world.athlete(caller.athlete).ok_or_else(Fault::invalid_token)?;
        let timeline = world.timelines.get(&caller.athlete);
        let activities = timeline.map(|timeline| query.select(timeline, access));
        (activities.unwrap_or_default(), athlete)
    };
    let mut out = Vec::with_capacity(activities.len() * 1400 + 2);
    out.push(b'[');
    for (index, activity) in activities.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&activity.summary_json(access, &athlete));
    }
    out.push(b']');
    Ok(rendered_response(StatusCode::OK, RenderedBody::new(out)))
}

/// A page of the list; both bounds are Unix seconds and exclusive.
struct PageQuery {
    after: Option<i64>,
    before: Option<i64>,
    page: usize,
    per_page: usize,
}

impl PageQuery {
    fn parse(params: &Params) -> Self {
        let bound = |key| params.number::<f64>(key).map(|seconds| seconds as i64);
        Self {
            after: bound("after"),
            before: bound("before"),
            page: params.number("page").unwrap_or(1).max(1),
            per_page: params.number("per_page").unwrap_or(30).clamp(1, 200),
        }
    }

    /// Selects the page; hidden activities are removed after it is cut, so it may be short before the end.
    fn select(&self, timeline: &ActivityTimeline, access: ReadAccess) -> Vec<Arc<Activity>> {
        let from = self.after.map_or(i64::MIN, |after| after.saturating_add(1));
        let to = self.before.unwrap_or(i64::MAX);
        if from >= to {
            return Vec::new();
        }
        let range = timeline.range((from, i64::MIN)..(to, i64::MIN)).map(|(_, activity)| activity);
        let oldest_first = self.after.is_some() && self.before.is_none();
        let ordered: Box<dyn Iterator<Item = &Arc<Activity>>> =
            if oldest_first { Box::new(range) } else { Box::new(range.rev()) };
        let mut page = Vec::new();
        let skip = (self.page - 1).saturating_mul(self.per_page);
        for (position, activity) in ordered.skip(skip).enumerate() {
            // an empty page means the end, so a page of hidden activities reaches on to the next visible one
            if position >= self.per_page && !page.is_empty() {
                break;
            }
            if activity.is_visible(access) {
                page.push(activity.clone());
            }
        }
        page
    }
}

/// Runs heavy work off the workers where a recorded file may have to be read first.
async fn run_heavy<T: Send + 'static>(
    activity: Arc<Activity>,
    work: impl FnOnce(&Activity) -> T + Send + 'static,
) -> Result<T, Fault> {
    if !matches!(activity.source, StreamSource::File(_) | StreamSource::Marathon) {
        return Ok(work(&activity));
    }
    web::block(move || work(&activity)).await.map_err(|_stopped| Fault::unavailable())
}

/// `GET /activities/{id}`.
pub(super) async fn show(sim: SimData, caller: Caller, id: Path<i64>) -> HandlerResult {
    let access = caller.read_access()?;
    let (activity, athlete) = find_own_activity(&sim, &caller, *id, access)?;
    let render = move |activity: &Activity| render_detail(activity, access, &athlete);
    Ok(rendered_response(StatusCode::OK, run_heavy(activity, render).await?))
}

/// `GET /activities/{id}/laps`.
pub(super) async fn list_laps(sim: SimData, caller: Caller, id: Path<i64>) -> HandlerResult {
    let (activity, _) = find_own_activity(&sim, &caller, *id, caller.read_access()?)?;
    let laps = run_heavy(activity, |activity| {
        load_streams(activity).map(|streams| analysis::laps(activity, &streams)).unwrap_or_default()
    });
    Ok(ok_json(&laps.await?))
}

/// `GET /activities/{id}/zones`.
pub(super) async fn list_zones(sim: SimData, caller: Caller, id: Path<i64>) -> HandlerResult {
    let (activity, athlete) = find_own_activity(&sim, &caller, *id, caller.read_access()?)?;
    let bounds = athlete.heart_rate_zones();
    let zones = run_heavy(activity, move |activity| {
        load_streams(activity)
            .map_or_else(|| json!([]), |streams| analysis::zones(activity, &streams, &bounds))
    });
    Ok(ok_json(&zones.await?))
}

fn parse_sport(params: &Params) -> Result<Option<&str>, Fault> {
    let sport = params.get("sport_type").or_else(|| params.get("type"));
    if sport.is_some_and(|name| !SPORT_TYPES.contains(&name)) {
        return Err(Fault::bad_request("Activity", "sport_type", "invalid"));
    }
    Ok(sport)
}

/// `POST /activities`: an entry by hand.
pub(super) async fn create(sim: SimData, caller: Caller, params: Params) -> HandlerResult {
    caller.require_write()?;
    let missing = |field: &str| Fault::bad_request("Activity", field, "missing");
    let name = params.get("name").ok_or_else(|| missing("name"))?;
    let sport = parse_sport(&params)?.ok_or_else(|| missing("sport_type"))?;
    let elapsed = params.number::<i64>("elapsed_time").ok_or_else(|| missing("elapsed_time"))?;
    let start = params.get("start_date_local").ok_or_else(|| missing("start_date_local"))?;
    let mut world = sim.world();
    let athlete = world.athlete(caller.athlete).ok_or_else(Fault::invalid_token)?;
    let start = parse_local(start, athlete.zone)
        .ok_or_else(|| Fault::bad_request("Activity", "start_date_local", "invalid"))?;
    let mut summary = SummaryActivity::new(world.new_id(), athlete.id, sport);
    name.clone_into(&mut summary.name);
    summary.set_start_with_offset(start.utc_s, start.offset_s, athlete.zone);
    summary.distance = params.number("distance").unwrap_or(0.0);
    summary.elapsed_time = elapsed;
    summary.moving_time = elapsed;
    summary.average_speed = round(summary.distance / elapsed.max(1) as f64, 2);
    summary.trainer = params.flag("trainer");
    summary.commute = params.flag("commute");
    summary.manual = true;
    let mut activity = Activity::new(summary, StreamSource::Manual);
    activity.description = params.get("description").map(str::to_owned);
    let activity = world.create_activity(activity, false);
    let detail = render_detail(&activity, ReadAccess::All, &athlete);
    Ok(rendered_response(StatusCode::CREATED, detail))
}

/// `PUT /activities/{id}`.
pub(super) async fn edit(
    sim: SimData,
    caller: Caller,
    id: Path<i64>,
    params: Params,
) -> HandlerResult {
    caller.require_write()?;
    let access = caller.scopes.activity_access().unwrap_or(ReadAccess::Limited);
    let (before, athlete) = find_own_activity(&sim, &caller, *id, access)?;
    let mut activity = Activity::clone(&before);
    let summary = &mut activity.summary;
    if let Some(sport) = parse_sport(&params)? {
        summary.set_sport(sport);
    }
    if let Some(name) = params.get("name") {
        name.clone_into(&mut summary.name);
    }
    if params.has("description") {
        activity.description = params.get("description").map(str::to_owned);
    }
    if let Some(gear) = params.get("gear_id") {
        summary.gear_id = Some(gear.to_owned()).filter(|gear| gear != "none");
    }
    // booleans count in JSON only
    if params.json {
        for (key, flag) in [
            ("commute", &mut summary.commute),
            ("trainer", &mut summary.trainer),
            ("hide_from_home", &mut activity.hide_from_home),
        ] {
            if params.has(key) {
                *flag = params.flag(key);
            }
        }
    }
    if summary.kind != "Run" && summary.kind != "Ride" {
        summary.workout_type = OptionalField::Absent;
    }
    let changed = sim.world().update_activity(activity, false);
    Ok(rendered_response(StatusCode::OK, render_detail(&changed, access, &athlete)))
}
