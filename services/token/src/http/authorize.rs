//! `GET /strava/authorize`: redirects to Strava's consent page.

use actix_web::cookie::time::Duration as CookieLife;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use auth::SignedIn;
use http_kit::{Problem, ProblemDocument, Query};
use serde::Deserialize;

use crate::usecases::ServiceContext;
use crate::usecases::begin_authorize::{BeginAuthorize, STATE_LIFE, begin_authorize};

/// Name of the cookie that binds a state to the browser it was given to.
pub(super) const BROWSER_COOKIE: &str = "paceline_connect";

/// The query of an authorization.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuthorizeQuery {
    /// `1` or `true`: ask for uploads too (a child who receives copies).
    write: Option<String>,
}

impl AuthorizeQuery {
    pub(super) fn write(&self) -> bool {
        matches!(self.write.as_deref(), Some("1" | "true" | ""))
    }
}

/// Sends the signed-in athlete to Strava's consent page.
#[utoipa::path(
    get, path = "/strava/authorize", tag = "connections", params(AuthorizeQuery),
    responses(
        (status = 307, description = "To Strava's consent page; the state works once, for ten minutes"),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "An earlier disconnect is still under way", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "No Strava application is configured", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn authorize(
    request: HttpRequest,
    signed_in: SignedIn,
    query: Query<AuthorizeQuery>,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    // A bearer token is a script's: it has no cookie jar to come back with.
    let browser = !request.headers().contains_key(header::AUTHORIZATION);
    let command = BeginAuthorize { athlete: signed_in.athlete(), write: query.0.write(), browser };
    let pending = begin_authorize(&ctx, command).await?;
    let mut response = HttpResponse::TemporaryRedirect();
    response.insert_header((header::LOCATION, pending.authorize_url.as_str()));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(secret) = pending.browser_secret {
        response.cookie(browser_cookie(&ctx, secret, STATE_LIFE.as_secs()));
    }
    Ok(response.finish())
}

/// The browser's cookie; Strava's page sends the browser back by a link, which Lax lets through.
pub(super) fn browser_cookie(
    ctx: &ServiceContext,
    secret: String,
    seconds: u64,
) -> Cookie<'static> {
    Cookie::build(BROWSER_COOKIE, secret)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(ctx.redirect_uri().scheme() == "https")
        .max_age(CookieLife::seconds(i64::try_from(seconds).unwrap_or(i64::MAX)))
        .finish()
}
