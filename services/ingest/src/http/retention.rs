//! `GET /v1/me/retention`: when data of an athlete expires.

use actix_web::HttpResponse;
use actix_web::web::Data;
use auth::SignedIn;
use http_kit::Problem;
use kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::errors::store_problem;
use crate::domain::expiring::Expiring;
use crate::usecases::{ServiceContext, queries};

/// Expiry of the data that came from Strava's API. The numbers that count, and files, never expire.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetentionView {
    /// Days after which it expires; null: it is kept until it is erased.
    days: Option<u32>,
    /// Recordings.
    streams: ExpiringView,
    /// Titles, heart rates, speeds, visibility.
    facts: ExpiringView,
}

/// Number of activities with data that can expire, and when it does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExpiringView {
    /// Number of activities that still have it.
    activities: i64,
    /// The instant at which the first expires; null if none does.
    first_expires_at: Option<String>,
    /// The instant at which the last expires; null if none does.
    last_expires_at: Option<String>,
}

impl ExpiringView {
    fn new(expiring: Expiring, ctx: &ServiceContext) -> Self {
        let expires_at = |stored_at: Option<Timestamp>| {
            Some(stored_at?.plus(ctx.settings.retention()?).to_rfc3339())
        };
        Self {
            activities: expiring.activities,
            first_expires_at: expires_at(expiring.first),
            last_expires_at: expires_at(expiring.last),
        }
    }
}

/// Shows when data of the signed-in athlete expires.
#[utoipa::path(
    get, path = "/v1/me/retention", tag = "account",
    responses((status = 200, body = RetentionView), (status = 401, body = http_kit::ProblemDocument))
)]
pub(super) async fn show(
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let (streams, facts) =
        queries::count_expiring(&ctx, athlete.athlete()).await.map_err(store_problem)?;
    Ok(HttpResponse::Ok().json(RetentionView {
        days: ctx.settings.retention_days,
        streams: ExpiringView::new(streams, &ctx),
        facts: ExpiringView::new(facts, &ctx),
    }))
}
