//! The authorize page.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;

use super::authorize_request::AuthorizeRequest;
use super::consent_page::render_page;
use super::params::Params;
use super::response::{Fault, HandlerResult};
use crate::options::Consent;
use crate::sim_state::SimData;
use crate::world::{Authorization, Scopes, World};

/// Lifetime of a code in seconds.
const CODE_LIFETIME_S: i64 = 600;
const HTML: &str = "text/html; charset=utf-8";
const FULL: &str = "<!DOCTYPE html><html><head><title>Strava</title></head><body><h1>403</h1><p>Limit of connected athletes exceeded</p></body></html>";
const REFUSED: [(&str, &str); 1] = [("error", "access_denied")];

/// `GET /oauth/authorize`.
pub(super) async fn authorize(sim: SimData, params: Params) -> HandlerResult {
    let now = sim.clock.now_s();
    let mut world = sim.world();
    let request = AuthorizeRequest::parse(&world, &params)?;
    let settings = world.take_consent();
    let first = world.athlete_order.first().copied().unwrap_or_default();
    let athlete = request.athlete.or(settings.athlete).unwrap_or(first);
    if !world.athletes.contains_key(&athlete) {
        return Err(invalid_athlete());
    }
    let accepted = settings.scopes.and_then(|names| Scopes::parse(&names.join(",")).ok());
    Ok(match settings.mode {
        Consent::Refuse => redirect_back(&request, &REFUSED),
        Consent::Grant => issue_code(&mut world, &request, athlete, accepted.as_ref(), now),
        Consent::Page => {
            let earlier =
                request.athlete.and_then(|id| world.tokens.grants.get(&(request.app.id, id)));
            let same = earlier.is_some_and(|grant| grant.scopes == request.scopes.granted(None));
            if same && !request.force_page {
                issue_code(&mut world, &request, athlete, None, now)
            } else {
                let page = render_page(&world, &request, athlete);
                HttpResponse::Ok().content_type(HTML).body(page)
            }
        }
    })
}

/// `POST /oauth/authorize`: the answer of the consent page.
pub(super) async fn submit(sim: SimData, params: Params) -> HandlerResult {
    let now = sim.clock.now_s();
    let mut world = sim.world();
    let request = AuthorizeRequest::parse(&world, &params)?;
    if params.has("refuse") {
        return Ok(redirect_back(&request, &REFUSED));
    }
    let known = request.athlete.filter(|id| world.athletes.contains_key(id));
    let athlete = known.ok_or_else(invalid_athlete)?;
    let accepted = Scopes::parse(params.text("granted"))
        .map_err(|_unknown| Fault::bad_request("Application", "scope", "invalid"))?;
    Ok(issue_code(&mut world, &request, athlete, Some(&accepted), now))
}

fn invalid_athlete() -> Fault {
    Fault::bad_request("Athlete", "athlete", "invalid")
}

fn issue_code(
    world: &mut World,
    request: &AuthorizeRequest,
    athlete: i64,
    accepted: Option<&Scopes>,
    now_s: i64,
) -> HttpResponse {
    let app = request.app.id;
    let connected =
        world.tokens.grants.keys().filter(|key| key.0 == app && key.1 != athlete).count();
    if connected >= request.app.capacity {
        return HttpResponse::Forbidden().content_type(HTML).body(FULL);
    }
    let scopes = request.scopes.granted(accepted);
    let names = scopes.to_string();
    let code = world.new_token();
    let authorization = Authorization { app, athlete, scopes, expires_s: now_s + CODE_LIFETIME_S };
    world.tokens.codes.insert(code.clone(), authorization);
    redirect_back(request, &[("code", &code), ("scope", &names)])
}

/// Redirects back to the application; `state` is present even when it is empty.
fn redirect_back(request: &AuthorizeRequest, answer: &[(&str, &str)]) -> HttpResponse {
    let mut target = request.redirect_uri.clone();
    target.query_pairs_mut().append_pair("state", &request.state).extend_pairs(answer);
    HttpResponse::build(StatusCode::FOUND).insert_header((LOCATION, target.to_string())).finish()
}
