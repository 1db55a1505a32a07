//! Creates, changes and deletes activities.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Json, Path, Query};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::error::{AdminError, AdminResult};
use super::ground_truth::GroundTruth;
use crate::content;
use crate::sim_state::{SimData, SimState};
use crate::times::{format_iso, parse_iso, parse_local, utc_offset_at};
use crate::tracks::round;
use crate::world::{Activity, Athlete, StreamSource, SummaryActivity};

/// A new activity.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewActivity {
    /// Id of the athlete.
    athlete: i64,
    /// Title; "Morning Run" and the like when left out.
    name: Option<String>,
    /// `Run` when left out, or the file's.
    sport_type: Option<String>,
    /// True start in UTC, RFC 3339. When both starts are left out, the activity ended a minute ago.
    start_date: Option<String>,
    /// Start as wall clock time.
    start_date_local: Option<String>,
    /// Seconds east of UTC; the athlete's home zone when left out.
    utc_offset: Option<i64>,
    /// Metres; 5000 when left out.
    distance: Option<f64>,
    /// Seconds; from the distance when left out.
    moving_time: Option<i64>,
    /// Seconds; as the moving time when left out.
    elapsed_time: Option<i64>,
    /// Metres climbed.
    elevation: Option<f64>,
    /// `everyone`, `followers_only` or `only_me`.
    visibility: Option<String>,
    /// Synthetic streams that fit the figures; true when left out.
    with_streams: Option<bool>,
    /// No positions.
    no_gps: bool,
    /// A recorded file of `testdata`, such as `run-fenix2.fit`: its streams and figures, at the new start.
    file: Option<String>,
    /// Entered by hand: no streams at all.
    manual: bool,
    /// Show one second after midnight instead of the start.
    hide_start: bool,
    description: Option<String>,
    /// Send no webhook.
    silent: bool,
}

/// Creates an activity; the webhook goes out unless `silent`.
#[utoipa::path(post, path = "/_sim/activities", tag = "activities", request_body = NewActivity, responses((status = 201, body = GroundTruth), (status = 404, body = AdminError), (status = 422, body = AdminError)))]
pub(crate) async fn create(sim: SimData, new: Json<NewActivity>) -> AdminResult {
    let new = new.into_inner();
    let athlete =
        sim.world().athlete(new.athlete).ok_or_else(|| AdminError::not_found("athlete"))?;
    let id = sim.world().new_id();
    let mut activity = match &new.file {
        Some(name) => {
            let index =
                content::find_file(name).ok_or_else(|| AdminError::not_found("recorded file"))?;
            let (sport, athlete) = (new.sport_type.clone(), athlete.clone());
            web::block(move || activity_from_file(id, &athlete, sport.as_deref(), index))
                .await
                .map_err(AdminError::invalid)?
                .ok_or_else(|| AdminError::invalid("the file cannot be read"))?
        }
        None => synthetic_activity(id, &athlete, &new),
    };
    set_start(&mut activity, &new, &athlete, sim.clock.now_s())?;
    if let Some(name) = &new.name {
        name.clone_into(&mut activity.summary.name);
    }
    if let Some(visibility) = &new.visibility {
        set_visibility(&mut activity.summary, visibility)?;
    }
    activity.description.clone_from(&new.description);
    if new.hide_start {
        activity.hide_start();
    }
    let created = sim.world().create_activity(activity, new.silent);
    Ok(HttpResponse::Created().json(GroundTruth::new(&created, false)))
}

fn activity_from_file(
    id: i64,
    athlete: &Athlete,
    sport: Option<&str>,
    index: usize,
) -> Option<Activity> {
    let recording = content::read_file(index)?;
    let sport = sport.or(recording.track.sport).unwrap_or("Workout");
    let mut summary = SummaryActivity::new(id, athlete.id, sport);
    summary.fill_from(&recording, athlete.zone);
    summary.name = format!("Live {sport}");
    summary.set_device_upload();
    let mut activity = Activity::new(summary, StreamSource::File(index));
    activity.laps = recording.laps;
    activity.calories = recording.calories;
    Some(activity)
}

fn synthetic_activity(id: i64, athlete: &Athlete, new: &NewActivity) -> Activity {
    let sport = new.sport_type.as_deref().unwrap_or("Run");
    let mut summary = SummaryActivity::new(id, athlete.id, sport);
    summary.name = format!("Live {sport}");
    summary.distance = new.distance.unwrap_or(5000.0);
    let speed = if summary.kind == "Ride" { 7.0 } else { 2.8 };
    summary.moving_time =
        new.moving_time.or(new.elapsed_time).unwrap_or((summary.distance / speed) as i64);
    summary.elapsed_time = new.elapsed_time.unwrap_or(summary.moving_time).max(summary.moving_time);
    summary.average_speed = round(summary.distance / summary.moving_time.max(1) as f64, 3);
    summary.max_speed = round(summary.average_speed * 1.5, 3);
    summary.total_elevation_gain = new.elevation.unwrap_or(0.0);
    summary.manual = new.manual;
    if new.manual || new.with_streams == Some(false) {
        return Activity::new(summary, StreamSource::Manual);
    }
    content::add_sensor_data(&mut summary, athlete, !new.no_gps);
    Activity::new(summary, StreamSource::Synthetic)
}

