//! Webhooks: switches, log, forged events.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Refusal, merge};
use crate::webhooks::{client, post};
use crate::world::{Delivery, Sim, Subscription, WebhookSettings};

/// The switches.
#[utoipa::path(get, path = "/_sim/webhooks", tag = "webhooks", responses((status = 200, body = WebhookSettings)))]
pub(crate) async fn settings(sim: web::Data<Sim>) -> HttpResponse {
    HttpResponse::Ok().json(&sim.world().webhooks)
}

/// Changes switches; fields left out stay.
#[utoipa::path(post, path = "/_sim/webhooks", tag = "webhooks", request_body = WebhookSettings, responses((status = 200, body = WebhookSettings), (status = 422, body = Refusal)))]
pub(crate) async fn set(
    sim: web::Data<Sim>,
    patch: web::Json<Value>,
) -> Result<HttpResponse, Refusal> {
    let now = sim.clock.now_ms();
    let mut world = sim.world();
    world.webhooks = merge(&world.webhooks, &patch)?;
    if !world.webhooks.reorder {
        world.release(now);
    }
    let answer = HttpResponse::Ok().json(&world.webhooks);
    drop(world);
    sim.wake.notify_one();
    Ok(answer)
}

/// The subscriptions of all applications.
#[utoipa::path(get, path = "/_sim/webhooks/subscriptions", tag = "webhooks", responses((status = 200)))]
pub(crate) async fn subscriptions(sim: web::Data<Sim>) -> HttpResponse {
    let world = sim.world();
    let all: Vec<&Subscription> = world.subscriptions.values().collect();
    HttpResponse::Ok().json(all)
}

/// Every event so far, oldest first.
#[utoipa::path(get, path = "/_sim/webhooks/deliveries", tag = "webhooks", responses((status = 200, body = Vec<Delivery>)))]
pub(crate) async fn deliveries(sim: web::Data<Sim>) -> HttpResponse {
    HttpResponse::Ok().json(&sim.world().deliveries)
}

/// An event nobody caused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forgery {
    /// Whose callback address; 1 when left out.
    app: Option<i64>,
    /// Another address instead.
    callback_url: Option<String>,
    /// The body, sent as it is; `subscription_id` and `event_time` are filled in where they are missing.
    #[schema(value_type = Object)]
    event: Value,
    /// How often, one after another; once when left out.
    times: Option<u32>,
}

/// Sends a forged event at once and answers with the receiver's statuses (0 = none).
#[utoipa::path(post, path = "/_sim/webhooks/forge", tag = "webhooks", request_body = Forgery, responses((status = 200), (status = 404, body = Refusal)))]
pub(crate) async fn forge(
    sim: web::Data<Sim>,
    forgery: web::Json<Forgery>,
) -> Result<HttpResponse, Refusal> {
    let forgery = forgery.into_inner();
    let mut event = forgery.event;
    let known = sim.world().subscriptions.get(&forgery.app.unwrap_or(1)).cloned();
    let url = forgery
        .callback_url
        .or_else(|| known.as_ref().map(|known| known.callback_url.clone()))
        .ok_or_else(|| Refusal::missing("subscription"))?;
    if let Some(fields) = event.as_object_mut() {
        if let Some(known) = known {
            fields.entry("subscription_id").or_insert_with(|| json!(known.id));
        }
        fields.entry("event_time").or_insert_with(|| json!(sim.clock.now_s()));
    }
    let client = client().map_err(|error| Refusal::wrong(error.to_string()))?;
    let mut statuses = Vec::new();
    for _ in 0..forgery.times.unwrap_or(1) {
        statuses.push(post(&client, &url, &event, None).await);
    }
    Ok(HttpResponse::Ok().json(json!({"statuses": statuses})))
}
