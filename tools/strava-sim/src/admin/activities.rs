//! Activities appear, change and vanish.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Refusal;
use super::athletes::Truth;
use crate::content;
use crate::times::{iso, parse_iso, parse_local, zone_label};
use crate::tracks::round;
use crate::world::{Activity, Athlete, Sim, Source, Summary};

/// A new activity.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewActivity {
    /// Whose.
    athlete: i64,
    /// Title; "Morning Run" and the like when left out.
    name: Option<String>,
    /// `Run` when left out, or the file's.
    sport_type: Option<String>,
    /// True start in UTC, RFC 3339. When both starts are left out, the activity ended a minute ago.
    start_date: Option<String>,
    /// Start on the wall clock.
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
    /// Streams made to fit the figures; true when left out.
    with_streams: Option<bool>,
    /// No positions.
    no_gps: bool,
    /// A recorded file of `testdata`, such as `run-fenix2.fit`: its streams and figures, at the new start.
    file: Option<String>,
    /// Entered by hand: no streams at all.
    manual: bool,
    /// Show one second after midnight instead of the start.
    hide_start: bool,
    /// Text.
    description: Option<String>,
    /// Send no webhook.
    silent: bool,
}

/// Makes an activity; the webhook goes out unless `silent`.
#[utoipa::path(post, path = "/_sim/activities", tag = "activities", request_body = NewActivity, responses((status = 201, body = Truth), (status = 404, body = Refusal), (status = 422, body = Refusal)))]
pub(crate) async fn create(
    sim: web::Data<Sim>,
    new: web::Json<NewActivity>,
) -> Result<HttpResponse, Refusal> {
    let new = new.into_inner();
    let athlete = sim
        .world()
        .athletes
        .get(&new.athlete)
        .cloned()
        .ok_or_else(|| Refusal::missing("athlete"))?;
    let id = sim.world().new_id();
    let mut activity = match &new.file {
        Some(name) => {
            let index =
                content::files::by_name(name).ok_or_else(|| Refusal::missing("recorded file"))?;
            let (new, athlete) = (new.clone(), athlete.clone());
            web::block(move || of_file(id, &athlete, &new, index))
                .await
                .map_err(|error| Refusal::wrong(error.to_string()))?
                .ok_or_else(|| Refusal::wrong("the file cannot be read"))?
        }
        None => invented(id, &athlete, &new),
    };
    place_in_time(&mut activity, &new, &athlete, sim.clock.now_s())?;
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
    let made = sim.world().create(activity, new.silent, sim.clock.now_ms());
    sim.wake.notify_one();
    Ok(HttpResponse::Created().json(Truth::of(&made, false)))
}

fn of_file(id: i64, athlete: &Athlete, new: &NewActivity, index: usize) -> Option<Activity> {
    let recorded = content::files::read(index)?;
    let sport = new.sport_type.as_deref().or(recorded.track.sport).unwrap_or("Workout");
    let mut summary = Summary::blank(id, athlete.id, sport);
    recorded.fill(&mut summary, athlete.zone);
    summary.name = format!("Live {sport}");
    summary.upload_id = Some(id + 1_000_000_000);
    summary.upload_id_str = summary.upload_id.map(|upload| upload.to_string());
    summary.external_id = Some(format!("garmin_ping_{}", id % 1_000_000_007));
    let mut activity = Activity::new(summary, Source::File(index));
    activity.laps.clone_from(&recorded.laps);
    activity.calories = recorded.calories;
    Some(activity)
}

fn invented(id: i64, athlete: &Athlete, new: &NewActivity) -> Activity {
    let sport = new.sport_type.as_deref().unwrap_or("Run");
    let mut summary = Summary::blank(id, athlete.id, sport);
    summary.name = format!("Live {sport}");
    summary.distance = new.distance.unwrap_or(5000.0);
    let pace = if summary.kind == "Ride" { 7.0 } else { 2.8 };
    summary.moving_time =
        new.moving_time.or(new.elapsed_time).unwrap_or((summary.distance / pace) as i64);
    summary.elapsed_time = new.elapsed_time.unwrap_or(summary.moving_time).max(summary.moving_time);
    summary.average_speed = round(summary.distance / summary.moving_time.max(1) as f64, 3);
    summary.max_speed = round(summary.average_speed * 1.5, 3);
    summary.total_elevation_gain = new.elevation.unwrap_or(0.0);
    summary.manual = new.manual;
    if new.manual || new.with_streams == Some(false) {
        return Activity::new(summary, Source::Manual);
    }
    content::dress(&mut summary, athlete, !new.no_gps);
    Activity::new(summary, Source::Fitted)
}

