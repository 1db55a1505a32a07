//! The predecessors' public routes, which tell of the published athlete.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{Handler, HttpResponse, Responder};
use outbox::StoreError;
use serde::Serialize;

use super::cache::{Body, Slot};
use super::errors::{Detail, detail, failed};
use super::predecessor_bodies::{
    DistanceSoFar, Health, Months, RecentActivity, Told as ToldBody, YtdData,
};
use crate::usecases::Core;
use crate::usecases::published;

/// What is told, and what of it is kept in memory.
#[derive(Debug)]
pub(super) struct Told {
    core: Arc<Core>,
    ytd: Slot,
    activities: Slot,
    monthly: Slot,
    distance: Slot,
}

impl Told {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            ytd: Slot::default(),
            activities: Slot::default(),
            monthly: Slot::default(),
            distance: Slot::default(),
        }
    }
}

pub(super) fn configure(config: &mut ServiceConfig) {
    route(config, "/strava/health", health);
    route(config, "/strava/stats/ytd", ytd);
    route(config, "/strava/stats/activities", activities);
    route(config, "/strava/stats/monthly", monthly);
    route(config, "/api/distance", distance);
}

fn route<F, Args>(config: &mut ServiceConfig, path: &'static str, handler: F)
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    config.service(
        web::resource(path)
            .route(web::get().to(handler.clone()))
            .route(web::head().to(handler))
            .default_service(web::to(not_allowed)),
    );
}

async fn not_allowed() -> HttpResponse {
    let mut answer = detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// Whether the statistics can be told; 503 when they cannot.
#[utoipa::path(get, path = "/strava/health", tag = "predecessors", responses(
    (status = 200, body = Health), (status = 503, body = Health, description = "the database is away"),
))]
pub(super) async fn health(told: Data<Told>) -> HttpResponse {
    match told.core.store.database().ping().await {
        Ok(()) => HttpResponse::Ok().json(Health {
            status: "ok",
            service: "strava",
            database: "connected",
        }),
        Err(_) => HttpResponse::ServiceUnavailable().json(Health {
            status: "degraded",
            service: "strava",
            database: "disconnected",
        }),
    }
}

/// Running and riding of the published athlete in this local year.
///
/// Running is Run, TrailRun and VirtualRun; riding is Ride, GravelRide, MountainBikeRide, VirtualRide,
/// Handcycle and Velomobile.
#[utoipa::path(get, path = "/strava/stats/ytd", tag = "predecessors", responses(
    (status = 200, body = ToldBody<YtdData>), (status = 404, body = Detail, description = "nobody is published"),
))]
pub(super) async fn ytd(told: Data<Told>) -> HttpResponse {
    let core = &*told.core;
    let Some(athlete) = core.published else { return not_cached("YTD stats") };
    let render = |edition| async move {
        let year = published::year_to_date(core, athlete, edition).await?;
        json(&ToldBody::new("ytd", YtdData::from(year), core.clock.now()))
    };
    answer(told.ytd.get(core, athlete, render).await, "YTD stats")
}

/// The published athlete's thirty newest activities, newest first; those only the athlete may see are left out.
#[utoipa::path(get, path = "/strava/stats/activities", tag = "predecessors", responses(
    (status = 200, body = ToldBody<Vec<RecentActivity>>), (status = 404, body = Detail, description = "nobody is published"),
))]
pub(super) async fn activities(told: Data<Told>) -> HttpResponse {
    let core = &*told.core;
    let Some(athlete) = core.published else { return not_cached("Activities") };
    let render = |_| async move {
        let recent: Vec<_> =
            published::recent(core, athlete).await?.into_iter().map(RecentActivity::from).collect();
        json(&ToldBody::new("recent_activities", recent, core.clock.now()))
    };
    answer(told.activities.get(core, athlete, render).await, "Activities")
}

/// The published athlete's last twelve local calendar months, newest first, all sports together.
#[utoipa::path(get, path = "/strava/stats/monthly", tag = "predecessors", responses(
    (status = 200, body = ToldBody<Months>), (status = 404, body = Detail, description = "nobody is published"),
))]
pub(super) async fn monthly(told: Data<Told>) -> HttpResponse {
    let core = &*told.core;
    let Some(athlete) = core.published else { return not_cached("Monthly stats") };
    let render = |edition| async move {
        let months = published::monthly(core, athlete, edition).await?;
        let months = Months(months.into_iter().map(|(month, sums)| (month, sums.into())).collect());
        json(&ToldBody::new("monthly", months, core.clock.now()))
    };
    answer(told.monthly.get(core, athlete, render).await, "Monthly stats")
}

/// The distance the published athlete had run by the end of each local day of this year, oldest first.
#[utoipa::path(get, path = "/api/distance", tag = "predecessors", responses(
    (status = 200, body = Vec<DistanceSoFar>), (status = 404, body = Detail, description = "nobody is published"),
))]
pub(super) async fn distance(told: Data<Told>) -> HttpResponse {
    let core = &*told.core;
    let Some(athlete) = core.published else { return not_cached("Distance") };
    let render = |edition: published::Edition| async move {
        let days = published::run_so_far(core, athlete, edition).await?;
        let days: Vec<_> = days
            .into_iter()
            .map(|(day, distance_dm)| DistanceSoFar::new(edition.zone.midnight(day), distance_dm))
            .collect();
        json(&days)
    };
    answer(told.distance.get(core, athlete, render).await, "Distance")
}

fn answer(body: Result<Body, StoreError>, what: &str) -> HttpResponse {
    match body {
        Ok(Some(body)) => HttpResponse::Ok().content_type("application/json").body(body),
        Ok(None) => not_cached(what),
        Err(error) => failed(&error),
    }
}

/// What the predecessor says before it has fetched anything.
fn not_cached(what: &str) -> HttpResponse {
    detail(StatusCode::NOT_FOUND, &format!("{what} not cached yet. Try /strava/refresh-data"))
}

fn json(body: &impl Serialize) -> Result<Bytes, StoreError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| StoreError::inconsistent(error.to_string()))
}
