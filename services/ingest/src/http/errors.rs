//! Each error as the caller is told.

use actix_web::http::StatusCode;
use http_kit::Problem;
use outbox::StoreError;

use crate::usecases::take_event::NotTaken;

/// The store failed under a request.
pub(super) fn store_failed(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) => Problem::unavailable(error),
        _ => Problem::internal(error),
    }
}

/// An event was not taken.
pub(super) fn not_taken(error: NotTaken) -> Problem {
    match error {
        NotTaken::Malformed(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body").detail(error)
        }
        NotTaken::BadSignature => {
            Problem::new(StatusCode::FORBIDDEN, "bad-signature").detail(error)
        }
        NotTaken::UnknownSubscription(_) => {
            Problem::new(StatusCode::FORBIDDEN, "unknown-subscription").detail(error)
        }
        NotTaken::TooEarly | NotTaken::Away(_) => Problem::unavailable(error),
    }
}
