//! The middleware of every request: a span in the caller's trace, a request id, security headers,
//! metrics, and problem+json for every error.

use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use futures::future::{Ready, ready};
use kernel::{Ids, SystemIds};
use tracing::{Instrument, Span, field};

use crate::problem::trace_id;
use crate::{DescribedRoutes, Problem, headers};

/// The id of a request, for logs and support: the caller's own, or the trace id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromRequest for RequestId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.extensions().get::<Self>().cloned();
        ready(
            id.ok_or_else(|| {
                Problem::internal(anyhow::anyhow!("the request middleware is missing"))
            }),
        )
    }
}

/// The header that carries the request id, in both directions.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Runs a request inside its span and completes the response.
pub(crate) async fn request_middleware(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let method = request.method().clone();
    if method == Method::HEAD {
        // Routed as GET; the server drops the body.
        request.head_mut().method = Method::GET;
    }
    let span = tracing::info_span!("http", method = %method, route = field::Empty, status = field::Empty, request_id = field::Empty);
    if let Some(parent) = header_text(&request, &TRACEPARENT) {
        telemetry::set_parent(&span, parent);
    }
    async move {
        let id = request_id(&request);
        Span::current().record("request_id", &id.0);
        request.extensions_mut().insert(id.clone());
        let response = match check_query(&request) {
            Ok(()) => next.call(request).await?.map_into_boxed_body(),
            Err(problem) => request.error_response(problem),
        };
        let mut response = render_error(response);
        if let Ok(id) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        headers::add_security_headers(response.headers_mut());
        record_metrics(&response, &method, started);
        Ok(response)
    }
    .instrument(span)
    .await
}

fn check_query(request: &ServiceRequest) -> Result<(), Problem> {
    let routes = request.app_data::<DescribedRoutes>().zip(request.match_pattern());
    routes.map_or(Ok(()), |(routes, pattern)| {
        routes.check_query(&pattern, request.method(), request.query_string())
    })
}

/// Renders an error as a problem with the path and the trace id of the request. Bodies that a handler
/// wrote in another format stay.
fn render_error(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let cause = response.response().error();
    let own = cause.and_then(|cause| cause.as_error::<Problem>());
    let is_empty = response.response().body().size() == BodySize::Sized(0);
    let (instance, trace) = (response.request().path(), trace_id());
    let render = |problem: &Problem| problem.render(Some(instance), trace.as_deref());
    let wrong_method = status == StatusCode::METHOD_NOT_ALLOWED
        && own.map_or(is_empty, |problem| problem.code() == "method-not-allowed");
    let mut rendered = match own {
        _ if wrong_method => render(&method_not_allowed(response.request())),
        Some(problem) => render(problem),
        // The framework writes its errors as plain text.
        None if is_empty || (cause.is_some() && is_text(&response)) => {
            render(&problem_for_status(status))
        }
        None => return response,
    };
    let (request, mut old) = response.into_parts();
    // Headers of inner middleware (CORS) stay.
    for (name, value) in old.headers_mut().drain() {
        if let Some(name) = name
            && !rendered.headers().contains_key(&name)
            && name != header::CONTENT_LENGTH
        {
            rendered.headers_mut().insert(name, value);
        }
    }
    ServiceResponse::new(request, rendered)
}

fn is_text(response: &ServiceResponse<BoxBody>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

/// Answers requests that no route takes: 404, or 405 if the path exists with another method.
pub(crate) async fn unrouted(request: HttpRequest) -> Result<actix_web::HttpResponse, Problem> {
    let exists = request.resource_map().has_resource(request.path());
    Err(if exists { method_not_allowed(&request) } else { Problem::not_found() })
}

fn method_not_allowed(request: &HttpRequest) -> Problem {
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    let pattern = request.resource_map().match_pattern(request.path());
    let allowed = request.app_data::<DescribedRoutes>().zip(pattern);
    match allowed.and_then(|(allowed, pattern)| allowed.allow(&pattern).cloned()) {
        Some(methods) => problem.header(header::ALLOW, methods),
        None => problem,
    }
}

fn problem_for_status(status: StatusCode) -> Problem {
    let code = match status.as_u16() {
        401 => return Problem::unauthenticated(),
        403 => "forbidden",
        404 => "not-found",
        406 => "not-acceptable",
        408 => "request-timeout",
        413 => "body-too-large",
        415 => "unsupported-media-type",
        429 => "too-many-requests",
        503 => "unavailable",
        500..=599 => "internal",
        _ => "bad-request",
    };
    Problem::new(status, code)
}

fn request_id(request: &ServiceRequest) -> RequestId {
    let given = header_text(request, &X_REQUEST_ID).filter(|id| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    });
    let generated = || {
        trace_id().unwrap_or_else(|| {
            let mut random = [0; 16];
            SystemIds.fill(&mut random);
            uuid::Uuid::from_bytes(random).simple().to_string()
        })
    };
    RequestId(given.map_or_else(generated, str::to_owned))
}

fn record_metrics(response: &ServiceResponse<BoxBody>, method: &Method, started: Instant) {
    // The pattern, never the path: paths may hold secrets and are unbounded as a label.
    let route = response.request().match_pattern().unwrap_or_else(|| "none".to_owned());
    let status = response.status().as_u16();
    let span = Span::current();
    span.record("route", &route);
    span.record("status", status);
    // An arbitrary method must not create a time series.
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels[..2]).record(started.elapsed());
}

fn header_text<'a>(request: &'a ServiceRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}
