//! How failures are told.

use actix_web::http::StatusCode;
use http_kit::Problem;
use outbox::StoreError;

use crate::usecases::accept_link::AcceptLinkError;
use crate::usecases::propose_link::ProposeLinkError;

/// The request is understood, and this field of it is wrong.
pub(super) fn invalid(field: &str, message: impl std::fmt::Display) -> Problem {
    Problem::invalid().field(field, message)
}

pub(super) fn store(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) => Problem::unavailable(error),
        _ => Problem::internal(error),
    }
}

pub(super) fn propose(error: ProposeLinkError) -> Problem {
    match error {
        ProposeLinkError::Names(why) => invalid("names", why),
        ProposeLinkError::OneSelf => invalid("child", "must be somebody else"),
        ProposeLinkError::Exists => Problem::new(StatusCode::CONFLICT, "link-exists").detail(error),
        ProposeLinkError::TooMany(_) => {
            Problem::new(StatusCode::CONFLICT, "too-many-links").detail(error)
        }
        ProposeLinkError::Store(error) => store(error),
    }
}

pub(super) fn accept(error: AcceptLinkError) -> Problem {
    match error {
        AcceptLinkError::NotFound => Problem::not_found(),
        AcceptLinkError::NotTheChild => {
            Problem::new(StatusCode::FORBIDDEN, "not-the-child").detail(error)
        }
        AcceptLinkError::Store(error) => store(error),
    }
}
