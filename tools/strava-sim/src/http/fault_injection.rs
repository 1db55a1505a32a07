//! Faults on demand: error answers, and answers that come slowly, broken or not at all.

use std::io;
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody, SizedStream, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use bytes::Bytes;
use futures::{StreamExt, stream};

use super::response::Fault;
use crate::world::{FaultKind, FaultRule};

const DEFAULT_DELAY_MS: u64 = 3000;
/// Number of pieces of a slow answer.
const SLOW_PIECES: usize = 8;

/// Runs the handler, or answers with the refusal.
pub(super) async fn call_handler(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    refusal: Option<&Fault>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match refusal {
        Some(fault) => Ok(request.into_response(fault.error_response())),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

/// Answers as the rule says; some kinds run the handler first.
pub(super) async fn inject_fault(
    rule: &FaultRule,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    refusal: Option<&Fault>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let delay = Duration::from_millis(rule.delay_ms.unwrap_or(DEFAULT_DELAY_MS));
    match rule.kind {
        FaultKind::Slow => Ok(slow_down(call_handler(request, next, refusal).await?, delay).await),
        FaultKind::Truncated => Ok(truncate(call_handler(request, next, refusal).await?).await),
        FaultKind::AnswerLost => {
            let response = call_handler(request, next, refusal).await?;
            Ok(response.into_response(broken_connection()))
        }
        kind => {
            if kind == FaultKind::Timeout {
                tokio::time::sleep(delay).await;
            }
            Ok(request.into_response(error_answer(kind)))
        }
    }
}

fn error_answer(kind: FaultKind) -> HttpResponse {
    match kind {
        FaultKind::Unauthorized => Fault::invalid_token().error_response(),
        FaultKind::ScopeMissing => Fault::scope_missing("activity:read_permission").error_response(),
        FaultKind::Inactive => Fault::inactive().error_response(),
        FaultKind::NotFound => Fault::not_found("Activity").error_response(),
        FaultKind::RateLimit => Fault::rate_limit("rate limit").error_response(),
        FaultKind::Unavailable => Fault::unavailable().error_response(),
        FaultKind::ServerError => HttpResponse::InternalServerError()
            .content_type("text/html; charset=utf-8")
            .body("<!DOCTYPE html><html><head><title>Strava | 500</title></head><body><h1>Something went wrong</h1></body></html>"),
        FaultKind::BadGateway => HttpResponse::BadGateway().content_type("text/plain").body("upstream connect error"),
        FaultKind::Timeout => HttpResponse::GatewayTimeout().content_type("text/plain").body("upstream request timeout"),
        FaultKind::Reset | FaultKind::AnswerLost | FaultKind::Truncated | FaultKind::Slow => broken_connection(),
    }
}

/// A connection that breaks instead of an answer.
fn broken_connection() -> HttpResponse {
    let end =
        stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    HttpResponse::Ok().body(SizedStream::new(4096, end.boxed()))
}

async fn read_body(response: ServiceResponse<BoxBody>) -> (ServiceResponse<()>, Bytes) {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let bytes = match body.size() {
        BodySize::None => Bytes::new(),
        _ => to_bytes(body).await.unwrap_or_default(),
    };
    (ServiceResponse::new(request, response), bytes)
}

/// Cuts the answer in half.
async fn truncate(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (head, bytes) = read_body(response).await;
    let half = bytes.slice(..bytes.len() / 2);
    head.map_body(|_, ()| BoxBody::new(half))
}

/// Sends the answer in pieces over the given time.
async fn slow_down(
    response: ServiceResponse<BoxBody>,
    total: Duration,
) -> ServiceResponse<BoxBody> {
    let (head, bytes) = read_body(response).await;
    let size = bytes.len();
    let step = (size / SLOW_PIECES).max(1);
    let pieces: Vec<Bytes> =
        (0..size).step_by(step).map(|from| bytes.slice(from..(from + step).min(size))).collect();
    let pause = total / u32::try_from(pieces.len()).unwrap_or(1).max(1);
    let body = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<Bytes, io::Error>(piece)
    });
    head.map_body(|_, ()| BoxBody::new(SizedStream::new(size as u64, body.boxed())))
}
