//! Reset, clock, limits, faults, uploads, consent, counters.

use actix_web::HttpResponse;
use actix_web::web::Json;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::{AdminError, AdminResult, merge_settings};
use crate::options::Limits;
use crate::sim_state::{SimData, SimState};
use crate::times::format_iso;
use crate::world::{ConsentSettings, Counters, FaultRule, Scopes, UploadSettings};

/// Restores the initial state, the clock included.
#[utoipa::path(post, path = "/_sim/reset", tag = "world", responses((status = 204)))]
pub(crate) async fn reset(sim: SimData) -> HttpResponse {
    sim.reset();
    HttpResponse::NoContent().finish()
}

/// The simulator's clock.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClockReading {
    /// Seconds ahead of the system.
    offset_s: i64,
    /// Unix seconds.
    now_s: i64,
    /// The same in RFC 3339.
    now: String,
}

fn read_clock(sim: &SimState) -> ClockReading {
    let now_s = sim.clock.now_s();
    ClockReading { offset_s: sim.clock.offset_s(), now_s, now: format_iso(now_s) }
}

/// The time on the simulator's clock.
#[utoipa::path(get, path = "/_sim/clock", tag = "world", responses((status = 200, body = ClockReading)))]
pub(crate) async fn get_clock(sim: SimData) -> HttpResponse {
    HttpResponse::Ok().json(read_clock(&sim))
}

/// A change of the clock; one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockChange {
    /// Seconds ahead of the system from now on.
    offset_s: Option<i64>,
    /// Seconds to move by.
    advance_s: Option<i64>,
}

/// Moves the clock.
#[utoipa::path(post, path = "/_sim/clock", tag = "world", request_body = ClockChange, responses((status = 200, body = ClockReading)))]
pub(crate) async fn set_clock(sim: SimData, change: Json<ClockChange>) -> HttpResponse {
    if let Some(offset) = change.offset_s {
        sim.clock.set_offset_s(offset);
    }
    if let Some(by) = change.advance_s {
        sim.clock.advance_s(by);
    }
    sim.wake.notify_one();
    HttpResponse::Ok().json(read_clock(&sim))
}

/// New limits of an application.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsChange {
    /// The application; all when left out.
    app: Option<i64>,
    /// The four figures.
    limits: Option<Limits>,
    /// Reset the usage.
    #[serde(default)]
    reset_usage: bool,
    /// The `field` of 429 answers instead of the bucket's name; empty for the default.
    field: Option<String>,
}

/// Changes rate limits.
#[utoipa::path(post, path = "/_sim/limits", tag = "world", request_body = LimitsChange, responses((status = 204)))]
pub(crate) async fn set_limits(sim: SimData, change: Json<LimitsChange>) -> HttpResponse {
    let mut world = sim.world();
    let world = &mut *world;
    for app in world.apps.values_mut().filter(|app| change.app.is_none_or(|only| only == app.id)) {
        if let Some(limits) = change.limits {
            app.limits = limits;
        }
        if change.reset_usage {
            world.usage.remove(&app.id);
        }
    }
    if let Some(field) = &change.field {
        world.rate_limit_field = Some(field.clone()).filter(|field| !field.is_empty());
    }
    HttpResponse::NoContent().finish()
}

/// The rules in force.
#[utoipa::path(get, path = "/_sim/faults", tag = "faults", responses((status = 200, body = Vec<FaultRule>)))]
pub(crate) async fn list_faults(sim: SimData) -> HttpResponse {
    HttpResponse::Ok().json(&sim.world().faults)
}

/// Adds a rule, or several as an array.
#[utoipa::path(post, path = "/_sim/faults", tag = "faults", request_body = FaultRule, responses((status = 200, body = Vec<FaultRule>), (status = 422, body = AdminError)))]
pub(crate) async fn add_faults(sim: SimData, rules: Json<Value>) -> AdminResult {
    let rules = match rules.into_inner() {
        Value::Array(rules) => rules,
        rule => vec![rule],
    };
    let rules: Vec<FaultRule> = rules
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(AdminError::invalid)?;
    let mut world = sim.world();
    world.faults.extend(rules);
    Ok(HttpResponse::Ok().json(&world.faults))
}

/// Removes all rules.
#[utoipa::path(delete, path = "/_sim/faults", tag = "faults", responses((status = 204)))]
pub(crate) async fn clear_faults(sim: SimData) -> HttpResponse {
    sim.world().faults.clear();
    HttpResponse::NoContent().finish()
}

/// The settings of uploads.
#[utoipa::path(get, path = "/_sim/uploads", tag = "uploads", responses((status = 200, body = UploadSettings)))]
pub(crate) async fn get_upload_settings(sim: SimData) -> HttpResponse {
    HttpResponse::Ok().json(&sim.world().upload_settings)
}

/// Changes the settings of uploads; fields left out stay.
#[utoipa::path(post, path = "/_sim/uploads", tag = "uploads", request_body = UploadSettings, responses((status = 200, body = UploadSettings), (status = 422, body = AdminError)))]
pub(crate) async fn set_upload_settings(sim: SimData, patch: Json<Value>) -> AdminResult {
    let mut world = sim.world();
    world.upload_settings = merge_settings(&world.upload_settings, &patch)?;
    Ok(HttpResponse::Ok().json(&world.upload_settings))
}

/// The settings of the authorize page.
#[utoipa::path(get, path = "/_sim/consent", tag = "oauth", responses((status = 200, body = ConsentSettings)))]
pub(crate) async fn get_consent(sim: SimData) -> HttpResponse {
    HttpResponse::Ok().json(&sim.world().consent)
}

/// Changes the settings of the authorize page; fields left out take their defaults.
#[utoipa::path(post, path = "/_sim/consent", tag = "oauth", request_body = ConsentSettings, responses((status = 200, body = ConsentSettings), (status = 422, body = AdminError)))]
pub(crate) async fn set_consent(sim: SimData, settings: Json<ConsentSettings>) -> AdminResult {
    let settings = settings.into_inner();
    let mut world = sim.world();
    if settings.athlete.is_some_and(|id| !world.athletes.contains_key(&id)) {
        return Err(AdminError::not_found("athlete"));
    }
    if let Some(names) = &settings.scopes {
        Scopes::parse(&names.join(","))
            .map_err(|name| AdminError::invalid(format!("unknown scope {name}")))?;
    }
    if !settings.once {
        world.previous_consent = settings.clone();
    } else if !world.consent.once {
        world.previous_consent = world.consent.clone();
    }
    world.consent = settings;
    Ok(HttpResponse::Ok().json(&world.consent))
}

/// The counters.
#[utoipa::path(get, path = "/_sim/counters", tag = "world", responses((status = 200, body = Counters)))]
pub(crate) async fn get_counters(sim: SimData) -> HttpResponse {
    HttpResponse::Ok().json(&sim.world().counters)
}

/// Resets all counters.
#[utoipa::path(post, path = "/_sim/counters/reset", tag = "world", responses((status = 204)))]
pub(crate) async fn reset_counters(sim: SimData) -> HttpResponse {
    sim.world().counters = Counters::default();
    HttpResponse::NoContent().finish()
}
