//! What goes wrong, as the caller is told.

use actix_web::http::StatusCode;
use http_kit::Problem;
use kernel::Timestamp;
use outbox::StoreError;
use strava_client::lease::DenialReason;

use crate::usecases::begin_authorize::BeginError;

impl From<BeginError> for Problem {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::NotConfigured => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "strava-not-configured",
            )
            .detail(
                "no Strava application is configured: set strava.client_id and strava.client_secret",
            ),
            BeginError::StillDisconnecting => {
                Self::new(StatusCode::CONFLICT, "still-disconnecting").detail(
                    "Strava has not answered the last disconnect yet; try again in a minute",
                )
            }
            BeginError::Store(error) => store(error),
        }
    }
}

/// The database said no.
pub(super) fn store(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) => Problem::unavailable(error),
        other => Problem::internal(other),
    }
}

/// No lease now.
pub(super) fn retry_at(at: Timestamp) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "retry-later").retry_at(at)
}

/// No lease with this connection.
pub(super) fn never(reason: DenialReason) -> Problem {
    Problem::new(StatusCode::CONFLICT, reason.code())
}
