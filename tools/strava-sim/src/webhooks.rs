//! Delivery of webhooks: two seconds to answer, three attempts, then the event is lost.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sim_state::SimState;
use crate::world::PendingEvent;

/// Time a receiver has for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Builds the client for calls to receivers.
pub(crate) fn build_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // receivers close idle connections after some seconds; ours are gone before
        .pool_idle_timeout(Duration::from_secs(1))
        .timeout(ANSWER_TIMEOUT)
        .build()
}

/// Delivers due events until it is stopped.
pub(crate) async fn run(
    sim: Arc<SimState>,
    client: reqwest::Client,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let due = sim.world().events.take_due();
        for event in due.events {
            tasks.spawn(deliver(sim.clone(), client.clone(), event));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sim.wake.notified() => {}
            () = tokio::time::sleep(due.wait) => {}
        }
    }
}

async fn deliver(sim: Arc<SimState>, client: reqwest::Client, event: PendingEvent) {
    let (url, key) = {
        let mut world = sim.world();
        world.counters.delivery_attempts += 1;
        let subscription = world.events.subscriptions.get(&event.app);
        let url = subscription.map(|subscription| subscription.callback_url.clone());
        (url, world.events.settings.signing_key.clone())
    };
    let status = match url {
        Some(url) => {
            let signature = key.map(|key| sign(&key, sim.clock.now_s(), &event.body));
            post_event(&client, &url, &event.body, signature).await
        }
        None => 0,
    };
    let mut world = sim.world();
    let delivered = world.events.finish_attempt(event, status);
    world.counters.delivered += u64::from(delivered);
}

/// Builds the value of `X-Strava-Signature`.
fn sign(key: &str, now_s: i64, body: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = hmac::sign(&key, format!("{now_s}.{body}").as_bytes());
    format!("t={now_s},v1={}", hex::encode(tag.as_ref()))
}

/// Posts an event and returns the status; 0 if no answer came in time.
pub(crate) async fn post_event(
    client: &reqwest::Client,
    url: &str,
    body: &Value,
    signature: Option<String>,
) -> u16 {
    let mut request = client.post(url).json(body);
    if let Some(signature) = signature {
        request = request.header("x-strava-signature", signature);
    }
    request.send().await.map_or(0, |response| response.status().as_u16())
}
