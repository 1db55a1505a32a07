//! Webhooks: settings, delivery log, forged events.

use actix_web::HttpResponse;
use actix_web::web::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::error::{AdminError, AdminResult, merge_settings};
use crate::sim_state::SimData;
use crate::webhooks::{build_client, post_event};
use crate::world::{DeliveryLogEntry, Subscription, WebhookSettings};

/// The settings of webhooks.
#[utoipa::path(get, path = "/_sim/webhooks", tag = "webhooks", responses((status = 200, body = WebhookSettings)))]
pub(crate) async fn get_settings(sim: SimData) -> HttpResponse {
    HttpResponse::Ok().json(&sim.world().events.settings)
}

/// Changes the settings of webhooks; fields left out stay.
#[utoipa::path(post, path = "/_sim/webhooks", tag = "webhooks", request_body = WebhookSettings, responses((status = 200, body = WebhookSettings), (status = 422, body = AdminError)))]
pub(crate) async fn set_settings(sim: SimData, patch: Json<Value>) -> AdminResult {
    let mut world = sim.world();
    let settings = merge_settings(&world.events.settings, &patch)?;
    world.events.change_settings(settings);
    Ok(HttpResponse::Ok().json(&world.events.settings))
}

/// The subscriptions of all applications.
#[utoipa::path(get, path = "/_sim/webhooks/subscriptions", tag = "webhooks", responses((status = 200)))]
pub(crate) async fn list_subscriptions(sim: SimData) -> HttpResponse {
    let world = sim.world();
    let all: Vec<&Subscription> = world.events.subscriptions.values().collect();
    HttpResponse::Ok().json(all)
}

/// The delivery log, oldest first.
#[utoipa::path(get, path = "/_sim/webhooks/deliveries", tag = "webhooks", responses((status = 200, body = Vec<DeliveryLogEntry>)))]
pub(crate) async fn list_deliveries(sim: SimData) -> HttpResponse {
    HttpResponse::Ok().json(&sim.world().events.log)
}

/// An event that no change caused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgedEvent {
    /// Application that receives it at its callback address; 1 when left out.
    app: Option<i64>,
    /// Another address instead.
    callback_url: Option<String>,
    /// The body, sent as it is; `subscription_id` and `event_time` are filled in where they are missing.
    #[schema(value_type = Object)]
    event: Value,
    /// Number of copies, one after another; 1 when left out.
    times: Option<u32>,
}

/// Sends a forged event at once and answers with the receiver's statuses (0 = none).
#[utoipa::path(post, path = "/_sim/webhooks/forge", tag = "webhooks", request_body = ForgedEvent, responses((status = 200), (status = 404, body = AdminError)))]
pub(crate) async fn forge_event(sim: SimData, forged: Json<ForgedEvent>) -> AdminResult {
    let forged = forged.into_inner();
    let mut event = forged.event;
    let subscription = sim.world().events.subscriptions.get(&forged.app.unwrap_or(1)).cloned();
    let url = forged
        .callback_url
        .or_else(|| subscription.as_ref().map(|known| known.callback_url.clone()))
        .ok_or_else(|| AdminError::not_found("subscription"))?;
    if let Some(fields) = event.as_object_mut() {
        if let Some(known) = subscription {
            fields.entry("subscription_id").or_insert_with(|| json!(known.id));
        }
        fields.entry("event_time").or_insert_with(|| json!(sim.clock.now_s()));
    }
    let client = build_client().map_err(AdminError::invalid)?;
    let mut statuses = Vec::new();
    for _ in 0..forged.times.unwrap_or(1) {
        statuses.push(post_event(&client, &url, &event, None).await);
    }
    Ok(HttpResponse::Ok().json(json!({"statuses": statuses})))
}
