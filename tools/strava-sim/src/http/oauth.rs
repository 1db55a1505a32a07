//! The authorize page.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use url::Url;

use super::consent_page;
use super::params::Params;
use super::reply::Fault;
use crate::options::Consent;
use crate::world::{App, Code, Scopes, Sim, World};

/// Life of a code in seconds.
const CODE_LIFE_S: i64 = 600;

/// What an authorize request asks for, checked.
pub(super) struct Asked {
    pub(super) app: App,
    pub(super) redirect: Url,
    pub(super) scopes: Scopes,
    pub(super) state: String,
    /// Named by the `athlete` or `login_hint` parameter.
    athlete: Option<i64>,
    force: bool,
}

fn check(world: &World, params: &Params) -> Result<Asked, Fault> {
    let id = params
        .number::<i64>("client_id")
        .ok_or_else(|| Fault::bad("Application", "client_id", "invalid"))?;
    let app =
        world.apps.get(&id).ok_or_else(|| Fault::bad("Application", "client_id", "invalid"))?;
    let redirect = Url::parse(params.text("redirect_uri"))
        .ok()
        .filter(|url| allowed(url, &app.callback_domain))
        .ok_or_else(|| Fault::bad("Application", "redirect_uri", "invalid"))?;
    if params.text("response_type") != "code" {
        return Err(Fault::bad("Application", "response_type", "invalid"));
    }
    let scopes = Scopes::parse(params.text("scope"))
        .ok()
        .filter(|scopes| !scopes.is_empty())
        .ok_or_else(|| Fault::bad("Application", "scope", "invalid"))?;
    Ok(Asked {
        app: app.clone(),
        redirect,
        scopes,
        state: params.text("state").to_owned(),
        athlete: params.number("athlete").or_else(|| params.number("login_hint")),
        force: params.text("approval_prompt") == "force",
    })
}

fn allowed(url: &Url, domain: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    let local = matches!(host, "localhost" | "127.0.0.1");
    let within = host == domain || host.ends_with(&format!(".{domain}"));
    matches!(url.scheme(), "http" | "https") && (local || within)
}

/// `GET /oauth/authorize`.
pub(crate) async fn authorize(sim: web::Data<Sim>, params: Params) -> Result<HttpResponse, Fault> {
    let now = sim.clock.now_s();
    let mut world = sim.world();
    let asked = check(&world, &params)?;
    let settings = world.take_consent();
    let first = world.order.first().copied().unwrap_or_default();
    let athlete = asked.athlete.or(settings.athlete).unwrap_or(first);
    if !world.athletes.contains_key(&athlete) {
        return Err(Fault::bad("Athlete", "athlete", "invalid"));
    }
    let wanted = settings.scopes.as_ref().and_then(|names| Scopes::parse(&names.join(",")).ok());
    match settings.mode {
        Consent::Refuse => Ok(redirect(&asked, &[("error", "access_denied")])),
        Consent::Grant => Ok(grant(&mut world, &asked, athlete, wanted.as_ref(), now)),
        Consent::Page => {
            let known = asked.athlete.and_then(|id| world.tokens.grants.get(&(asked.app.id, id)));
            if !asked.force && known.is_some_and(|grant| grant.scopes == asked.scopes.granted(None))
            {
                return Ok(grant(&mut world, &asked, athlete, None, now));
            }
            let page = consent_page::render(&world, &asked, athlete);
            Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page))
        }
    }
}

/// `POST /oauth/authorize`: the consent page comes back.
pub(crate) async fn submit(sim: web::Data<Sim>, params: Params) -> Result<HttpResponse, Fault> {
    let now = sim.clock.now_s();
    let mut world = sim.world();
    let asked = check(&world, &params)?;
    if params.has("refuse") {
        return Ok(redirect(&asked, &[("error", "access_denied")]));
    }
    let athlete = asked
        .athlete
        .filter(|id| world.athletes.contains_key(id))
        .ok_or_else(|| Fault::bad("Athlete", "athlete", "invalid"))?;
    let ticked = Scopes::parse(params.text("granted"))
        .map_err(|_unknown| Fault::bad("Application", "scope", "invalid"))?;
    Ok(grant(&mut world, &asked, athlete, Some(&ticked), now))
}

fn grant(
    world: &mut World,
    asked: &Asked,
    athlete: i64,
    wanted: Option<&Scopes>,
    now: i64,
) -> HttpResponse {
    let app = asked.app.id;
    let connected =
        world.tokens.grants.keys().filter(|key| key.0 == app && key.1 != athlete).count();
    if connected >= asked.app.capacity {
        return HttpResponse::Forbidden().content_type("text/html; charset=utf-8").body(
            "<!DOCTYPE html><html><head><title>Strava</title></head><body><h1>403</h1><p>Limit of connected athletes exceeded</p></body></html>",
        );
    }
    let scopes = asked.scopes.granted(wanted);
    let code = world.token();
    let names = scopes.to_string();
    world
        .tokens
        .codes
        .insert(code.clone(), Code { app, athlete, scopes, expires_s: now + CODE_LIFE_S });
    redirect(asked, &[("code", &code), ("scope", &names)])
}

/// Back to the application; `state` is present even when it is empty.
fn redirect(asked: &Asked, answer: &[(&str, &str)]) -> HttpResponse {
    let mut target = asked.redirect.clone();
    target.query_pairs_mut().append_pair("state", &asked.state).extend_pairs(answer);
    HttpResponse::build(StatusCode::FOUND).insert_header((LOCATION, target.to_string())).finish()
}
