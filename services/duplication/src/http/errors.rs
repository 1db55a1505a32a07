//! Problems of the HTTP API.

use actix_web::http::StatusCode;
use http_kit::Problem;
use outbox::StoreError;

use crate::usecases::accept_link::AcceptLinkError;
use crate::usecases::create_invitation::{CreateInvitationError, InvalidTerms};
use crate::usecases::redeem_invitation::RedeemInvitationError;

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

impl From<InvalidTerms> for Problem {
    fn from(error: InvalidTerms) -> Self {
        match error {
            InvalidTerms::Names(error) => invalid_field("names", error),
            InvalidTerms::OfChild(field) => invalid_field(field, error),
        }
    }
}

impl From<CreateInvitationError> for Problem {
    fn from(error: CreateInvitationError) -> Self {
        match error {
            CreateInvitationError::Name(error) => invalid_field("name", error),
            CreateInvitationError::Terms(error) => error.into(),
            CreateInvitationError::TooMany(_) => {
                Self::new(StatusCode::CONFLICT, "too-many-invitations").detail(error)
            }
            CreateInvitationError::Gone => Self::unauthenticated(),
            CreateInvitationError::Store(error) => store_problem(error),
        }
    }
}

impl From<RedeemInvitationError> for Problem {
    fn from(error: RedeemInvitationError) -> Self {
        match error {
            RedeemInvitationError::Name(error) => invalid_field("name", error),
            RedeemInvitationError::Terms(error) => error.into(),
            RedeemInvitationError::WrongCode => {
                Self::new(StatusCode::NOT_FOUND, "wrong-code").detail(error)
            }
            RedeemInvitationError::TooManyAttempts(until) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts")
                    .detail(error)
                    .retry_at(until)
            }
            RedeemInvitationError::OwnInvitation => {
                invalid_field("code", "must be of another athlete's invitation")
            }
            RedeemInvitationError::Exists => {
                Self::new(StatusCode::CONFLICT, "link-exists").detail(error)
            }
            RedeemInvitationError::Declined(until) => {
                Self::new(StatusCode::CONFLICT, "link-declined").detail(error).retry_at(until)
            }
            RedeemInvitationError::TooMany(_) => {
                Self::new(StatusCode::CONFLICT, "too-many-links").detail(error)
            }
            RedeemInvitationError::Store(error) => store_problem(error),
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
