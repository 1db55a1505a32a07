//! Problems of the HTTP API.

use actix_web::http::StatusCode;
use http_kit::Problem;
use outbox::StoreError;

use crate::usecases::accept_link::AcceptLinkError;
use crate::usecases::propose_link::ProposeLinkError;

/// Returns the problem of an invalid field.
pub(super) fn invalid_field(field: &str, message: impl std::fmt::Display) -> Problem {
    Problem::invalid().field(field, message)
}

pub(super) fn store_problem(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::CommitUnknown(_) => {
            Problem::unavailable(error)
        }
        _ => Problem::internal(error),
    }
}

impl From<ProposeLinkError> for Problem {
    fn from(error: ProposeLinkError) -> Self {
        match error {
            ProposeLinkError::Names(error) => invalid_field("names", error),
            ProposeLinkError::OwnChild => invalid_field("child", "must be another athlete"),
            ProposeLinkError::Exists => {
                Self::new(StatusCode::CONFLICT, "link-exists").detail(error)
            }
            ProposeLinkError::TooMany(_) => {
                Self::new(StatusCode::CONFLICT, "too-many-links").detail(error)
            }
            ProposeLinkError::Store(error) => store_problem(error),
        }
    }
}

impl From<AcceptLinkError> for Problem {
    fn from(error: AcceptLinkError) -> Self {
        match error {
            AcceptLinkError::NotFound => Self::not_found(),
            AcceptLinkError::NotTheChild => {
                Self::new(StatusCode::FORBIDDEN, "not-the-child").detail(error)
            }
            AcceptLinkError::Store(error) => store_problem(error),
        }
    }
}
