//! Responses to failures: problems on our own routes, `{"detail": …}` on the predecessors'.

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
    /// The reason.
    pub(super) detail: String,
}

/// Builds a response in the predecessor's shape.
pub(super) fn detail_response(status: StatusCode, detail: &str) -> HttpResponse {
    HttpResponse::build(status).json(Detail { detail: detail.to_owned() })
}

/// Builds the response of the predecessors' routes to a failure of the store.
pub(super) fn store_error_response(error: &StoreError) -> HttpResponse {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::CommitUnknown(_) => {
            tracing::warn!(%error, "the database is unavailable");
            detail_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
        _ => {
            tracing::error!(%error, "the database failed");
            detail_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

/// Converts an error to the problem that reports it.
pub(super) fn to_problem(error: SummaryError) -> Problem {
    match error {
        SummaryError::InvalidQuery(invalid) => Problem::invalid().field(invalid.field(), &invalid),
        SummaryError::Store(
            error @ (StoreError::Unavailable(_)
            | StoreError::Conflict(_)
            | StoreError::CommitUnknown(_)),
        ) => Problem::unavailable(error),
        SummaryError::Store(error) => Problem::internal(error),
    }
}
