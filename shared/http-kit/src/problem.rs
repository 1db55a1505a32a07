//! Errors as callers see them: `application/problem+json` (RFC 9457), one `type` each.

use std::fmt::{self, Display};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use kernel::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problems;

/// What was wrong with one field of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field: `email`, `names[2]`.
    pub field: String,
    /// What it should be.
    pub message: String,
}

/// The body of a problem, for the API's description.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// Which kind of problem: the address of a page that describes it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: Option<String>,
    /// Where: the path of the request.
    pub instance: Option<String>,
    /// The fields that are wrong.
    pub errors: Option<Vec<FieldError>>,
    /// When to try again (RFC 3339).
    pub retry_at: Option<String>,
    /// The trace this happened in, also found in the log.
    pub trace_id: Option<String>,
}

/// An error on its way to a caller. Callers of a 5xx learn nothing but the trace id; the log has the cause.
pub struct Problem(Box<Inner>);

struct Inner {
    status: StatusCode,
    code: &'static str,
    title: Option<String>,
    detail: Option<String>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<anyhow::Error>,
}

impl Problem {
    /// A problem of this kind; the code is the last part of its `type`.
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            title: None,
            detail: None,
            errors: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// 500: our fault. The cause goes to the log only.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").cause(cause)
    }

    /// 503: something we need is away, but will be back. The cause goes to the log only.
    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
            .cause(cause)
    }

    /// 404: there is no such thing, or it is somebody else's.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found")
    }

    /// 422: the request is understood and wrong in these fields (add them with [`Problem::field`]).
    pub fn invalid() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request")
    }

    /// 401 with the challenge that RFC 6750 asks for.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated")
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 401, and why.
    pub fn unauthorized(detail: impl Display) -> Self {
        Self::unauthenticated().detail(detail)
    }

    /// 403: known, but not allowed.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden")
    }

    /// What it is called, if not as the registry has it.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.0.title = Some(title.into());
        self
    }

    /// What happened this time, for the caller to read.
    #[must_use]
    pub fn detail(mut self, detail: impl Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// A field that is wrong, and what it should be.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Display) -> Self {
        self.0.errors.push(FieldError { field: field.into(), message: message.to_string() });
        self
    }

    /// When to try again: the `Retry-After` header and a member `retry_at`.
    #[must_use]
    pub fn retry_at(self, at: Timestamp) -> Self {
        // Rounded up: whoever comes exactly then must not come too early.
        let at = Timestamp::from_secs(at.as_micros().saturating_add(999_999).div_euclid(1_000_000));
        let date = at.to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let problem = self.member("retry_at", at.to_rfc3339());
        match HeaderValue::from_str(&date) {
            Ok(date) => problem.header(header::RETRY_AFTER, date),
            Err(_) => problem,
        }
    }

    /// A member of its own in the body.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// A header of its own, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.retain(|(there, _)| *there != name);
        self.0.headers.push((name, value));
        self
    }

    /// Why, for the log only.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The code: the last part of the `type`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The fields that are wrong.
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
        let title = inner.title.clone().unwrap_or_else(|| problems::title(inner.code));
        body.insert("type".to_owned(), problems::type_uri(inner.code).into());
        body.insert("title".to_owned(), title.into());
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
            tracing::error!(status, code, cause, "a request failed");
        } else if !cause.is_empty() {
            tracing::debug!(status, code, cause, "a request was refused");
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

/// The trace of the current span.
pub(crate) fn trace_id() -> Option<String> {
    telemetry::current_traceparent().get(3..35).map(str::to_owned)
}
