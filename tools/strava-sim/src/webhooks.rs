//! Delivery of webhooks: two seconds to answer, three attempts, then lost for good.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::world::{Pending, Sim};

/// Patience with the receiver.
const PATIENCE: Duration = Duration::from_secs(2);
/// Milliseconds after the first attempt at which the second and the third follow.
const RETRIES_MS: [i64; 2] = [60_000, 180_000];
/// Deliveries under way at once.
const AT_ONCE: usize = 256;

/// A client for calls to the outside.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // receivers close idle connections after some seconds; ours are gone before
        .pool_idle_timeout(Duration::from_secs(1))
        .timeout(PATIENCE)
        .build()
}

/// Sends what is due until it is told to stop.
pub(crate) async fn run(
    sim: Arc<Sim>,
    client: reqwest::Client,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let wait = {
            let due = due(&sim);
            for event in due.0 {
                tasks.spawn(deliver(sim.clone(), client.clone(), event));
            }
            due.1
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sim.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// The events that are due, one per object at a time, and how long until the next.
fn due(sim: &Sim) -> (Vec<Pending>, Duration) {
    let now = sim.clock.now_ms();
    let mut world = sim.world();
    let world = &mut *world;
    let mut out = Vec::new();
    let mut wait = 60_000;
    let keys: Vec<(i64, u64)> = world.pending.keys().take(4 * AT_ONCE).copied().collect();
    for key in keys {
        if key.0 > now {
            wait = key.0 - now;
            break;
        }
        if world.busy.len() >= AT_ONCE {
            break;
        }
        let Some(event) = world.pending.get(&key) else {
            continue;
        };
        // the next event of an object waits for the one before, unless disorder is asked for
        if !world.webhooks.reorder && world.busy.contains(&event.object) {
            continue;
        }
        world.busy.insert(event.object);
        out.extend(world.pending.remove(&key));
    }
    (out, Duration::from_millis(wait.clamp(1, 60_000) as u64))
}

async fn deliver(sim: Arc<Sim>, client: reqwest::Client, mut event: Pending) {
    let (url, key) = {
        let mut world = sim.world();
        world.counters.delivery_attempts += 1;
        let url = world.subscriptions.get(&event.app).map(|found| found.callback_url.clone());
        (url, world.webhooks.signing_key.clone())
    };
    let status = match url {
        Some(url) => {
            post(&client, &url, &event.body, key.as_deref().map(|key| (key, sim.clock.now_s())))
                .await
        }
        None => 0,
    };
    let now = sim.clock.now_ms();
    let mut world = sim.world();
    world.busy.remove(&event.object);
    if status == 200 {
        world.counters.delivered += 1;
        world.note(event.delivery, status, "delivered");
    } else if let Some(gap) = RETRIES_MS.get(event.attempt as usize - 1) {
        world.note(event.delivery, status, "retrying");
        event.attempt += 1;
        let due = (event.first_ms + gap).max(now);
        world.queue(due, event);
    } else {
        world.note(event.delivery, status, "gave_up");
    }
    drop(world);
    sim.wake.notify_one();
}

/// Posts an event; 0 when no answer came in time.
pub(crate) async fn post(
    client: &reqwest::Client,
    url: &str,
    body: &Value,
    sign: Option<(&str, i64)>,
) -> u16 {
    let text = body.to_string();
    let mut request = client.post(url).header("content-type", "application/json");
    if let Some((key, now_s)) = sign {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let tag = hmac::sign(&key, format!("{now_s}.{text}").as_bytes());
        request = request
            .header("x-strava-signature", format!("t={now_s},v1={}", hex::encode(tag.as_ref())));
    }
    let sent = tokio::time::timeout(PATIENCE, request.body(text).send()).await;
    match sent {
        Ok(Ok(reply)) => reply.status().as_u16(),
        _ => 0,
    }
}
