//! Athletes and the truth about their activities.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Refusal;
use crate::times::iso;
use crate::world::{Activity, Sim};

/// An athlete in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct AthleteLine {
    id: i64,
    name: String,
    /// Home zone.
    timezone: String,
    /// Activities that are not deleted.
    activities: usize,
    /// Applications with access.
    connected: Vec<i64>,
}

/// What is true about an activity, whatever the API shows.
#[derive(Serialize, ToSchema)]
pub(crate) struct Truth {
    id: i64,
    athlete: i64,
    name: String,
    sport_type: String,
    /// The true start in UTC, also where it is hidden.
    start_date: String,
    /// The true start on the wall clock, written with a `Z` as Strava does.
    start_date_local: String,
    utc_offset_s: i64,
    timezone: String,
    distance_m: f64,
    moving_time_s: i64,
    elapsed_time_s: i64,
    elevation_gain_m: f64,
    visibility: String,
    manual: bool,
    hidden_start: bool,
    has_streams: bool,
    has_gps: bool,
    external_id: Option<String>,
    deleted: bool,
}

impl Truth {
    pub(super) fn of(activity: &Activity, deleted: bool) -> Self {
        let summary = &activity.summary;
        let offset = summary.utc_offset as i64;
        Self {
            id: summary.id,
            athlete: summary.athlete.id,
            name: summary.name.clone(),
            sport_type: summary.sport_type.clone(),
            start_date: iso(activity.start_s),
            start_date_local: iso(activity.start_s + offset),
            utc_offset_s: offset,
            timezone: summary.timezone.clone(),
            distance_m: summary.distance,
            moving_time_s: summary.moving_time,
            elapsed_time_s: summary.elapsed_time,
            elevation_gain_m: summary.total_elevation_gain,
            visibility: summary.visibility.clone(),
            manual: summary.manual,
            hidden_start: activity.hide_start,
            has_streams: !summary.manual,
            has_gps: !summary.map.summary_polyline.is_empty(),
            external_id: summary.external_id.clone(),
            deleted,
        }
    }
}

/// All athletes in their fixed order.
#[utoipa::path(get, path = "/_sim/athletes", tag = "athletes", responses((status = 200, body = Vec<AthleteLine>)))]
pub(crate) async fn list(sim: web::Data<Sim>) -> HttpResponse {
    let world = sim.world();
    let lines: Vec<AthleteLine> = world
        .order
        .iter()
        .filter_map(|id| world.athletes.get(id))
        .map(|athlete| AthleteLine {
            id: athlete.id,
            name: athlete.name(),
            timezone: athlete.zone.name().to_owned(),
            activities: world.shelves.get(&athlete.id).map_or(0, |shelf| shelf.len()),
            connected: world
                .tokens
                .grants
                .keys()
                .filter(|key| key.1 == athlete.id)
                .map(|key| key.0)
                .collect(),
        })
        .collect();
    HttpResponse::Ok().json(lines)
}

/// The truth about an athlete's activities, oldest first, deleted ones at the end.
#[utoipa::path(get, path = "/_sim/athletes/{id}/activities", tag = "athletes", params(("id" = i64, Path,)), responses((status = 200, body = Vec<Truth>), (status = 404, body = Refusal)))]
pub(crate) async fn activities(
    sim: web::Data<Sim>,
    id: web::Path<i64>,
) -> Result<HttpResponse, Refusal> {
    let world = sim.world();
    let shelf = world.shelves.get(&id).ok_or_else(|| Refusal::missing("athlete"))?;
    let gone = world.deleted.iter().filter(|activity| activity.summary.athlete.id == *id);
    let truths: Vec<Truth> = shelf
        .values()
        .map(|activity| Truth::of(activity, false))
        .chain(gone.map(|activity| Truth::of(activity, true)))
        .collect();
    Ok(HttpResponse::Ok().json(truths))
}

/// From whom access is taken.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct Disconnect {
    /// One application; all when left out.
    app: Option<i64>,
}

/// The athlete takes access away on Strava's settings page, from one application (`{"app":1}`) or from all.
#[utoipa::path(post, path = "/_sim/athletes/{id}/disconnect", tag = "athletes", params(("id" = i64, Path,)), request_body = Disconnect, responses((status = 200)))]
pub(crate) async fn disconnect(
    sim: web::Data<Sim>,
    id: web::Path<i64>,
    body: web::Bytes,
) -> HttpResponse {
    let only = serde_json::from_slice::<Disconnect>(&body).unwrap_or_default().app;
    let now = sim.clock.now_ms();
    let mut world = sim.world();
    let apps: Vec<i64> =
        world.apps.keys().copied().filter(|app| only.is_none_or(|only| only == *app)).collect();
    let mut ended = 0;
    for app in apps {
        ended += u32::from(world.disconnect(app, *id, now));
    }
    drop(world);
    sim.wake.notify_one();
    HttpResponse::Ok().json(json!({"disconnected": ended}))
}
