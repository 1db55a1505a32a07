//! Responses: JSON with Strava's ETag, and Strava's `Fault`.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};

use crate::world::RenderedBody;

const JSON: &str = "application/json; charset=utf-8";

/// The result of a handler.
pub(super) type HandlerResult = Result<HttpResponse, Fault>;

/// Answers with a rendered body.
pub(super) fn rendered_response(status: StatusCode, body: RenderedBody) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, JSON))
        .insert_header((ETAG, body.etag))
        .body(body.json)
}

/// Answers with a value as JSON.
pub(crate) fn json_response(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    rendered_response(status, RenderedBody::new(serde_json::to_vec(value).unwrap_or_default()))
}

/// Answers 200 with a value as JSON.
pub(super) fn ok_json(value: &impl Serialize) -> HttpResponse {
    json_response(StatusCode::OK, value)
}

/// Strava's error answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    status: StatusCode,
    message: &'static str,
    /// Resource, field and code.
    error: Option<[String; 3]>,
}

impl Fault {
    fn new(status: StatusCode, message: &'static str, error: [&str; 3]) -> Self {
        Self { status, message, error: Some(error.map(str::to_owned)) }
    }

    fn unauthorized(error: [&str; 3]) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Authorization Error", error)
    }

    /// 400.
    pub(crate) fn bad_request(resource: &str, field: &str, code: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad Request", [resource, field, code])
    }

    /// 401: the token is unknown, expired or missing.
    pub(crate) fn invalid_token() -> Self {
        Self::unauthorized(["Athlete", "access_token", "invalid"])
    }

    /// 401: the token lacks a permission such as `activity:read_permission`.
    pub(crate) fn scope_missing(permission: &str) -> Self {
        Self::unauthorized(["AccessToken", permission, "missing"])
    }

    /// 401: known client, wrong secret.
    pub(crate) fn wrong_secret() -> Self {
        Self::unauthorized(["Application", "", "invalid"])
    }

    /// 401 without errors.
    pub(crate) fn bad_credentials() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, message: "Authorization Error", error: None }
    }

    /// 403: the application is deactivated.
    pub(crate) fn inactive() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", ["Application", "Status", "Inactive"])
    }

    /// 403.
    pub(crate) fn forbidden(resource: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", [resource, "id", "forbidden"])
    }

    /// 404.
    pub(crate) fn not_found(resource: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Resource Not Found", [resource, "", "not found"])
    }

    /// 413.
    pub(crate) fn too_large() -> Self {
        let error = ["Upload", "file", "too large"];
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large", error)
    }

    /// 429.
    pub(crate) fn rate_limit(field: &str) -> Self {
        let error = ["Application", field, "exceeded"];
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Rate Limit Exceeded", error)
    }

    /// 503.
    pub(crate) fn unavailable() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "Service Unavailable",
            error: None,
        }
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let errors: Vec<Value> = self
            .error
            .iter()
            .map(|[resource, field, code]| json!({"resource": resource, "field": field, "code": code}))
            .collect();
        let body = json!({"message": self.message, "errors": errors});
        HttpResponse::build(self.status).insert_header((CONTENT_TYPE, JSON)).body(body.to_string())
    }
}
