//! Problems that errors are answered with.

use actix_web::http::StatusCode;
use http_kit::Problem;
use outbox::StoreError;

use crate::usecases::accept_event::IntakeError;

/// Converts an error of the store.
pub(super) fn store_problem(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::CommitUnknown(_) => {
            Problem::unavailable(error)
        }
        _ => Problem::internal(error),
    }
}

/// Converts an error of the webhook's intake.
pub(super) fn intake_problem(error: IntakeError) -> Problem {
    match error {
        IntakeError::Malformed(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body").detail(error)
        }
        IntakeError::BadSignature => {
            Problem::new(StatusCode::FORBIDDEN, "bad-signature").detail(error)
        }
        IntakeError::UnknownSubscription(_) => {
            Problem::new(StatusCode::FORBIDDEN, "unknown-subscription").detail(error)
        }
        IntakeError::Subscribing | IntakeError::Unavailable(_) => Problem::unavailable(error),
    }
}