fn place_in_time(
    activity: &mut Activity,
    new: &NewActivity,
    athlete: &Athlete,
    now_s: i64,
) -> Result<(), Refusal> {
    let wrong =
        || Refusal::wrong("start_date is RFC 3339, start_date_local such as 2026-01-31T23:40:00");
    let summary = &mut activity.summary;
    let (start, home_offset) = match (&new.start_date, &new.start_date_local) {
        (Some(text), _) => (parse_iso(text).ok_or_else(wrong)?, None),
        (None, Some(text)) => {
            let (start, offset) = parse_local(text, athlete.zone).ok_or_else(wrong)?;
            // a given offset says where the wall clock hung
            new.utc_offset
                .map_or((start, Some(offset)), |given| (start + offset - given, Some(given)))
        }
        (None, None) => (now_s - summary.elapsed_time - 60, None),
    };
    let offset = new
        .utc_offset
        .or(home_offset)
        .unwrap_or_else(|| crate::times::offset_at(athlete.zone, start));
    summary.start_date = iso(start);
    summary.start_date_local = iso(start + offset);
    summary.utc_offset = offset as f64;
    summary.timezone = zone_label(athlete.zone, start);
    activity.start_s = start;
    Ok(())
}

fn set_visibility(summary: &mut Summary, visibility: &str) -> Result<(), Refusal> {
    if !matches!(visibility, "everyone" | "followers_only" | "only_me") {
        return Err(Refusal::wrong("visibility is everyone, followers_only or only_me"));
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

fn find(sim: &Sim, id: i64) -> Result<Arc<Activity>, Refusal> {
    sim.world().activity(id).cloned().ok_or_else(|| Refusal::missing("activity"))
}

/// The truth about one activity.
#[utoipa::path(get, path = "/_sim/activities/{id}", tag = "activities", params(("id" = i64, Path,)), responses((status = 200, body = Truth), (status = 404, body = Refusal)))]
pub(crate) async fn show(sim: web::Data<Sim>, id: web::Path<i64>) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(Truth::of(&*find(&sim, *id)?, false)))
}

/// Changes an activity (`PATCH` means the same); title, type and visibility send a webhook unless `silent`.
#[utoipa::path(put, path = "/_sim/activities/{id}", tag = "activities", params(("id" = i64, Path,)), request_body = EditActivity, responses((status = 200, body = Truth), (status = 404, body = Refusal), (status = 422, body = Refusal)))]
pub(crate) async fn edit(
    sim: web::Data<Sim>,
    id: web::Path<i64>,
    edit: web::Json<EditActivity>,
) -> Result<HttpResponse, Refusal> {
    let mut activity = Activity::clone(&*find(&sim, *id)?);
    let edit = edit.into_inner();
    let summary = &mut activity.summary;
    if let Some(sport) = &edit.sport_type {
        summary.set_sport(sport);
    }
    if let Some(visibility) = &edit.visibility {
        set_visibility(summary, visibility)?;
    }
    match edit.private {
        Some(true) => summary.set_visibility("only_me"),
        Some(false) => summary.set_visibility("everyone"),
        None => {}
    }
    summary.name = edit.name.unwrap_or_else(|| summary.name.clone());
    summary.distance = edit.distance.unwrap_or(summary.distance);
    summary.moving_time = edit.moving_time.unwrap_or(summary.moving_time);
    summary.elapsed_time = edit.elapsed_time.unwrap_or(summary.elapsed_time);
    summary.total_elevation_gain = edit.elevation.unwrap_or(summary.total_elevation_gain);
    if let Some(text) = &edit.start_date {
        let start = parse_iso(text).ok_or_else(|| Refusal::wrong("start_date is RFC 3339"))?;
        summary.start_date = iso(start);
        summary.start_date_local = iso(start + summary.utc_offset as i64);
        activity.start_s = start;
    }
    activity.description = edit.description.or(activity.description);
    let changed = sim.world().update(activity, edit.silent, sim.clock.now_ms());
    sim.wake.notify_one();
    Ok(HttpResponse::Ok().json(Truth::of(&changed, false)))
}

/// Whether to keep quiet.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Quiet {
    /// Send no webhook.
    #[serde(default)]
    silent: bool,
}

/// Deletes an activity; the webhook goes out unless `?silent=true`.
#[utoipa::path(delete, path = "/_sim/activities/{id}", tag = "activities", params(("id" = i64, Path,), Quiet), responses((status = 204), (status = 404, body = Refusal)))]
pub(crate) async fn delete(
    sim: web::Data<Sim>,
    id: web::Path<i64>,
    quiet: web::Query<Quiet>,
) -> Result<HttpResponse, Refusal> {
    let now = sim.clock.now_ms();
    sim.world().delete(*id, quiet.silent, now).ok_or_else(|| Refusal::missing("activity"))?;
    sim.wake.notify_one();
    Ok(HttpResponse::NoContent().finish())
}

/// Makes an activity *Only You*; the webhook goes out unless `?silent=true`.
#[utoipa::path(post, path = "/_sim/activities/{id}/hide", tag = "activities", params(("id" = i64, Path,), Quiet), responses((status = 200, body = Truth), (status = 404, body = Refusal)))]
pub(crate) async fn hide(
    sim: web::Data<Sim>,
    id: web::Path<i64>,
    quiet: web::Query<Quiet>,
) -> Result<HttpResponse, Refusal> {
    let mut activity = Activity::clone(&*find(&sim, *id)?);
    activity.summary.set_visibility("only_me");
    let changed = sim.world().update(activity, quiet.silent, sim.clock.now_ms());
    sim.wake.notify_one();
    Ok(HttpResponse::Ok().json(Truth::of(&changed, false)))
}