fn set_start(
    activity: &mut Activity,
    new: &NewActivity,
    athlete: &Athlete,
    now_s: i64,
) -> Result<(), AdminError> {
    let invalid = || {
        AdminError::invalid("start_date is RFC 3339, start_date_local such as 2026-01-31T23:40:00")
    };
    let zone = athlete.zone;
    let (start_s, offset_s) = match (&new.start_date, &new.start_date_local) {
        (Some(text), _) => (parse_iso(text).ok_or_else(invalid)?, new.utc_offset),
        (None, Some(text)) => {
            let local = parse_local(text, zone).ok_or_else(invalid)?;
            // a given offset says what the wall clock showed
            let offset_s = new.utc_offset.unwrap_or(local.offset_s);
            (local.utc_s + local.offset_s - offset_s, Some(offset_s))
        }
        (None, None) => (now_s - activity.summary.elapsed_time - 60, new.utc_offset),
    };
    let offset_s = offset_s.unwrap_or_else(|| utc_offset_at(zone, start_s));
    activity.summary.set_start_with_offset(start_s, offset_s, zone);
    activity.start_s = start_s;
    Ok(())
}

fn set_visibility(summary: &mut SummaryActivity, visibility: &str) -> Result<(), AdminError> {
    if !matches!(visibility, "everyone" | "followers_only" | "only_me") {
        return Err(AdminError::invalid("visibility is everyone, followers_only or only_me"));
    }
    summary.set_visibility(visibility);
    Ok(())
}

/// Changes of an activity; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EditActivity {
    name: Option<String>,
    sport_type: Option<String>,
    /// `everyone`, `followers_only` or `only_me`.
    visibility: Option<String>,
    /// True for `only_me`, false for `everyone`.
    private: Option<bool>,
    /// A change without an event of its own.
    distance: Option<f64>,
    /// A change without an event of its own.
    moving_time: Option<i64>,
    /// A change without an event of its own.
    elapsed_time: Option<i64>,
    /// A change without an event of its own.
    elevation: Option<f64>,
    /// A change without an event of its own.
    description: Option<String>,
    /// A change without an event of its own: the true start in UTC.
    start_date: Option<String>,
    /// Send no webhook.
    silent: bool,
}

fn find_activity(sim: &SimState, id: i64) -> Result<Arc<Activity>, AdminError> {
    sim.world().activity(id).cloned().ok_or_else(|| AdminError::not_found("activity"))
}

/// The true state of an activity.
#[utoipa::path(get, path = "/_sim/activities/{id}", tag = "activities", params(("id" = i64, Path,)), responses((status = 200, body = GroundTruth), (status = 404, body = AdminError)))]
pub(crate) async fn show(sim: SimData, id: Path<i64>) -> AdminResult {
    Ok(HttpResponse::Ok().json(GroundTruth::new(&*find_activity(&sim, *id)?, false)))
}

/// Changes an activity (`PATCH` means the same); title, type and visibility send a webhook unless `silent`.
#[utoipa::path(put, path = "/_sim/activities/{id}", tag = "activities", params(("id" = i64, Path,)), request_body = EditActivity, responses((status = 200, body = GroundTruth), (status = 404, body = AdminError), (status = 422, body = AdminError)))]
pub(crate) async fn edit(sim: SimData, id: Path<i64>, edit: Json<EditActivity>) -> AdminResult {
    let mut activity = Activity::clone(&*find_activity(&sim, *id)?);
    let edit = edit.into_inner();
    let summary = &mut activity.summary;
    if let Some(sport) = &edit.sport_type {
        summary.set_sport(sport);
    }
    if let Some(visibility) = &edit.visibility {
        set_visibility(summary, visibility)?;
    }
    if let Some(private) = edit.private {
        summary.set_visibility(if private { "only_me" } else { "everyone" });
    }
    summary.name = edit.name.unwrap_or_else(|| summary.name.clone());
    summary.distance = edit.distance.unwrap_or(summary.distance);
    summary.moving_time = edit.moving_time.unwrap_or(summary.moving_time);
    summary.elapsed_time = edit.elapsed_time.unwrap_or(summary.elapsed_time);
    summary.total_elevation_gain = edit.elevation.unwrap_or(summary.total_elevation_gain);
    if let Some(text) = &edit.start_date {
        let start = parse_iso(text).ok_or_else(|| AdminError::invalid("start_date is RFC 3339"))?;
        summary.start_date = format_iso(start);
        summary.start_date_local = format_iso(start + summary.utc_offset as i64);
        activity.start_s = start;
    }
    activity.description = edit.description.or(activity.description);
    let changed = sim.world().update_activity(activity, edit.silent);
    Ok(HttpResponse::Ok().json(GroundTruth::new(&changed, false)))
}

/// The option to send no webhook.
#[derive(Deserialize, IntoParams)]
pub(crate) struct SilentOption {
    /// Send no webhook.
    #[serde(default)]
    silent: bool,
}

/// Deletes an activity; the webhook goes out unless `?silent=true`.
#[utoipa::path(delete, path = "/_sim/activities/{id}", tag = "activities", params(("id" = i64, Path,), SilentOption), responses((status = 204), (status = 404, body = AdminError)))]
pub(crate) async fn delete(
    sim: SimData,
    id: Path<i64>,
    option: Query<SilentOption>,
) -> AdminResult {
    let deleted = sim.world().delete_activity(*id, option.silent);
    deleted.ok_or_else(|| AdminError::not_found("activity"))?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes an activity *Only You*; the webhook goes out unless `?silent=true`.
#[utoipa::path(post, path = "/_sim/activities/{id}/hide", tag = "activities", params(("id" = i64, Path,), SilentOption), responses((status = 200, body = GroundTruth), (status = 404, body = AdminError)))]
pub(crate) async fn hide(sim: SimData, id: Path<i64>, option: Query<SilentOption>) -> AdminResult {
    let mut activity = Activity::clone(&*find_activity(&sim, *id)?);
    activity.summary.set_visibility("only_me");
    let changed = sim.world().update_activity(activity, option.silent);
    Ok(HttpResponse::Ok().json(GroundTruth::new(&changed, false)))
}
