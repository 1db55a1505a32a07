//! Strava's webhook: the check of the address, and events.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use http_kit::{Body, Problem, Query};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::errors;
use crate::domain::signature;
use crate::usecases::ServiceContext;
use crate::usecases::accept_event::Intake;

/// Maximum size of an event.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// Query of the check that Strava makes of a new subscription's address.
#[derive(Debug, Deserialize)]
pub(super) struct ValidationQuery {
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
        ("secret" = String, Path, description = "the secret part of the path"),
        ("hub.mode" = String, Query, description = "subscribe"),
        ("hub.verify_token" = String, Query, description = "the token of the subscription"),
        ("hub.challenge" = String, Query, description = "the challenge to repeat"),
    ),
    responses(
        (status = 200, description = "the challenge, repeated"),
        (status = 403, description = "wrong verify token or mode", body = http_kit::ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "wrong secret", body = http_kit::ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "a parameter is missing", body = http_kit::ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn validate(
    request: HttpRequest,
    ctx: Data<ServiceContext>,
    Query(query): Query<ValidationQuery>,
) -> Result<HttpResponse, Problem> {
    check_secret(&ctx, &request)?;
    let is_known = secret_matches(ctx.settings.verify_token.as_ref(), &query.verify_token);
    if !is_known || query.mode != "subscribe" {
        return Err(Problem::new(StatusCode::FORBIDDEN, "wrong-verify-token"));
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({ "hub.challenge": query.challenge })))
}

/// `POST /webhook/{secret}`
#[utoipa::path(
    post, path = "/webhook/{secret}", tag = "webhook", operation_id = "take",
    params(("secret" = String, Path, description = "the secret part of the path")),
    request_body(content = String, content_type = "application/json", description = "Strava's event"),
    responses(
        (status = 200, description = "the event is stored"),
        (status = 400, description = "not an event", body = http_kit::ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "unknown subscription or bad signature", body = http_kit::ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "wrong secret", body = http_kit::ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "more than 64 KiB", body = http_kit::ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "neither the log nor the database answers", body = http_kit::ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn receive_event(
    request: HttpRequest,
    ctx: Data<ServiceContext>,
    intake: Data<Intake>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    // Nothing is read before the caller has shown that he knows the path.
    check_secret(&ctx, &request)?;
    let body = body.read(MAX_EVENT_BYTES).await?;
    let signature =
        request.headers().get("x-strava-signature").and_then(|value| value.to_str().ok());
    intake.accept_event(&body, signature).await.map_err(errors::intake_problem)?;
    Ok(HttpResponse::Ok().finish())
}

/// Checks the secret in the path. The path without one is served only if a setting allows it.
fn check_secret(ctx: &ServiceContext, request: &HttpRequest) -> Result<(), Problem> {
    match request.match_info().get("secret") {
        Some(given) if !secret_matches(ctx.settings.webhook_secret.as_ref(), given) => {
            Err(Problem::not_found())
        }
        _ => Ok(()),
    }
}

fn secret_matches(secret: Option<&SecretString>, given: &str) -> bool {
    secret.is_some_and(|secret| signature::secret_matches(secret.expose_secret(), given))
}
