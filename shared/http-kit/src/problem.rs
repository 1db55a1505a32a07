//! Error responses: `application/problem+json` (RFC 9457).

use std::fmt::{self, Display};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use kernel::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problem_titles;

/// The base of every `type` URI.
const TYPE_BASE_URI: &str = "https://paceline.dev/problems/";

/// An invalid field of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Path of the field: `email`, `names[2]`.
    pub field: String,
    /// The expected value.
    pub message: String,
}

/// The body of a problem, for the OpenAPI document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// The problem type: a URI that ends in its code.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short summary of the problem type.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// An explanation of this occurrence.
    pub detail: Option<String>,
    /// The path of the request.
    pub instance: Option<String>,
    /// The invalid fields.
    pub errors: Option<Vec<FieldError>>,
    /// The earliest time to retry (RFC 3339).
    pub retry_at: Option<String>,
    /// The id of the trace, also found in the log.
    pub trace_id: Option<String>,
}

/// An error response. The cause goes to the log only; the caller of a 5xx gets the trace id.
pub struct Problem(Box<Inner>);

struct Inner {
    status: StatusCode,
    code: &'static str,
    detail: Option<String>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<anyhow::Error>,
}

impl Problem {
    /// A problem of this type; the code is the last part of the `type` URI.
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            detail: None,
            errors: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// 500. The cause goes to the log only.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").cause(cause)
    }

    /// 503 with `Retry-After`: a dependency is temporarily unavailable. The cause goes to the log only.
    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
            .cause(cause)
    }

    /// 404: unknown, or owned by another athlete.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found")
    }

    /// 422: well-formed, but with invalid fields (add them with [`Problem::field`]).
    pub fn invalid() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request")
    }

    /// 401 with the challenge that RFC 6750 requires.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated")
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403: signed in, but without the permission.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden")
    }

    /// Sets the explanation of this occurrence.
    #[must_use]
    pub fn detail(mut self, detail: impl Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// Adds an invalid field with its expected value.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Display) -> Self {
        self.0.errors.push(FieldError { field: field.into(), message: message.to_string() });
        self
    }

    /// Sets the earliest time to retry: the `Retry-After` header and the member `retry_at`.
    #[must_use]
    pub fn retry_at(mut self, at: Timestamp) -> Self {
        // Rounded up: a retry at exactly this second must not come too early.
        let at = Timestamp::from_secs(at.as_micros().saturating_add(999_999).div_euclid(1_000_000));
        let date = at.to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        self.0.members.insert("retry_at".to_owned(), at.to_rfc3339().into());
        match HeaderValue::from_str(&date) {
            Ok(date) => self.header(header::RETRY_AFTER, date),
            Err(_) => self,
        }
    }

    /// Sets a header, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.retain(|(existing, _)| *existing != name);
        self.0.headers.push((name, value));
        self
    }

    /// Sets the cause, for the log only.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the code: the last part of the `type` URI.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Returns the invalid fields.
    pub fn fields(&self) -> &[FieldError] {
        &self.0.errors
    }

    pub(crate) fn render(&self, instance: Option<&str>, trace: Option<&str>) -> HttpResponse {
        let mut response = HttpResponse::build(self.0.status);
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.content_type("application/problem+json").body(self.body(instance, trace))
    }

    fn body(&self, instance: Option<&str>, trace: Option<&str>) -> String {
        let inner = &self.0;
        let mut body = inner.members.clone();
        body.insert("type".to_owned(), format!("{TYPE_BASE_URI}{}", inner.code).into());
        body.insert("title".to_owned(), problem_titles::title_of(inner.code).into());
        body.insert("status".to_owned(), inner.status.as_u16().into());
        let optional =
            [("detail", inner.detail.as_deref()), ("instance", instance), ("trace_id", trace)];
        for (name, value) in optional {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.into());
            }
        }
        if !inner.errors.is_empty() {
            let errors = inner.errors.iter();
            let errors = errors
                .map(|error| serde_json::json!({"field": error.field, "message": error.message}));
            body.insert("errors".to_owned(), Value::Array(errors.collect()));
        }
        Value::Object(body).to_string()
    }

    fn log(&self) {
        let (status, code) = (self.0.status.as_u16(), self.0.code);
        let cause = self.0.cause.as_ref().map(|cause| format!("{cause:#}")).unwrap_or_default();
        if self.0.status.is_server_error() {
            tracing::error!(status, code, cause, "request failed");
        } else if !cause.is_empty() {
            tracing::debug!(status, code, cause, "request refused");
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.code)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.0.status)
            .field("code", &self.0.code)
            .field("detail", &self.0.detail)
            .field("errors", &self.0.errors)
            .field("cause", &self.0.cause)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        self.render(None, trace_id().as_deref())
    }
}

/// Returns the trace id of the current span, as 32 hexadecimal digits.
pub(crate) fn trace_id() -> Option<String> {
    telemetry::current_traceparent().get(3..35).map(str::to_owned)
}
