//! Applications and tokens.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::error::{AdminError, AdminResult};
use crate::options::Limits;
use crate::sim_state::SimData;
use crate::world::{App, RefreshTokenRotation};

/// Settings of an application.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppSettings {
    /// Client id.
    id: i64,
    /// Client secret.
    secret: Option<String>,
    /// Name on the consent page.
    name: Option<String>,
    /// Authorization Callback Domain; `localhost` and `127.0.0.1` are always allowed.
    callback_domain: Option<String>,
    /// Maximum number of connected athletes.
    capacity: Option<usize>,
    /// False: every data call answers 403 Inactive.
    active: Option<bool>,
    /// Rate limits.
    limits: Option<Limits>,
}

/// The applications.
#[utoipa::path(get, path = "/_sim/apps", tag = "oauth", responses((status = 200, body = Vec<AppSettings>)))]
pub(crate) async fn list_apps(sim: SimData) -> HttpResponse {
    let apps: Vec<AppSettings> = sim.world().apps.values().map(AppSettings::new).collect();
    HttpResponse::Ok().json(apps)
}

impl AppSettings {
    fn new(app: &App) -> Self {
        Self {
            id: app.id,
            secret: Some(app.secret.clone()),
            name: Some(app.name.clone()),
            callback_domain: Some(app.callback_domain.clone()),
            capacity: Some(app.capacity),
            active: Some(app.active),
            limits: Some(app.limits),
        }
    }
}

/// Adds an application, or changes one; fields left out stay or take defaults.
#[utoipa::path(post, path = "/_sim/apps", tag = "oauth", request_body = AppSettings, responses((status = 200, body = AppSettings)))]
pub(crate) async fn add_app(sim: SimData, new: Json<AppSettings>) -> HttpResponse {
    let new = new.into_inner();
    let mut world = sim.world();
    let old = world
        .apps
        .remove(&new.id)
        .unwrap_or_else(|| App::new(new.id, format!("Application {}", new.id), sim.options.limits));
    let app = App {
        id: new.id,
        secret: new.secret.unwrap_or(old.secret),
        name: new.name.unwrap_or(old.name),
        callback_domain: new.callback_domain.unwrap_or(old.callback_domain),
        capacity: new.capacity.unwrap_or(old.capacity),
        active: new.active.unwrap_or(old.active),
        limits: new.limits.unwrap_or(old.limits),
    };
    let answer = AppSettings::new(&app);
    world.apps.insert(app.id, app);
    HttpResponse::Ok().json(answer)
}

/// A selection of tokens, and their remaining lifetime.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExpireTokens {
    /// All athletes when left out.
    athlete: Option<i64>,
    /// All applications when left out.
    app: Option<i64>,
    /// Seconds until they expire.
    remaining_s: i64,
    /// End the refresh tokens too, without any event.
    refresh_too: bool,
}

/// Lets access tokens expire.
#[utoipa::path(post, path = "/_sim/tokens/expire", tag = "oauth", request_body = ExpireTokens, responses((status = 200)))]
pub(crate) async fn expire_tokens(sim: SimData, body: Bytes) -> AdminResult {
    let selection: ExpireTokens = if body.is_empty() {
        ExpireTokens::default()
    } else {
        serde_json::from_slice(&body).map_err(AdminError::invalid)?
    };
    let expires_s = sim.clock.now_s() + selection.remaining_s;
    let mut world = sim.world();
    let selected = |app: i64, athlete: i64| {
        selection.app.is_none_or(|only| only == app)
            && selection.athlete.is_none_or(|only| only == athlete)
    };
    let mut count = 0;
    for token in world.tokens.access.values_mut().filter(|token| selected(token.app, token.athlete))
    {
        token.expires_s = expires_s;
        count += 1;
    }
    if selection.refresh_too {
        world.tokens.refresh.retain(|_, (app, athlete)| !selected(*app, *athlete));
    }
    Ok(HttpResponse::Ok().json(json!({"tokens": count})))
}

/// The condition under which refresh tokens change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationChange {
    mode: RefreshTokenRotation,
}

/// Sets the condition under which a refresh answers with a new refresh token.
#[utoipa::path(post, path = "/_sim/tokens/rotation", tag = "oauth", request_body = RotationChange, responses((status = 204)))]
pub(crate) async fn set_rotation(sim: SimData, change: Json<RotationChange>) -> HttpResponse {
    sim.world().tokens.rotation = change.mode;
    HttpResponse::NoContent().finish()
}
