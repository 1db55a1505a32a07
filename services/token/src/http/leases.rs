//! `/internal/v1/leases`: the one synchronous call between our services.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use auth::InternalCaller;
use http_kit::{Json, Path, Problem};
use serde::Serialize;
use strava_client::lease::{LeaseRequest, Report};

use super::errors::{denied, retry_at, store_problem};
use crate::usecases::ServiceContext;
use crate::usecases::grant_lease::{LeaseDecision, grant_lease};
use crate::usecases::report_lease::report_lease;

/// Maximum number of calls of a lease.
const MAX_CALLS: u32 = 100;
/// Maximum length of an attempt in bytes.
const MAX_ATTEMPT_BYTES: usize = 64;

#[derive(Serialize)]
struct LeaseView<'a> {
    lease: String,
    access_token: &'a str,
    token_expires_at: String,
    lease_expires_at: String,
}

/// Grants a lease: 200; not now: 429 with `retry_at`; never: 409 with the reason as the problem's type.
pub(super) async fn grant(
    _caller: InternalCaller,
    request: Json<LeaseRequest>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let request = request.0;
    if request.attempt.is_empty() || request.attempt.len() > MAX_ATTEMPT_BYTES {
        return Err(Problem::invalid().field("attempt", "must have 1 to 64 bytes"));
    }
    let calls = request.reads.saturating_add(request.writes);
    if calls == 0 || calls > MAX_CALLS {
        return Err(Problem::invalid().field("reads", "and writes together must be 1 to 100"));
    }
    match grant_lease(&ctx, &request).await.map_err(store_problem)? {
        LeaseDecision::Granted(granted) => Ok(HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(LeaseView {
                lease: granted.id.to_string(),
                access_token: granted.access_token.expose(),
                token_expires_at: granted.token_expires_at.to_string(),
                lease_expires_at: granted.lease_expires_at.to_string(),
            })),
        LeaseDecision::RetryAt(at) => Err(retry_at(at)),
        LeaseDecision::Denied(reason) => Err(denied(reason)),
    }
}

/// Takes the report of a lease: 204; 404 if there is no such lease.
pub(super) async fn report(
    _caller: InternalCaller,
    lease: Path<String>,
    report: Json<Report>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let lease = lease.0.parse().map_err(|_no_uuid| Problem::not_found())?;
    if report_lease(&ctx, lease, &report.0).await.map_err(store_problem)? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::not_found())
}
