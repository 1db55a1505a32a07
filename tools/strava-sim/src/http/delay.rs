//! Answers that come slowly, broken or not at all.

use std::io;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody, SizedStream, to_bytes};
use actix_web::dev::ServiceResponse;
use bytes::Bytes;
use futures::{StreamExt, stream};

/// A connection that breaks instead of an answer.
pub(super) fn broken() -> HttpResponse {
    let end =
        stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    HttpResponse::Ok().body(SizedStream::new(4096, end.boxed()))
}

async fn take(response: ServiceResponse<BoxBody>) -> (ServiceResponse<()>, Bytes) {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let bytes = match body.size() {
        BodySize::None => Bytes::new(),
        _ => to_bytes(body).await.unwrap_or_default(),
    };
    (ServiceResponse::new(request, response), bytes)
}

/// The answer cut in half.
pub(super) async fn truncated(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (head, bytes) = take(response).await;
    let half = bytes.slice(..bytes.len() / 2);
    head.map_body(|_, ()| BoxBody::new(half))
}

/// The answer in eight pieces over so long a time.
pub(super) async fn slow(
    response: ServiceResponse<BoxBody>,
    total: Duration,
) -> ServiceResponse<BoxBody> {
    let (head, bytes) = take(response).await;
    let size = bytes.len();
    let step = (size / 8).max(1);
    let pieces: Vec<Bytes> =
        (0..size).step_by(step).map(|at| bytes.slice(at..(at + step).min(size))).collect();
    let pause = total / u32::try_from(pieces.len()).unwrap_or(1).max(1);
    let trickle = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<Bytes, io::Error>(piece)
    });
    head.map_body(|_, ()| BoxBody::new(SizedStream::new(size as u64, trickle.boxed())))
}
