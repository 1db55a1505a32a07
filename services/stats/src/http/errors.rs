//! How failures are told: problems on our own routes, `{"detail": …}` on the predecessors'.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use http_kit::Problem;
use outbox::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::usecases::summarize::SummaryError;

/// An error in the predecessor's shape.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Detail {
    /// What is wrong.
    pub(super) detail: String,
}

/// An answer in the predecessor's shape.
pub(super) fn detail(status: StatusCode, detail: &str) -> HttpResponse {
    HttpResponse::build(status).json(Detail { detail: detail.to_owned() })
}

/// What the predecessors' routes answer when the store fails.
pub(super) fn failed(error: &StoreError) -> HttpResponse {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) => {
            tracing::warn!(%error, "the database is away");
            detail(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
        _ => {
            tracing::error!(%error, "the database failed");
            detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

/// The problem this is.
pub(super) fn problem(error: SummaryError) -> Problem {
    match error {
        SummaryError::Unanswerable(why) => Problem::invalid().field(why.field(), &why),
        SummaryError::Store(error @ (StoreError::Unavailable(_) | StoreError::Conflict(_))) => {
            Problem::unavailable(error)
        }
        SummaryError::Store(error) => Problem::internal(error),
    }
}
