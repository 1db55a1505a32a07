//! Errors as RFC 9457 problem documents.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use kernel::Timestamp;
use serde::Serialize;

/// Where each problem type is described.
pub const TYPES: &str = "https://paceline.dev/problems/";

/// What went wrong, as the caller is told.
#[derive(Debug)]
pub struct Problem(Box<Told>);

#[derive(Debug)]
struct Told {
    status: StatusCode,
    code: &'static str,
    detail: Option<String>,
    fields: Vec<Field>,
    retry_at: Option<Timestamp>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One field that is wrong.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Field {
    /// The field's name.
    pub field: String,
    /// What it should be.
    pub message: String,
}

/// The document itself (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemDocument {
    /// Which kind of problem: an address that describes it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What it is in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Field>,
    /// When to try again (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
    /// The trace this happened in, also found in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self(Box::new(Told {
            status,
            code,
            detail: None,
            fields: Vec::new(),
            retry_at: None,
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// Something of ours failed: the caller is told nothing, the log everything.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").because(cause.into())
    }

    /// Something we need is away for now.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable").because(cause.into())
    }

    /// There is no such thing, or it is somebody else's.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found")
    }

    /// Nobody is signed in, or not validly.
    pub fn unauthorized(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized")
            .detail(detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// A field has a value that cannot be.
    pub fn invalid(field: &str, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid").field(field, message)
    }

    /// What it is in this case.
    #[must_use]
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// A field that is wrong, and what it should be.
    #[must_use]
    pub fn field(mut self, field: &str, message: impl fmt::Display) -> Self {
        self.0.fields.push(Field { field: field.to_owned(), message: message.to_string() });
        self
    }

    /// When to try again.
    #[must_use]
    pub fn retry_at(mut self, at: Timestamp) -> Self {
        self.0.retry_at = Some(at);
        self
    }

    /// A header that goes with it.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The kind's code: the last part of its type.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    fn because(mut self, cause: Box<dyn std::error::Error + Send + Sync>) -> Self {
        self.0.cause = Some(cause);
        self
    }

    fn title(&self) -> String {
        let mut words = self.0.code.replace('-', " ");
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        words
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.code)?;
        match &self.0.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        if let Some(cause) = &self.0.cause {
            tracing::error!(code = self.0.code, cause = %chain(cause.as_ref()), "a request failed");
        }
        let mut response = HttpResponseBuilder::new(self.0.status);
        for header in &self.0.headers {
            response.insert_header(header.clone());
        }
        if self.0.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, "5"));
        }
        let trace = telemetry::current_traceparent();
        response.content_type("application/problem+json").json(ProblemDocument {
            kind: format!("{TYPES}{}", self.0.code),
            title: self.title(),
            status: self.0.status.as_u16(),
            detail: self.0.detail.clone(),
            errors: self.0.fields.clone(),
            retry_at: self.0.retry_at.map(Timestamp::to_rfc3339),
            trace_id: trace.split('-').nth(1).map(str::to_owned),
        })
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
