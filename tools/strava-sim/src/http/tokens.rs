//! The token endpoints.

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::params::Params;
use super::reply::{Fault, ok};
use crate::world::{Issued, Sim, World};

/// Checks client id and secret as the token endpoints do.
pub(super) fn client(world: &World, params: &Params) -> Result<i64, Fault> {
    let app = params
        .number::<i64>("client_id")
        .and_then(|id| world.apps.get(&id))
        .ok_or_else(|| Fault::bad("Application", "client_id", "invalid"))?;
    if params.text("client_secret") != app.secret {
        return Err(Fault::wrong_secret());
    }
    Ok(app.id)
}

/// `POST /oauth/token`.
pub(crate) async fn token(sim: web::Data<Sim>, params: Params) -> Result<HttpResponse, Fault> {
    let now = sim.clock.now_s();
    let mut world = sim.world();
    let app = client(&world, &params)?;
    match params.text("grant_type") {
        "refresh_token" => refresh(&mut world, app, &params, now),
        "authorization_code" | "" => exchange(&mut world, app, &params, now),
        _ => Err(Fault::bad("Application", "grant_type", "invalid")),
    }
}

fn exchange(world: &mut World, app: i64, params: &Params, now: i64) -> Result<HttpResponse, Fault> {
    world.counters.exchanges += 1;
    let code = world
        .tokens
        .codes
        .remove(params.text("code"))
        .filter(|code| code.app == app && code.expires_s > now)
        .ok_or_else(|| Fault::bad("AuthorizationCode", "code", "invalid"))?;
    let fresh = world.token_pair();
    let issued = world.tokens.grant(&code, now, fresh);
    let athlete = world.athletes.get(&issued.athlete).map(|athlete| athlete.summary());
    let mut body = common(&issued, now);
    body["scope"] = json!(issued.scopes.to_string());
    body["athlete"] = json!(athlete);
    Ok(ok(&body))
}

fn refresh(world: &mut World, app: i64, params: &Params, now: i64) -> Result<HttpResponse, Fault> {
    world.counters.refreshes += 1;
    let token = params.text("refresh_token").to_owned();
    let fresh = world.token_pair();
    let renewed = fresh[0].clone();
    let Some(issued) = world.tokens.refresh(app, &token, now, fresh) else {
        world.counters.refused_refreshes += 1;
        return Err(Fault::bad("RefreshToken", "refresh_token", "invalid"));
    };
    world.counters.new_access_tokens += u64::from(issued.access == renewed);
    Ok(ok(&common(&issued, now)))
}

fn common(issued: &Issued, now: i64) -> serde_json::Value {
    json!({
        "token_type": "Bearer", "expires_at": issued.expires_s, "expires_in": issued.expires_s - now,
        "refresh_token": issued.refresh, "access_token": issued.access,
    })
}

/// `POST /oauth/revoke`.
pub(crate) async fn revoke(
    request: HttpRequest,
    sim: web::Data<Sim>,
    params: Params,
) -> Result<HttpResponse, Fault> {
    let now = sim.clock.now_ms();
    let mut world = sim.world();
    let app = basic(&request)
        .and_then(|(id, secret)| world.apps.get(&id).filter(|app| app.secret == secret))
        .map(|app| app.id)
        .ok_or_else(Fault::bad_credentials)?;
    let token = params.get("token").ok_or_else(|| Fault::bad("Application", "token", "missing"))?;
    if let Some(athlete) = world.tokens.owner(app, token) {
        world.disconnect(app, athlete, now);
        sim.wake.notify_one();
    }
    Ok(HttpResponse::Ok().finish())
}

fn basic(request: &HttpRequest) -> Option<(i64, String)> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let packed = header.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(packed.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.parse().ok()?, secret.to_owned()))
}

/// `POST /oauth/deauthorize`.
pub(crate) async fn deauthorize(
    request: HttpRequest,
    sim: web::Data<Sim>,
    params: Params,
) -> Result<HttpResponse, Fault> {
    let (now_s, now_ms) = (sim.clock.now_s(), sim.clock.now_ms());
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "));
    let token = header.or_else(|| params.get("access_token")).unwrap_or_default().to_owned();
    let mut world = sim.world();
    let (app, athlete) = world
        .tokens
        .access
        .get(&token)
        .filter(|found| found.expires_s > now_s)
        .map(|found| (found.app, found.athlete))
        .ok_or_else(Fault::dead_token)?;
    world.disconnect(app, athlete, now_ms);
    drop(world);
    sim.wake.notify_one();
    Ok(super::reply::answer(StatusCode::OK, &json!({"access_token": token})))
}
