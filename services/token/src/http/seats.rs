//! `/v1/admin/seats` and `/internal/v1/seats`: the athletes that Strava counts, and how to free a seat.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use auth::{Admin, InternalCaller, Require};
use http_kit::{Path, Problem, ProblemDocument};
use serde::Serialize;

use super::errors::store_problem;
use crate::usecases::ServiceContext;
use crate::usecases::seats::{Seat, SeatReport, free_seat, list_seats};

/// The seats of the Strava application.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SeatsView {
    /// The application's client id.
    application: i64,
    /// Number of athletes that Strava counts.
    used: usize,
    /// Number of athletes that Strava allows (`strava.athlete_limit`, else as learned from its refusal); null if unknown.
    allowed: Option<i64>,
    /// The last time Strava refused a further athlete (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_at: Option<String>,
    /// The longest idle first.
    items: Vec<SeatView>,
}

/// An athlete that Strava counts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SeatView {
    /// The connection's id.
    connection: String,
    /// The athlete's id.
    athlete: String,
    /// The id at Strava.
    strava_athlete: i64,
    /// `connected` or `reconnect-needed`.
    state: String,
    /// Instant of the connect (RFC 3339).
    connected_at: String,
    /// The last time something of theirs was fetched because Strava told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_at: Option<String>,
    /// Whole days since then, or since the connect.
    idle_days: i64,
}

impl From<SeatReport> for SeatsView {
    fn from(report: SeatReport) -> Self {
        Self {
            application: report.application.get(),
            used: report.seats.len(),
            allowed: report.allowed,
            refused_at: report.refused_at.map(|at| at.to_rfc3339()),
            items: report.seats.into_iter().map(SeatView::from).collect(),
        }
    }
}

impl From<Seat> for SeatView {
    fn from(seat: Seat) -> Self {
        Self {
            connection: seat.connection,
            athlete: seat.athlete,
            strava_athlete: seat.strava_athlete,
            state: seat.state,
            connected_at: seat.connected_at.to_rfc3339(),
            used_at: seat.used_at.map(|at| at.to_rfc3339()),
            idle_days: seat.idle_days,
        }
    }
}

async fn list(ctx: &ServiceContext) -> Result<HttpResponse, Problem> {
    let report = list_seats(ctx).await.map_err(store_problem)?;
    let report = report.ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "strava-not-configured")
            .detail("no Strava application is configured (strava.client_id)")
    })?;
    Ok(HttpResponse::Ok().json(SeatsView::from(report)))
}

async fn free(ctx: &ServiceContext, connection: &str) -> Result<HttpResponse, Problem> {
    if free_seat(ctx, connection).await.map_err(store_problem)? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::not_found())
}

/// Lists the seats of the Strava application, for administrators.
#[utoipa::path(
    get, path = "/v1/admin/seats", tag = "account",
    responses(
        (status = 200, description = "The seats, the longest idle first", body = SeatsView),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "No Strava application is configured", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list_for_admin(
    _: Require<Admin>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    list(&ctx).await
}

/// Frees a seat: ends the connection as its athlete would, and erases what came through it.
#[utoipa::path(
    delete, path = "/v1/admin/seats/{connection}", tag = "account",
    params(("connection" = String, Path, description = "The connection's id")),
    responses(
        (status = 204, description = "The seat is free; Strava is told, and the erasure has begun"),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connection", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn free_for_admin(
    _: Require<Admin>,
    connection: Path<String>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    free(&ctx, &connection.0).await
}

/// The same for `paceline seats`.
pub(super) async fn list_for_operator(
    _: InternalCaller,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    list(&ctx).await
}

/// The same for `paceline seats free`.
pub(super) async fn free_for_operator(
    _: InternalCaller,
    connection: Path<String>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    free(&ctx, &connection.0).await
}
