//! Answers: JSON with Strava's ETag, and Faults.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG};
use actix_web::{HttpResponse, ResponseError};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::world::Body;

const JSON: &str = "application/json; charset=utf-8";

/// `W/"<first 32 hex digits of the SHA-256 of the body>"`.
pub(crate) fn etag(body: &[u8]) -> String {
    let sum = digest(&SHA256, body);
    format!("W/\"{}\"", hex::encode(&sum.as_ref()[..16]))
}

/// A body with its ETag.
pub(crate) fn body(json: impl Into<Bytes>) -> Body {
    let json = json.into();
    let etag = etag(&json);
    Body { json, etag }
}

/// A JSON answer from a rendered body.
pub(crate) fn rendered(status: StatusCode, body: Body) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, JSON))
        .insert_header((ETAG, body.etag))
        .body(body.json)
}

/// A JSON answer.
pub(crate) fn answer(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    rendered(status, body(serde_json::to_vec(value).unwrap_or_default()))
}

/// A 200 JSON answer.
pub(crate) fn ok(value: &impl Serialize) -> HttpResponse {
    answer(StatusCode::OK, value)
}

/// Strava's way of saying no.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    message: &'static str,
    errors: Vec<[String; 3]>,
}

impl Fault {
    fn new(
        status: StatusCode,
        message: &'static str,
        resource: &str,
        field: &str,
        code: &str,
    ) -> Self {
        let error = [resource, field, code].map(str::to_owned);
        Self { status, message, errors: vec![error] }
    }

    /// 400.
    pub(crate) fn bad(resource: &str, field: &str, code: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad Request", resource, field, code)
    }

    /// 401: the token is unknown, expired or missing.
    pub(crate) fn dead_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Authorization Error",
            "Athlete",
            "access_token",
            "invalid",
        )
    }

    /// 401: the token lacks a permission such as `activity:read_permission`.
    pub(crate) fn scope_missing(permission: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Authorization Error",
            "AccessToken",
            permission,
            "missing",
        )
    }

    /// 401: known client, wrong secret.
    pub(crate) fn wrong_secret() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Authorization Error", "Application", "", "invalid")
    }

    /// 401 without errors.
    pub(crate) fn bad_credentials() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            message: "Authorization Error",
            errors: Vec::new(),
        }
    }

    /// 403: the application is deactivated.
    pub(crate) fn inactive() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", "Application", "Status", "Inactive")
    }

    /// 403.
    pub(crate) fn forbidden(resource: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", resource, "id", "forbidden")
    }

    /// 404.
    pub(crate) fn not_found(resource: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Resource Not Found", resource, "", "not found")
    }

    /// 413.
    pub(crate) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large", "Upload", "file", "too large")
    }

    /// 429.
    pub(crate) fn rate_limit(field: &str) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Rate Limit Exceeded",
            "Application",
            field,
            "exceeded",
        )
    }

    /// 503.
    pub(crate) fn unavailable() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "Service Unavailable",
            errors: Vec::new(),
        }
    }

    fn json(&self) -> Value {
        let errors: Vec<Value> = self
            .errors
            .iter()
            .map(|[resource, field, code]| json!({"resource": resource, "field": field, "code": code}))
            .collect();
        json!({"message": self.message, "errors": errors})
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status)
            .insert_header((CONTENT_TYPE, JSON))
            .body(self.json().to_string())
    }
}
