//! What each failure is over HTTP.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use http_kit::Problem;
use outbox::StoreError;

use crate::usecases::add_user::AddUserError;
use crate::usecases::sign_in::SignInError;

pub(super) fn store(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) => Problem::unavailable(error),
        other => Problem::internal(other),
    }
}

pub(super) fn signing_in(error: SignInError) -> Problem {
    match error {
        SignInError::Wrong => Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials")
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        SignInError::Locked(until) => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts")
                .detail("too many wrong passwords")
                .retry_at(until)
        }
        SignInError::Store(error) => store(error),
        other => Problem::internal(other),
    }
}

pub(super) fn adding(error: AddUserError) -> Problem {
    match error {
        AddUserError::Email(fault) => Problem::invalid().field("email", fault),
        AddUserError::Password(fault) => Problem::invalid().field("password", fault),
        AddUserError::Exists(_) => Problem::new(StatusCode::CONFLICT, "email-taken").detail(error),
        AddUserError::Store(error) => store(error),
    }
}
