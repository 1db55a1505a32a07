//! Problems that report failures over HTTP.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use http_kit::Problem;
use outbox::StoreError;

use crate::usecases::add_user::AddUserError;
use crate::usecases::remove_user::RemoveUserError;
use crate::usecases::set_role::SetRoleError;
use crate::usecases::sign_in::SignInError;

pub(super) fn from_store(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::CommitUnknown(_) => {
            Problem::unavailable(error)
        }
        other => Problem::internal(other),
    }
}

pub(super) fn from_sign_in(error: SignInError) -> Problem {
    match error {
        SignInError::WrongCredentials => {
            Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials")
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        }
        SignInError::LockedUntil(until) => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts")
                .detail("too many wrong passwords")
                .retry_at(until)
        }
        SignInError::Busy => Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy")
            .detail("too many people are signing in at once")
            .header(header::RETRY_AFTER, HeaderValue::from_static("2")),
        SignInError::Store(error) => from_store(error),
        other => Problem::internal(other),
    }
}

pub(super) fn from_remove_user(error: RemoveUserError) -> Problem {
    match error {
        RemoveUserError::LastAdmin => {
            Problem::new(StatusCode::CONFLICT, "last-admin").detail(error)
        }
        RemoveUserError::Store(error) => from_store(error),
    }
}

pub(super) fn from_set_role(error: SetRoleError) -> Problem {
    match error {
        SetRoleError::NoAccount => Problem::not_found(),
        SetRoleError::LastAdmin => Problem::new(StatusCode::CONFLICT, "last-admin").detail(error),
        SetRoleError::Store(error) => from_store(error),
    }
}

pub(super) fn from_add_user(error: AddUserError) -> Problem {
    match error {
        AddUserError::Email(invalid) => Problem::invalid().field("email", invalid),
        AddUserError::Password(invalid) => Problem::invalid().field("password", invalid),
        AddUserError::Exists(_) => Problem::new(StatusCode::CONFLICT, "email-taken").detail(error),
        AddUserError::Store(error) => from_store(error),
    }
}
