//! Problem documents of errors.

use actix_web::http::StatusCode;
use http_kit::Problem;
use kernel::Timestamp;
use outbox::StoreError;
use strava_client::lease::DenialReason;

use crate::usecases::begin_authorize::AuthorizeError;

impl From<AuthorizeError> for Problem {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::NotConfigured => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "strava-not-configured",
            )
            .detail(
                "no Strava application is configured: set strava.client_id and strava.client_secret",
            ),
            AuthorizeError::StillDisconnecting => {
                Self::new(StatusCode::CONFLICT, "still-disconnecting").detail(
                    "Strava has not answered the last disconnect yet; try again in a minute",
                )
            }
            AuthorizeError::Store(error) => store_problem(error),
        }
    }
}

/// The problem of a failed database.
pub(super) fn store_problem(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::CommitUnknown(_) => {
            Problem::unavailable(error)
        }
        other => Problem::internal(other),
    }
}

/// The problem of a lease that is to be asked for again at this time.
pub(super) fn retry_at(at: Timestamp) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "retry-later").retry_at(at)
}

/// The problem of a lease that this connection never gets.
pub(super) fn denied(reason: DenialReason) -> Problem {
    Problem::new(StatusCode::CONFLICT, reason.code())
}
