//! The token endpoints.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::params::Params;
use super::response::{Fault, HandlerResult, ok_json};
use crate::sim_state::SimData;
use crate::world::{IssuedTokens, World};

/// Checks client id and secret, and returns the id of the application.
pub(super) fn authenticate_client(world: &World, params: &Params) -> Result<i64, Fault> {
    let app = params
        .number::<i64>("client_id")
        .and_then(|id| world.apps.get(&id))
        .ok_or_else(|| Fault::bad_request("Application", "client_id", "invalid"))?;
    if params.text("client_secret") != app.secret {
        return Err(Fault::wrong_secret());
    }
    Ok(app.id)
}

/// `POST /oauth/token`.
pub(super) async fn issue_tokens(sim: SimData, params: Params) -> HandlerResult {
    let now = sim.clock.now_s();
    let mut world = sim.world();
    let app = authenticate_client(&world, &params)?;
    match params.text("grant_type") {
        "refresh_token" => refresh_tokens(&mut world, app, &params, now),
        "authorization_code" | "" => exchange_code(&mut world, app, &params, now),
        _ => Err(Fault::bad_request("Application", "grant_type", "invalid")),
    }
}

fn exchange_code(world: &mut World, app: i64, params: &Params, now_s: i64) -> HandlerResult {
    world.counters.exchanges += 1;
    let code = world
        .tokens
        .codes
        .remove(params.text("code"))
        .filter(|code| code.app == app && code.expires_s > now_s)
        .ok_or_else(|| Fault::bad_request("AuthorizationCode", "code", "invalid"))?;
    let fresh = world.new_token_pair();
    let issued = world.tokens.add_grant(&code, now_s, fresh);
    let mut body = token_json(&issued, now_s);
    body["scope"] = json!(issued.scopes.to_string());
    body["athlete"] = json!(world.athlete(issued.athlete).map(|athlete| athlete.summary()));
    Ok(ok_json(&body))
}

fn refresh_tokens(world: &mut World, app: i64, params: &Params, now_s: i64) -> HandlerResult {
    world.counters.refreshes += 1;
    let fresh = world.new_token_pair();
    let new_access = fresh.access.clone();
    let token = params.text("refresh_token");
    let Some(issued) = world.tokens.refresh(app, token, now_s, fresh) else {
        world.counters.refused_refreshes += 1;
        return Err(Fault::bad_request("RefreshToken", "refresh_token", "invalid"));
    };
    world.counters.new_access_tokens += u64::from(issued.tokens.access == new_access);
    Ok(ok_json(&token_json(&issued, now_s)))
}

fn token_json(issued: &IssuedTokens, now_s: i64) -> Value {
    json!({
        "token_type": "Bearer", "expires_at": issued.expires_s, "expires_in": issued.expires_s - now_s,
        "refresh_token": issued.tokens.refresh, "access_token": issued.tokens.access,
    })
}

/// `POST /oauth/revoke`.
pub(super) async fn revoke(request: HttpRequest, sim: SimData, params: Params) -> HandlerResult {
    let mut world = sim.world();
    let app = basic_credentials(&request)
        .and_then(|(id, secret)| world.apps.get(&id).filter(|app| app.secret == secret))
        .map(|app| app.id)
        .ok_or_else(Fault::bad_credentials)?;
    let missing = || Fault::bad_request("Application", "token", "missing");
    let token = params.get("token").ok_or_else(missing)?;
    if let Some(athlete) = world.tokens.find_owner(app, token) {
        world.disconnect(app, athlete);
    }
    Ok(HttpResponse::Ok().finish())
}

fn basic_credentials(request: &HttpRequest) -> Option<(i64, String)> {
    let packed = authorization(request)?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(packed.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.parse().ok()?, secret.to_owned()))
}

fn authorization(request: &HttpRequest) -> Option<&str> {
    request.headers().get(AUTHORIZATION)?.to_str().ok()
}

/// `POST /oauth/deauthorize`.
pub(super) async fn deauthorize(
    request: HttpRequest,
    sim: SimData,
    params: Params,
) -> HandlerResult {
    let now = sim.clock.now_s();
    let header = authorization(&request).and_then(|text| text.strip_prefix("Bearer "));
    let token = header.unwrap_or_else(|| params.text("access_token"));
    let mut world = sim.world();
    let (app, athlete) = world
        .tokens
        .access
        .get(token)
        .filter(|access| access.expires_s > now)
        .map(|access| (access.app, access.athlete))
        .ok_or_else(Fault::invalid_token)?;
    world.disconnect(app, athlete);
    Ok(ok_json(&json!({"access_token": token})))
}
