//! Push subscriptions.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};
use url::Url;

use super::params::Params;
use super::response::{Fault, HandlerResult, json_response, ok_json};
use super::tokens::authenticate_client;
use crate::sim_state::SimData;
use crate::times::format_iso;
use crate::webhooks;
use crate::world::{Subscription, World};

/// Maximum length of a callback address.
const MAX_CALLBACK_LENGTH: usize = 255;

fn refuse(field: &str, code: &str) -> Fault {
    Fault::bad_request("PushSubscription", field, code)
}

fn require_no_subscription(world: &World, app: i64) -> Result<(), Fault> {
    if world.events.subscriptions.contains_key(&app) {
        return Err(refuse("", "already exists"));
    }
    Ok(())
}

/// `POST /push_subscriptions`.
pub(super) async fn create(sim: SimData, params: Params) -> HandlerResult {
    let (app, challenge) = {
        let mut world = sim.world();
        let app = authenticate_client(&world, &params)?;
        require_no_subscription(&world, app)?;
        (app, world.new_token())
    };
    let callback = params.text("callback_url");
    let url = Url::parse(callback)
        .ok()
        .filter(|url| {
            callback.len() <= MAX_CALLBACK_LENGTH && matches!(url.scheme(), "http" | "https")
        })
        .ok_or_else(|| refuse("callback url", "invalid"))?;
    if !validate_callback(url, params.text("verify_token"), &challenge).await {
        return Err(refuse("callback url", "GET to callback URL does not return 200"));
    }
    let mut world = sim.world();
    let id = 120_475 + world.new_id() % 1000;
    require_no_subscription(&world, app)?;
    let now = format_iso(sim.clock.now_s());
    let subscription = Subscription {
        id,
        resource_state: 2,
        application_id: app,
        callback_url: callback.to_owned(),
        created_at: now.clone(),
        updated_at: now,
    };
    world.events.subscriptions.insert(app, subscription);
    Ok(json_response(StatusCode::CREATED, &json!({"id": id})))
}

/// Returns true if the callback address echoes the challenge in time.
async fn validate_callback(mut url: Url, verify_token: &str, challenge: &str) -> bool {
    url.query_pairs_mut()
        .append_pair("hub.verify_token", verify_token)
        .append_pair("hub.challenge", challenge)
        .append_pair("hub.mode", "subscribe");
    let exchange = async {
        let response = webhooks::build_client().ok()?.get(url).send().await.ok()?;
        let ok = response.status() == 200;
        response.json::<Value>().await.ok().filter(|_| ok)
    };
    exchange.await.is_some_and(|echo| echo["hub.challenge"] == challenge)
}

/// `GET /push_subscriptions`.
pub(super) async fn list(sim: SimData, params: Params) -> HandlerResult {
    let world = sim.world();
    let app = authenticate_client(&world, &params)?;
    let subscriptions: Vec<&Subscription> =
        world.events.subscriptions.get(&app).into_iter().collect();
    Ok(ok_json(&subscriptions))
}

/// `DELETE /push_subscriptions/{id}`.
pub(super) async fn delete(sim: SimData, params: Params, id: Path<i64>) -> HandlerResult {
    let mut world = sim.world();
    let app = authenticate_client(&world, &params)?;
    let subscriptions = &mut world.events.subscriptions;
    if subscriptions.get(&app).is_none_or(|subscription| subscription.id != *id) {
        return Err(Fault::not_found("PushSubscription"));
    }
    subscriptions.remove(&app);
    Ok(HttpResponse::NoContent().finish())
}
