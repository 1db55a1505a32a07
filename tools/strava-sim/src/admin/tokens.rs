//! Applications and tokens.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Refusal;
use crate::options::Limits;
use crate::world::{App, Rotation, Sim};

/// An application.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppForm {
    /// Client id.
    id: i64,
    /// Client secret.
    secret: Option<String>,
    /// Name on the consent page.
    name: Option<String>,
    /// Authorization Callback Domain; `localhost` and `127.0.0.1` are always allowed.
    callback_domain: Option<String>,
    /// Athletes that may be connected.
    capacity: Option<usize>,
    /// False: every data call answers 403 Inactive.
    active: Option<bool>,
    /// Rate limits.
    limits: Option<Limits>,
}

/// The applications.
#[utoipa::path(get, path = "/_sim/apps", tag = "oauth", responses((status = 200, body = Vec<AppForm>)))]
pub(crate) async fn apps(sim: web::Data<Sim>) -> HttpResponse {
    let forms: Vec<AppForm> = sim.world().apps.values().map(form).collect();
    HttpResponse::Ok().json(forms)
}

fn form(app: &App) -> AppForm {
    AppForm {
        id: app.id,
        secret: Some(app.secret.clone()),
        name: Some(app.name.clone()),
        callback_domain: Some(app.callback_domain.clone()),
        capacity: Some(app.capacity),
        active: Some(app.active),
        limits: Some(app.limits),
    }
}

/// Adds an application, or changes one; fields left out stay or take defaults.
#[utoipa::path(post, path = "/_sim/apps", tag = "oauth", request_body = AppForm, responses((status = 200, body = AppForm)))]
pub(crate) async fn add_app(sim: web::Data<Sim>, new: web::Json<AppForm>) -> HttpResponse {
    let new = new.into_inner();
    let mut world = sim.world();
    let mut app = world.apps.get(&new.id).cloned().unwrap_or_else(|| App {
        id: new.id,
        secret: "sim-secret".to_owned(),
        name: format!("Application {}", new.id),
        callback_domain: "localhost".to_owned(),
        capacity: 9_999,
        active: true,
        limits: sim.options.limits,
    });
    app.secret = new.secret.unwrap_or(app.secret);
    app.name = new.name.unwrap_or(app.name);
    app.callback_domain = new.callback_domain.unwrap_or(app.callback_domain);
    app.capacity = new.capacity.unwrap_or(app.capacity);
    app.active = new.active.unwrap_or(app.active);
    app.limits = new.limits.unwrap_or(app.limits);
    let answer = form(&app);
    world.add_app(app);
    HttpResponse::Ok().json(answer)
}

/// Which tokens, and how much life they keep.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expire {
    /// All athletes when left out.
    athlete: Option<i64>,
    /// All applications when left out.
    app: Option<i64>,
    /// Seconds of life left.
    remaining_s: i64,
    /// End the refresh tokens too, without any event: access is lost in silence.
    refresh_too: bool,
}

/// Lets access tokens expire.
#[utoipa::path(post, path = "/_sim/tokens/expire", tag = "oauth", request_body = Expire, responses((status = 200)))]
pub(crate) async fn expire(sim: web::Data<Sim>, body: web::Bytes) -> Result<HttpResponse, Refusal> {
    let which: Expire = if body.is_empty() {
        Expire::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| Refusal::wrong(error.to_string()))?
    };
    let until = sim.clock.now_s() + which.remaining_s;
    let mut world = sim.world();
    let fits = |app: i64, athlete: i64| {
        which.app.is_none_or(|only| only == app) && which.athlete.is_none_or(|only| only == athlete)
    };
    let mut count = 0;
    for token in world.tokens.access.values_mut().filter(|token| fits(token.app, token.athlete)) {
        token.expires_s = until;
        count += 1;
    }
    if which.refresh_too {
        world.tokens.refresh.retain(|_, (app, athlete)| !fits(*app, *athlete));
    }
    Ok(HttpResponse::Ok().json(json!({"tokens": count})))
}

/// When refresh tokens change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationChange {
    mode: Rotation,
}

/// Sets when a refresh answers with a new refresh token.
#[utoipa::path(post, path = "/_sim/tokens/rotation", tag = "oauth", request_body = RotationChange, responses((status = 204)))]
pub(crate) async fn rotation(
    sim: web::Data<Sim>,
    change: web::Json<RotationChange>,
) -> HttpResponse {
    sim.world().tokens.rotation = change.mode;
    HttpResponse::NoContent().finish()
}
