//! The predecessors' public routes, which show the published athlete's numbers.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{Handler, HttpResponse, Responder};
use outbox::StoreError;
use serde::Serialize;

use super::cache::CachedResponse;
use super::errors::{Detail, detail_response, store_error_response};
use super::predecessor_bodies::{
    DistanceSoFar, Health, Months, RecentActivity, TypedBody, YtdData,
};
use crate::usecases::ServiceContext;
use crate::usecases::published_stats::{self, Snapshot};

/// The state of these routes: what they show, and a cached response of each.
#[derive(Debug)]
pub(super) struct PredecessorState {
    ctx: Arc<ServiceContext>,
    ytd: CachedResponse,
    activities: CachedResponse,
    monthly: CachedResponse,
    distance: CachedResponse,
}

impl PredecessorState {
    pub(super) fn new(ctx: &Arc<ServiceContext>) -> Self {
        Self {
            ctx: Arc::clone(ctx),
            ytd: CachedResponse::default(),
            activities: CachedResponse::default(),
            monthly: CachedResponse::default(),
            distance: CachedResponse::default(),
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
    let mut response = detail_response(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// The health of the statistics: 503 if the database is unavailable.
#[utoipa::path(get, path = "/strava/health", tag = "predecessors", responses(
    (status = 200, body = Health), (status = 503, body = Health, description = "the database is away"),
))]
pub(super) async fn health(state: Data<PredecessorState>) -> HttpResponse {
    match state.ctx.database.check_writable().await {
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
    (status = 200, body = TypedBody<YtdData>), (status = 404, body = Detail, description = "nobody is published"),
))]
pub(super) async fn ytd(state: Data<PredecessorState>) -> HttpResponse {
    let ctx = &*state.ctx;
    let render = |snapshot| async move {
        let year = published_stats::year_to_date(ctx, snapshot).await?;
        to_json(&TypedBody::new("ytd", YtdData::from(year), ctx.now()))
    };
    respond(state.ytd.get(ctx, render).await, "YTD stats")
}

/// The published athlete's thirty newest activities, newest first; those only the athlete may see are left out.
#[utoipa::path(get, path = "/strava/stats/activities", tag = "predecessors", responses(
    (status = 200, body = TypedBody<Vec<RecentActivity>>), (status = 404, body = Detail, description = "nobody is published"),
))]
pub(super) async fn activities(state: Data<PredecessorState>) -> HttpResponse {
    let ctx = &*state.ctx;
    let render = |snapshot| async move {
        let recent = published_stats::recent_activities(ctx, snapshot).await?;
        let recent: Vec<_> = recent.into_iter().map(RecentActivity::from).collect();
        to_json(&TypedBody::new("recent_activities", recent, ctx.now()))
    };
    respond(state.activities.get(ctx, render).await, "Activities")
}

/// The published athlete's last twelve local calendar months, newest first, all sports together.
#[utoipa::path(get, path = "/strava/stats/monthly", tag = "predecessors", responses(
    (status = 200, body = TypedBody<Months>), (status = 404, body = Detail, description = "nobody is published"),
))]
pub(super) async fn monthly(state: Data<PredecessorState>) -> HttpResponse {
    let ctx = &*state.ctx;
    let render = |snapshot| async move {
        let months = published_stats::monthly_sums(ctx, snapshot).await?;
        let months = Months(months.into_iter().map(|(month, sums)| (month, sums.into())).collect());
        to_json(&TypedBody::new("monthly", months, ctx.now()))
    };
    respond(state.monthly.get(ctx, render).await, "Monthly stats")
}

/// The distance the published athlete had run by the end of each local day of this year, oldest first.
#[utoipa::path(get, path = "/api/distance", tag = "predecessors", responses(
    (status = 200, body = Vec<DistanceSoFar>), (status = 404, body = Detail, description = "nobody is published"),
))]
pub(super) async fn distance(state: Data<PredecessorState>) -> HttpResponse {
    let ctx = &*state.ctx;
    let render = |snapshot: Snapshot| async move {
        let days = published_stats::cumulative_run_distance(ctx, snapshot).await?;
        let days: Vec<_> = days
            .into_iter()
            .map(|(day, distance_dm)| DistanceSoFar::new(snapshot.zone.midnight(day), distance_dm))
            .collect();
        to_json(&days)
    };
    respond(state.distance.get(ctx, render).await, "Distance")
}

/// Responds with the body, or as the predecessor does before it has fetched `name`.
fn respond(body: Result<Option<Bytes>, StoreError>, name: &str) -> HttpResponse {
    match body {
        Ok(Some(body)) => HttpResponse::Ok().content_type("application/json").body(body),
        Ok(None) => detail_response(
            StatusCode::NOT_FOUND,
            &format!("{name} not cached yet. Try /strava/refresh-data"),
        ),
        Err(error) => store_error_response(&error),
    }
}

fn to_json(body: &impl Serialize) -> Result<Bytes, StoreError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| StoreError::inconsistent(error.to_string()))
}
