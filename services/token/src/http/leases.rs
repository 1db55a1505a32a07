//! `/internal/v1/leases`: the one synchronous call between our services.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use auth::InternalCaller;
use http_kit::{Json, Path, Problem};
use serde::Serialize;
use strava_client::lease::{LeaseRequest, Report};

use super::errors::{never, retry_at, store};
use crate::usecases::Means;
use crate::usecases::grant_lease::{Answer, grant_lease};
use crate::usecases::report_lease::report_lease;

/// The most calls one lease may be for.
const MOST: u32 = 100;
/// The longest name of an attempt.
const LONGEST: usize = 64;

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
    means: web::Data<Means>,
) -> Result<HttpResponse, Problem> {
    let request = request.0;
    if request.attempt.is_empty() || request.attempt.len() > LONGEST {
        return Err(Problem::invalid().field("attempt", "must have 1 to 64 bytes"));
    }
    let calls = request.reads.saturating_add(request.writes);
    if calls == 0 || calls > MOST {
        return Err(Problem::invalid().field("reads", "and writes together must be 1 to 100"));
    }
    match grant_lease(&means.into_inner(), &request).await.map_err(store)? {
        Answer::Granted(granted) => Ok(HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(LeaseView {
                lease: granted.lease.to_string(),
                access_token: granted.access_token.expose(),
                token_expires_at: granted.token_expires_at.to_string(),
                lease_expires_at: granted.lease_expires_at.to_string(),
            })),
        Answer::RetryAt(at) => Err(retry_at(at)),
        Answer::Never(reason) => Err(never(reason)),
    }
}

/// Takes the report of a lease: 204; 404 when there is no such lease.
pub(super) async fn report(
    _caller: InternalCaller,
    lease: Path<String>,
    report: Json<Report>,
    means: web::Data<Means>,
) -> Result<HttpResponse, Problem> {
    let lease = lease.0.parse().map_err(|_no_uuid| Problem::not_found())?;
    if report_lease(&means, lease, &report.0).await.map_err(store)? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::not_found())
}
