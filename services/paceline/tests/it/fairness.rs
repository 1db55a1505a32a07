//! Nobody waits for somebody else's long or failing work.

use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};

use crate::world::{Setup, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_backfill_does_not_delay_a_live_event() {
    let setup = Setup::default().history(1_000).set("PACELINE_INGEST__PAGE", "5");
    let mut world = World::start(setup).await;
    let guardian = world.person("Ana", GUARDIAN_ID).await;
    let child = world.person("Milla", CHILD_ID).await;
    guardian.connect(&world).await;
    guardian.counts_the_truth(&world).await;
    // Every page of the child's history takes its time.
    let slow = json!({"endpoint": "GET /athlete/activities", "kind": "slow", "delay_ms": 400, "athlete": CHILD_ID});
    world.sim_post("faults", &slow).await;
    child.connect(&world).await;
    testkit::eventually(crate::world::PATIENCE, "the backfill has begun", async || {
        let count = child.count().await;
        if count > 0 { Ok(()) } else { Err(count) }
    })
    .await;

    world.record(GUARDIAN_ID, "Live").await;
    world.record(CHILD_ID, "Live too").await;
    guardian.counts_the_truth(&world).await;
    let journal = child.get("/v1/me/journal").await;

    let import = child.get("/v1/me/imports").await["items"][0].clone();
    assert!(import["state"] == "running" || import["state"] == "waiting", "{import}");
    assert!(child.count().await < 1_001);
    assert!(journal["items"].is_array());
    world.http.delete(format!("http://{}/_sim/faults", world.sim_address())).send().await.unwrap();
    child.counts_the_truth(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_athlete_does_not_hold_up_another() {
    let mut world = World::start(Setup::default()).await;
    let [guardian, child] = world.family().await;
    let broken = json!({"endpoint": "*", "kind": "server_error", "athlete": CHILD_ID});
    world.sim_post("faults", &broken).await;
    let before = child.count().await;
    for number in 0..6 {
        world.record(CHILD_ID, &format!("Fails {number}")).await;
    }

    for number in 0..3 {
        world.record(GUARDIAN_ID, &format!("Passes {number}")).await;
        guardian.counts_the_truth(&world).await;
    }

    assert_eq!(child.count().await, before);
    world.http.delete(format!("http://{}/_sim/faults", world.sim_address())).send().await.unwrap();
    world.stop().await;
    // What was put off is due.
    world.later(3_600);
    world.up(&[]).await;
    world.agree(&[&guardian, &child]).await;
    world.stop().await;
}
