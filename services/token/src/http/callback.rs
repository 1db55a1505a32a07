//! `GET /strava/callback` (and `/callback`): the way back from Strava's consent page.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use auth::SignedIn;
use http_kit::{Problem, ProblemDocument, Query};
use serde::Deserialize;
use url::Url;

use super::authorize::{BROWSER_COOKIE, browser_cookie};
use crate::usecases::ServiceContext;
use crate::usecases::begin_authorize::AuthorizeError;
use crate::usecases::complete_authorize::{
    AuthorizeOutcome, CompleteAuthorize, ConsentResponse, complete_authorize,
};

/// The query that Strava sends the athlete back with.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbackQuery {
    /// The state we sent.
    state: Option<String>,
    /// The code, if the athlete agreed.
    code: Option<String>,
    /// The scopes that were granted.
    scope: Option<String>,
    /// `access_denied`, if the athlete refused.
    error: Option<String>,
}

/// Takes the athlete back and sends them on to the front end, saying how it ended:
/// `?strava=success`, `denied`, `scope` or `error` (then `reason` is `state`, `exchange`, `taken`,
/// `busy` or `unavailable`).
#[utoipa::path(
    get, path = "/strava/callback", tag = "connections", params(CallbackQuery),
    responses(
        (status = 307, description = "To the front end with `?strava=success|denied|scope|error`"),
        (status = 422, description = "Neither code nor error, or no state", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn callback(
    request: HttpRequest,
    query: Query<CallbackQuery>,
    signed_in: Option<SignedIn>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let CallbackQuery { state, code, scope, error } = query.0;
    let state = state
        .filter(|state| !state.is_empty())
        .ok_or_else(|| Problem::invalid().field("state", "is missing"))?;
    let consent = match (code, error) {
        (_, Some(error)) => ConsentResponse::Error(error),
        (Some(code), None) if !code.is_empty() => ConsentResponse::Code(code),
        _ => return Err(Problem::invalid().field("code", "is missing, and so is error")),
    };
    let command = CompleteAuthorize {
        state,
        consent,
        scope,
        signed_in: signed_in.map(|signed_in| signed_in.athlete()),
        browser_secret: request.cookie(BROWSER_COOKIE).map(|cookie| cookie.value().to_owned()),
    };
    let outcome = complete_authorize(&ctx, command).await;
    // Whoever presents another's state does not end what this browser began.
    let has_ended = !matches!(outcome, Ok(AuthorizeOutcome::BadState));
    let (result, reason) = match outcome {
        Ok(outcome) => query_values(outcome),
        Err(AuthorizeError::StillDisconnecting) => ("error", Some("busy")),
        Err(error) => {
            tracing::error!(%error, "an authorization could not be completed");
            ("error", Some("unavailable"))
        }
    };
    let mut response = HttpResponse::TemporaryRedirect();
    response
        .insert_header((header::LOCATION, frontend_url(ctx.frontend(), result, reason).as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    if has_ended {
        let mut removal = browser_cookie(&ctx, String::new(), 0);
        removal.make_removal();
        response.cookie(removal);
    }
    Ok(response.finish())
}

const fn query_values(outcome: AuthorizeOutcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        AuthorizeOutcome::Connected => ("success", None),
        AuthorizeOutcome::Denied => ("denied", None),
        AuthorizeOutcome::ScopeMissing => ("scope", None),
        AuthorizeOutcome::BadState => ("error", Some("state")),
        AuthorizeOutcome::NotExchanged => ("error", Some("exchange")),
        AuthorizeOutcome::AthleteLimit => ("error", Some("athlete-limit")),
        AuthorizeOutcome::Taken => ("error", Some("taken")),
    }
}

fn frontend_url(mut frontend: Url, result: &str, reason: Option<&str>) -> Url {
    frontend
        .query_pairs_mut()
        .append_pair("strava", result)
        .extend_pairs(reason.map(|reason| ("reason", reason)));
    frontend
}
