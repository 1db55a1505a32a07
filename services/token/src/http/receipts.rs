//! `DELETE /v1/me` and the receipts of what was erased.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use auth::{Admin, InternalCaller, Permission, Require, SignedIn};
use http_kit::{Path, Problem, ProblemDocument};
use kernel::{AthleteId, Timestamp};
use serde::Serialize;

use super::errors::store_problem;
use crate::domain::erasure::{ErasureAnswer, ErasureReason};
use crate::usecases::ServiceContext;
use crate::usecases::delete_account::delete_account;
use crate::usecases::list_receipts::{Receipt, list_receipts};

/// What backups hold, as every receipt says it.
const BACKUPS: &str = "Paceline sends nothing to backups of its own. A backup that the operator made before \
     `completed_at` holds it until that backup is deleted; a restore with the ledger of erasures erases it again before \
     anything is served.";

/// The receipts of an athlete.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Receipts {
    /// The athlete's id: an administrator finds the receipts by it when the account is gone.
    athlete: String,
    items: Vec<ReceiptView>,
}

/// What was erased, when, and by whom.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReceiptView {
    /// `connection` or `account`.
    scope: &'static str,
    /// The Strava application's client id, for a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<i64>,
    /// The last connection that was erased, for a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    through_generation: Option<i64>,
    /// `asked`, `withdrawn`, `not-reconnected`, `account-deleted`, `account-removed` or `repeated`.
    reason: &'static str,
    requested_at: String,
    /// The instant at which every service had answered for good; null before.
    completed_at: Option<String>,
    /// The services that have not answered for good.
    waiting_for: Vec<String>,
    /// The instant after which the log holds nothing of it any more; null before it is complete.
    log_forgotten_at: Option<String>,
    /// What backups hold.
    backups: &'static str,
    services: Vec<AnswerView>,
}

/// The answer of one service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AnswerView {
    service: String,
    /// The instant of its last answer.
    erased_at: String,
    /// True if nothing in flight can bring anything back.
    #[serde(rename = "final")]
    is_final: bool,
    /// Number of rows erased.
    rows: i64,
    /// Number of objects erased.
    objects: i64,
}

impl From<ErasureAnswer> for AnswerView {
    fn from(answer: ErasureAnswer) -> Self {
        Self {
            service: answer.service,
            erased_at: answer.erased_at.to_rfc3339(),
            is_final: answer.is_final,
            rows: answer.rows,
            objects: answer.objects,
        }
    }
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let Receipt { requested, answers, waiting_for } = receipt;
        let (application, through) = requested.scope();
        let is_connection = application != 0;
        let text = |instant: Option<Timestamp>| instant.map(|instant| instant.to_rfc3339());
        Self {
            scope: if is_connection { "connection" } else { "account" },
            application: is_connection.then_some(application),
            through_generation: is_connection.then_some(through),
            reason: requested.reason.code(),
            requested_at: requested.requested_at.to_rfc3339(),
            completed_at: text(requested.completed_at),
            waiting_for,
            log_forgotten_at: text(requested.log_forgotten_at()),
            backups: BACKUPS,
            services: answers.into_iter().map(AnswerView::from).collect(),
        }
    }
}

async fn receipts_of(ctx: &ServiceContext, athlete: AthleteId) -> Result<Receipts, Problem> {
    let receipts = list_receipts(ctx, athlete).await.map_err(store_problem)?;
    let items = receipts.into_iter().map(ReceiptView::from).collect();
    Ok(Receipts { athlete: athlete.to_string(), items })
}

/// Lists what was erased of the signed-in athlete.
#[utoipa::path(
    get, path = "/v1/me/receipts", tag = "account",
    responses(
        (status = 200, description = "The receipts, the newest first", body = Receipts),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    signed_in: SignedIn,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(receipts_of(&ctx, signed_in.athlete()).await?))
}

/// Lists what was erased of an athlete, for administrators: also of one who is gone.
#[utoipa::path(
    get, path = "/v1/admin/receipts/{athlete}", tag = "account",
    params(("athlete" = String, Path, description = "The athlete's id", format = Uuid)),
    responses(
        (status = 200, description = "The receipts, the newest first", body = Receipts),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "Not an athlete's id", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list_for_admin(
    _: Require<Admin>,
    athlete: Path<AthleteId>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(receipts_of(&ctx, athlete.0).await?))
}

/// The same for `paceline receipts`.
pub(super) async fn list_for_operator(
    _: InternalCaller,
    athlete: Path<AthleteId>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(receipts_of(&ctx, athlete.0).await?))
}

/// Deletes the signed-in athlete's account: connections are revoked, everything is erased, sessions end.
#[utoipa::path(
    delete, path = "/v1/me", tag = "account",
    responses(
        (status = 202, description = "The erasure has begun; the receipt so far", body = Receipts),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "still-admin: an administrator gives up that role first", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete_me(
    signed_in: SignedIn,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    if signed_in.has_permission(Permission::Admin) {
        return Err(Problem::new(StatusCode::CONFLICT, "still-admin").detail(
            "an administrator's account is deleted after another one has made it a user's",
        ));
    }
    let athlete = signed_in.athlete();
    delete_account(&ctx, athlete, ErasureReason::AccountDeleted).await.map_err(store_problem)?;
    Ok(HttpResponse::Accepted().json(receipts_of(&ctx, athlete).await?))
}
