//! `/v1/me/export`: the copy of an athlete's data.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use auth::SignedIn;
use futures::TryStreamExt as _;
use http_kit::Problem;
use object_store::ObjectStoreExt as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::errors::store_problem;
use crate::domain::export::{Export, ExportState};
use crate::usecases::export::{
    RequestExportError, archive_path, delete_own_export, request_export,
};
use crate::usecases::{ServiceContext, queries};

/// An export.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportView {
    id: String,
    /// `collecting`, then `ready` or `failed`; in the end `deleted`.
    state: &'static str,
    /// `service-missing` or `not-joined` of one that failed; `asked`, `expired` or `erased` of one that was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    requested_at: String,
    /// The services that have written their part.
    written: Vec<String>,
    /// The services that have not, while it is collecting.
    waiting_for: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_at: Option<String>,
    /// The instant at which the archive is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Size of the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<i64>,
    /// SHA-256 of the archive, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl ExportView {
    fn new(export: &Export, services: &[String]) -> Self {
        let is_ready = export.state == ExportState::Ready;
        let waiting_for = match export.state {
            ExportState::Collecting => export.waiting_for(services),
            _ => Vec::new(),
        };
        Self {
            id: export.id.to_string(),
            state: export.state.as_str(),
            reason: Some(export.reason.clone()).filter(|reason| !reason.is_empty()),
            requested_at: export.requested_at.to_rfc3339(),
            written: export.parts.iter().map(|part| part.service.clone()).collect(),
            waiting_for: waiting_for.into_iter().map(str::to_owned).collect(),
            ready_at: export.ready_at.filter(|_| is_ready).map(|at| at.to_rfc3339()),
            expires_at: export.expires_at().map(|at| at.to_rfc3339()),
            bytes: is_ready.then_some(export.bytes),
            sha256: is_ready.then(|| export.sha256.clone()),
        }
    }
}

/// Asks for a copy of everything that is stored about the signed-in athlete.
#[utoipa::path(
    post, path = "/v1/me/export", tag = "account",
    responses(
        (status = 202, description = "begun, or under way already", body = ExportView,
            headers(("Location" = String, description = "where its progress is"))),
        (status = 401, body = http_kit::ProblemDocument),
        (status = 429, description = "too-many-exports: one has just become ready", body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn request(
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let export = request_export(&ctx, athlete.athlete()).await.map_err(request_problem)?;
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, "/v1/me/export"))
        .json(ExportView::new(&export, &ctx.settings.services)))
}

/// The athlete's newest export and its progress.
#[utoipa::path(
    get, path = "/v1/me/export", tag = "account",
    responses(
        (status = 200, body = ExportView), (status = 401, body = http_kit::ProblemDocument),
        (status = 404, description = "none was asked for", body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn show(
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let export = queries::find_export(&ctx, athlete.athlete()).await.map_err(store_problem)?;
    let export = export.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(ExportView::new(&export, &ctx.settings.services)))
}

/// The archive of the athlete's newest export.
#[utoipa::path(
    get, path = "/v1/me/export/archive", tag = "account",
    responses(
        (status = 200, description = "a ZIP archive", body = Vec<u8>, content_type = "application/zip"),
        (status = 401, body = http_kit::ProblemDocument),
        (status = 404, description = "none is ready", body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn download(
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let export = queries::find_export(&ctx, athlete.athlete()).await.map_err(store_problem)?;
    let ready = export.filter(|export| export.expires_at().is_some_and(|at| at > ctx.now()));
    let ready = ready.ok_or_else(Problem::not_found)?;
    let archive = ctx.objects.get(&archive_path(ready.athlete, ready.id)).await;
    let archive = archive.map_err(|error| match error {
        object_store::Error::NotFound { .. } => Problem::not_found(),
        error => Problem::unavailable(error),
    })?;
    let date = &ready.requested_at.to_rfc3339()[..10];
    let disposition = format!("attachment; filename=\"paceline-export-{date}.zip\"");
    let size = archive.meta.size;
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((header::CONTENT_DISPOSITION, disposition))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .no_chunking(size)
        .streaming(archive.into_stream().map_err(std::io::Error::other)))
}

/// Deletes the athlete's newest export; one that is collecting is given up.
#[utoipa::path(
    delete, path = "/v1/me/export", tag = "account",
    responses(
        (status = 204, description = "deleted"), (status = 401, body = http_kit::ProblemDocument),
        (status = 404, description = "there is none", body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn delete(
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    if !delete_own_export(&ctx, athlete.athlete()).await.map_err(store_problem)? {
        return Err(Problem::not_found());
    }
    Ok(HttpResponse::NoContent().finish())
}

fn request_problem(error: RequestExportError) -> Problem {
    match error {
        RequestExportError::TooSoon(next) => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-exports")
                .detail("an export has just become ready; download it, or ask again later")
                .retry_at(next)
        }
        RequestExportError::Gone => Problem::not_found(),
        RequestExportError::Store(error) => store_problem(error),
    }
}
