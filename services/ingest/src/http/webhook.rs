//! Strava's webhook: it checks our address, and it tells us what happened.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use http_kit::{Problem, Query};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::errors;
use crate::domain::signature;
use crate::usecases::Core;
use crate::usecases::take_event::Intake;

/// What Strava asks while it makes a subscription.
#[derive(Debug, Deserialize)]
pub(super) struct Validation {
    #[serde(rename = "hub.mode")]
    mode: String,
    #[serde(rename = "hub.verify_token")]
    verify_token: String,
    #[serde(rename = "hub.challenge")]
    challenge: String,
}

/// `GET /webhook/{secret}`
#[utoipa::path(
    get, path = "/webhook/{secret}", tag = "webhook",
    params(
        ("secret" = String, Path, description = "the unguessable part of the address"),
        ("hub.mode" = String, Query, description = "subscribe"),
        ("hub.verify_token" = String, Query, description = "what we told Strava to repeat"),
        ("hub.challenge" = String, Query, description = "what we must repeat"),
    ),
    responses(
        (status = 200, description = "the challenge, repeated"),
        (status = 403, description = "another verify token or mode", body = http_kit::ProblemDocument),
        (status = 404, description = "another secret", body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn validate(
    request: HttpRequest,
    core: Data<Core>,
    Query(asked): Query<Validation>,
) -> Result<HttpResponse, Problem> {
    check_secret(&core, &request)?;
    let known = matches(core.settings.verify_token.as_ref(), &asked.verify_token);
    if !known || asked.mode != "subscribe" {
        return Err(Problem::new(StatusCode::FORBIDDEN, "wrong-verify-token"));
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({ "hub.challenge": asked.challenge })))
}

/// `POST /webhook/{secret}`
#[utoipa::path(
    post, path = "/webhook/{secret}", tag = "webhook",
    params(("secret" = String, Path, description = "the unguessable part of the address")),
    request_body(content = String, content_type = "application/json", description = "Strava's event"),
    responses(
        (status = 200, description = "the event is safe"),
        (status = 400, description = "no event", body = http_kit::ProblemDocument),
        (status = 403, description = "unknown subscription or bad signature", body = http_kit::ProblemDocument),
        (status = 404, description = "another secret", body = http_kit::ProblemDocument),
        (status = 413, description = "more than 64 KiB", body = http_kit::ProblemDocument),
        (status = 503, description = "neither log nor database answer", body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn take(
    request: HttpRequest,
    core: Data<Core>,
    intake: Data<Intake>,
    body: Result<Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    check_secret(&core, &request)?;
    let body = body.map_err(|error| unread(&error))?;
    let signed = request.headers().get("x-strava-signature").and_then(|value| value.to_str().ok());
    intake.take(&body, signed).await.map_err(errors::not_taken)?;
    Ok(HttpResponse::Ok().finish())
}

/// The bare address has no secret to check; it is served only where a setting says so.
fn check_secret(core: &Core, request: &HttpRequest) -> Result<(), Problem> {
    match request.match_info().get("secret") {
        Some(given) if !matches(core.settings.webhook_secret.as_ref(), given) => {
            Err(Problem::not_found())
        }
        _ => Ok(()),
    }
}

fn matches(wanted: Option<&SecretString>, given: &str) -> bool {
    wanted.is_some_and(|wanted| {
        !wanted.expose_secret().is_empty() && signature::same(given, wanted.expose_secret())
    })
}

fn unread(error: &actix_web::Error) -> Problem {
    let status = error.as_response_error().status_code();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(status, "body-too-large").detail("an event has at most 64 KiB");
    }
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body").detail("the body could not be read")
}
