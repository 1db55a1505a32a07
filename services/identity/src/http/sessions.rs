//! `POST` and `DELETE /v1/session`: sign in and out.

use actix_web::HttpResponse;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::Data;
use auth::{SESSION_COOKIE, SignedIn};
use http_kit::{ClientAddress, Json, Problem};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HttpState, errors};
use crate::usecases::{revoke_sessions, sign_in};

/// The credentials to sign in with.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Credentials {
    email: String,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// A bearer token for every other route; the cookie carries the same.
    access_token: String,
    /// Seconds until it ends.
    expires_in: i64,
}

/// Signs in with a local account.
#[utoipa::path(post, path = "/v1/session", tag = "identity", request_body = Credentials, responses(
    (status = 200, body = Session), (status = 401, description = "wrong-credentials"), (status = 429, description = "too-many-attempts or busy")))]
pub(crate) async fn sign_in(
    ClientAddress(client): ClientAddress,
    state: Data<HttpState>,
    Json(body): Json<Credentials>,
) -> Result<HttpResponse, Problem> {
    let session = sign_in::sign_in(&state.ctx, client.into(), &body.email, body.password)
        .await
        .map_err(errors::from_sign_in)?;
    let cookie = session_cookie(&state, session.access_token.clone(), session.expires_in_s);
    Ok(HttpResponse::Ok()
        .cookie(cookie)
        .json(Session { access_token: session.access_token, expires_in: session.expires_in_s }))
}

/// Signs out: the browser forgets the session.
#[utoipa::path(delete, path = "/v1/session", tag = "identity", responses((status = 204)))]
pub(crate) async fn sign_out(state: Data<HttpState>) -> HttpResponse {
    HttpResponse::NoContent().cookie(session_cookie(&state, String::new(), 0)).finish()
}

/// Signs out everywhere: every session of the signed-in athlete ends.
#[utoipa::path(delete, path = "/v1/sessions", tag = "identity", responses((status = 204), (status = 401)))]
pub(crate) async fn sign_out_everywhere(
    signed_in: SignedIn,
    state: Data<HttpState>,
) -> Result<HttpResponse, Problem> {
    revoke_sessions::sign_out_everywhere(&state.ctx, signed_in.athlete())
        .await
        .map_err(errors::from_store)?;
    Ok(HttpResponse::NoContent().cookie(session_cookie(&state, String::new(), 0)).finish())
}

fn session_cookie(state: &HttpState, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build(SESSION_COOKIE, value)
        .path("/")
        .http_only(true)
        .secure(state.secure)
        .same_site(SameSite::Lax)
        .max_age(Duration::seconds(seconds))
        .finish()
}
