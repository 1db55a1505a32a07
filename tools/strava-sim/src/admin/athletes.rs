//! Athletes and the true state of their activities.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Path};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::error::{AdminError, AdminResult};
use super::ground_truth::GroundTruth;
use crate::sim_state::SimData;

/// An overview of an athlete.
#[derive(Serialize, ToSchema)]
pub(crate) struct AthleteOverview {
    id: i64,
    name: String,
    /// Home zone.
    timezone: String,
    /// Activities that are not deleted.
    activities: usize,
    /// Applications with access.
    connected: Vec<i64>,
}

/// All athletes in their fixed order.
#[utoipa::path(get, path = "/_sim/athletes", tag = "athletes", responses((status = 200, body = Vec<AthleteOverview>)))]
pub(crate) async fn list(sim: SimData) -> HttpResponse {
    let world = sim.world();
    let overviews: Vec<AthleteOverview> = world
        .athlete_order
        .iter()
        .filter_map(|id| world.athletes.get(id))
        .map(|athlete| AthleteOverview {
            id: athlete.id,
            name: athlete.name(),
            timezone: athlete.zone.name().to_owned(),
            activities: world.timelines.get(&athlete.id).map_or(0, |timeline| timeline.len()),
            connected: world
                .tokens
                .grants
                .keys()
                .filter(|key| key.1 == athlete.id)
                .map(|key| key.0)
                .collect(),
        })
        .collect();
    HttpResponse::Ok().json(overviews)
}

/// The true state of an athlete's activities, oldest first, deleted ones at the end.
#[utoipa::path(get, path = "/_sim/athletes/{id}/activities", tag = "athletes", params(("id" = i64, Path,)), responses((status = 200, body = Vec<GroundTruth>), (status = 404, body = AdminError)))]
pub(crate) async fn list_activities(sim: SimData, id: Path<i64>) -> AdminResult {
    let world = sim.world();
    let timeline = world.timelines.get(&id).ok_or_else(|| AdminError::not_found("athlete"))?;
    let deleted = world.deleted.iter().filter(|activity| activity.summary.athlete.id == *id);
    let activities: Vec<GroundTruth> = timeline
        .values()
        .map(|activity| GroundTruth::new(activity, false))
        .chain(deleted.map(|activity| GroundTruth::new(activity, true)))
        .collect();
    Ok(HttpResponse::Ok().json(activities))
}

/// The applications that lose access.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct DisconnectRequest {
    /// One application; all when left out.
    app: Option<i64>,
}

/// Withdraws access as on Strava's settings page, from one application (`{"app":1}`) or from all.
#[utoipa::path(post, path = "/_sim/athletes/{id}/disconnect", tag = "athletes", params(("id" = i64, Path,)), request_body = DisconnectRequest, responses((status = 200)))]
pub(crate) async fn disconnect(sim: SimData, id: Path<i64>, body: Bytes) -> HttpResponse {
    let only = serde_json::from_slice::<DisconnectRequest>(&body).unwrap_or_default().app;
    let mut world = sim.world();
    let apps: Vec<i64> =
        world.apps.keys().copied().filter(|app| only.is_none_or(|only| only == *app)).collect();
    let mut ended = 0;
    for app in apps {
        ended += u32::from(world.disconnect(app, *id));
    }
    HttpResponse::Ok().json(json!({"disconnected": ended}))
}
