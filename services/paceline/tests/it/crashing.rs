//! Killed at any moment, without being asked: what was acknowledged is there, and nothing counts twice.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Databases, Setup, TIMEOUT, TestApp, TestUser, Topics};

const LIVES: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_of_backfill_and_live_load_totals_are_right() {
    kill_at_random(Setup::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_on_kafka_and_mariadb_the_totals_are_the_truth() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    kill_at_random(Setup::default().on(&topics).set("PACELINE_DATABASE__URL", databases.url()))
        .await;
    topics.remove().await;
    databases.remove().await;
}

async fn kill_at_random(setup: Setup) {
    let seed = RandomState::new().hash_one("moments");
    #[expect(clippy::print_stdout, reason = "shown when the test fails")]
    {
        println!("seed {seed}");
    }
    let mut app = TestApp::start(setup.history(600).set("PACELINE_INGEST__PAGE", "20")).await;
    // A refresh token that was replaced by an answer that died with the process is lost for good; see `killing`.
    app.sim_post("tokens/rotation", &serde_json::json!({"mode": "never"})).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    let child = app.user("Milla", CHILD_ID).await;
    guardian.connect(&app).await;
    child.connect(&app).await;
    guardian.links(&child).await;
    let mut copied = Vec::new();

    for life in 0..LIVES {
        // Half an hour apart, so that nothing overlaps in the child's account.
        for slot in [0, 2, 4] {
            let title = format!("Run with Milla {life}-{slot}");
            app.record_at(GUARDIAN_ID, &title, slot * 1_800).await;
            copied.push(title);
            app.record_at(CHILD_ID, "Alone", (slot + 1) * 1_800).await;
        }
        let moment = seed.rotate_left(8 * life as u32) % 700;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        app.kill().await;
        // Leases of the dead have run out; the hours of this life's runs are over.
        app.advance_clocks(3 * 3600);
        app.up(&[]).await;
    }

    send_lost_webhooks_again(&app).await;
    // A copy whose upload was under way is looked for twice, ten minutes apart, before it is sent again.
    for _life in 0..3 {
        if has_settled(&guardian, copied.len()).await {
            break;
        }
        app.stop().await;
        app.advance_clocks(900);
        app.up(&[]).await;
    }
    app.assert_all_totals_match(&[&guardian]).await;
    app.assert_copies(CHILD_ID, &copied).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
}

/// Sends the webhooks again that Strava gave up because no process was alive to answer. The daily sweep would find
/// these activities, but also acknowledged ones that were lost.
async fn send_lost_webhooks_again(app: &TestApp) {
    let given_up = eventually(TIMEOUT, "every webhook is delivered or given up", async || {
        let deliveries = app.sim_get("webhooks/deliveries").await;
        let (done, rest): (Vec<_>, Vec<_>) = deliveries
            .as_array()
            .unwrap()
            .iter()
            .cloned()
            .partition(|it| it["outcome"] == "delivered");
        let waiting = rest.iter().any(|it| it["outcome"] != "gave_up");
        if waiting || done.is_empty() { Err(rest) } else { Ok(rest) }
    })
    .await;
    for delivery in given_up {
        let ids = ["owner_id", "object_id"].map(|id| delivery["event"][id].as_i64().unwrap());
        assert_eq!(app.hint(ids[0], ids[1]).await, [200]);
    }
}

/// Waits until every copy is made or waits for its second look; true when all are made.
async fn has_settled(guardian: &TestUser, count: usize) -> bool {
    eventually(TIMEOUT, "every copy is made or waits", async || {
        let copies = guardian.get("/v1/copies?limit=200").await;
        let copies = copies["items"].as_array().unwrap();
        let done = copies.iter().filter(|copy| copy["state"] == "done").count();
        let waiting = copies.iter().filter(|copy| copy["reason"] == "unanswered").count();
        if done + waiting == count { Ok(waiting == 0) } else { Err(format!("{copies:?}")) }
    })
    .await
}
