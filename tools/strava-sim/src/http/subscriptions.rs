//! Push subscriptions.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use url::Url;

use super::params::Params;
use super::reply::{Fault, answer, ok};
use super::tokens::client;
use crate::times::iso;
use crate::webhooks;
use crate::world::{Sim, Subscription};

/// `POST /push_subscriptions`.
pub(crate) async fn create(sim: web::Data<Sim>, params: Params) -> Result<HttpResponse, Fault> {
    let (app, challenge) = {
        let mut world = sim.world();
        let app = client(&world, &params)?;
        if world.subscriptions.contains_key(&app) {
            return Err(Fault::bad("PushSubscription", "", "already exists"));
        }
        (app, world.token())
    };
    let callback = params.text("callback_url").to_owned();
    let url = Url::parse(&callback)
        .ok()
        .filter(|url| callback.len() <= 255 && matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| Fault::bad("PushSubscription", "callback url", "invalid"))?;
    if !validate(url, params.text("verify_token"), &challenge).await {
        let code = "GET to callback URL does not return 200";
        return Err(Fault::bad("PushSubscription", "callback url", code));
    }
    let mut world = sim.world();
    let id = 120_475 + world.new_id() % 1000;
    let now = iso(sim.clock.now_s());
    let subscription = Subscription {
        id,
        resource_state: 2,
        application_id: app,
        callback_url: callback,
        created_at: now.clone(),
        updated_at: now,
    };
    if world.subscriptions.insert(app, subscription).is_some() {
        return Err(Fault::bad("PushSubscription", "", "already exists"));
    }
    Ok(answer(StatusCode::CREATED, &json!({"id": id})))
}

/// Asks the callback address to echo the challenge; it has two seconds.
async fn validate(mut url: Url, verify_token: &str, challenge: &str) -> bool {
    url.query_pairs_mut()
        .append_pair("hub.verify_token", verify_token)
        .append_pair("hub.challenge", challenge)
        .append_pair("hub.mode", "subscribe");
    let Ok(client) = webhooks::client() else {
        return false;
    };
    let exchange = async {
        let reply = client.get(url).send().await.ok()?;
        if reply.status() != 200 {
            return None;
        }
        reply.json::<Value>().await.ok()
    };
    match tokio::time::timeout(Duration::from_secs(2), exchange).await {
        Ok(Some(echo)) => echo["hub.challenge"] == challenge,
        _ => false,
    }
}

/// `GET /push_subscriptions`.
pub(crate) async fn list(sim: web::Data<Sim>, params: Params) -> Result<HttpResponse, Fault> {
    let world = sim.world();
    let app = client(&world, &params)?;
    let found: Vec<&Subscription> = world.subscriptions.get(&app).into_iter().collect();
    Ok(ok(&found))
}

/// `DELETE /push_subscriptions/{id}`.
pub(crate) async fn delete(
    sim: web::Data<Sim>,
    params: Params,
    id: web::Path<i64>,
) -> Result<HttpResponse, Fault> {
    let mut world = sim.world();
    let app = client(&world, &params)?;
    if world.subscriptions.get(&app).is_none_or(|found| found.id != *id) {
        return Err(Fault::not_found("PushSubscription"));
    }
    world.subscriptions.remove(&app);
    Ok(HttpResponse::NoContent().finish())
}
