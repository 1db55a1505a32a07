//! `GET /strava/callback` (and `/callback`): back from Strava's consent page.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use auth::SignedIn;
use http_kit::{Problem, ProblemDocument, Query};
use serde::Deserialize;
use url::Url;

use super::authorize::{BROWSER_COOKIE, browser_cookie};
use crate::usecases::Means;
use crate::usecases::begin_authorize::BeginError;
use crate::usecases::complete_authorize::{Answer, CompleteAuthorize, Ending, complete_authorize};

/// What Strava sends the athlete back with.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Back {
    /// The state we sent.
    state: Option<String>,
    /// The code, if the athlete agreed.
    code: Option<String>,
    /// What was granted.
    scope: Option<String>,
    /// `access_denied`, if the athlete refused.
    error: Option<String>,
}

/// Takes the athlete back and sends them on to the front end, saying how it ended:
/// `?strava=success`, `denied`, `scope` or `error` (then `reason` is `state`, `exchange`, `taken`,
/// `busy` or `unavailable`).
#[utoipa::path(
    get, path = "/strava/callback", tag = "connections", params(Back),
    responses(
        (status = 307, description = "To the front end with `?strava=success|denied|scope|error`"),
        (status = 422, description = "Neither code nor error, or no state", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn callback(
    request: HttpRequest,
    back: Query<Back>,
    signed_in: Option<SignedIn>,
    means: web::Data<Means>,
) -> Result<HttpResponse, Problem> {
    let means = means.into_inner();
    let Back { state, code, scope, error } = back.0;
    let state = state
        .filter(|state| !state.is_empty())
        .ok_or_else(|| Problem::invalid().field("state", "is missing"))?;
    let answer = match (code, error) {
        (_, Some(error)) => Answer::Error(error),
        (Some(code), None) if !code.is_empty() => Answer::Code(code),
        _ => return Err(Problem::invalid().field("code", "is missing, and so is error")),
    };
    let command = CompleteAuthorize {
        state,
        answer,
        scope,
        signed_in: signed_in.map(|signed_in| signed_in.athlete()),
        browser_secret: request.cookie(BROWSER_COOKIE).map(|cookie| cookie.value().to_owned()),
    };
    let (outcome, reason) = match complete_authorize(&means, command).await {
        Ok(ending) => words(ending),
        Err(BeginError::StillDisconnecting) => ("error", Some("busy")),
        Err(error) => {
            tracing::error!(%error, "a connect could not be completed");
            ("error", Some("unavailable"))
        }
    };
    let mut gone = browser_cookie(&means, String::new(), 0);
    gone.make_removal();
    Ok(HttpResponse::TemporaryRedirect()
        .insert_header((header::LOCATION, target(means.frontend(), outcome, reason).as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .cookie(gone)
        .finish())
}

const fn words(ending: Ending) -> (&'static str, Option<&'static str>) {
    match ending {
        Ending::Connected => ("success", None),
        Ending::Denied => ("denied", None),
        Ending::ScopeMissing => ("scope", None),
        Ending::BadState => ("error", Some("state")),
        Ending::NotExchanged => ("error", Some("exchange")),
        Ending::Taken => ("error", Some("taken")),
    }
}

fn target(mut frontend: Url, outcome: &str, reason: Option<&str>) -> Url {
    frontend
        .query_pairs_mut()
        .append_pair("strava", outcome)
        .extend_pairs(reason.map(|reason| ("reason", reason)));
    frontend
}
