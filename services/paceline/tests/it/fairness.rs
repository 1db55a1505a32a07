//! Nobody waits for somebody else's long or failing work.

use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};

use crate::test_app::{Setup, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_backfill_does_not_delay_a_live_event() {
    let setup = Setup::default().history(1_000).set("PACELINE_INGEST__PAGE", "5");
    let mut app = TestApp::start(setup).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    let child = app.user("Milla", CHILD_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    // Every page of the child's history takes its time.
    let slow = json!({"endpoint": "GET /athlete/activities", "kind": "slow", "delay_ms": 400, "athlete": CHILD_ID});
    app.sim_post("faults", &slow).await;
    child.connect(&app).await;
    testkit::eventually(crate::test_app::TIMEOUT, "the backfill has begun", async || {
        let count = child.count().await;
        if count > 0 { Ok(()) } else { Err(count) }
    })
    .await;

    app.record(GUARDIAN_ID, "Live").await;
    app.record(CHILD_ID, "Live too").await;
    guardian.assert_totals_match(&app).await;
    let journal = child.get("/v1/me/journal").await;

    let import = child.get("/v1/me/imports").await["items"][0].clone();
    assert!(import["state"] == "running" || import["state"] == "waiting", "{import}");
    assert!(child.count().await < 1_001);
    assert!(journal["items"].is_array());
    app.http
        .delete(format!("http://{}/_sim/faults", app.simulator_address()))
        .send()
        .await
        .unwrap();
    child.assert_totals_match(&app).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_athlete_does_not_hold_up_another() {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.guardian_and_child().await;
    let broken = json!({"endpoint": "*", "kind": "server_error", "athlete": CHILD_ID});
    app.sim_post("faults", &broken).await;
    let before = child.count().await;
    for number in 0..6 {
        app.record(CHILD_ID, &format!("Fails {number}")).await;
    }

    for number in 0..3 {
        app.record(GUARDIAN_ID, &format!("Passes {number}")).await;
        guardian.assert_totals_match(&app).await;
    }

    assert_eq!(child.count().await, before);
    app.http
        .delete(format!("http://{}/_sim/faults", app.simulator_address()))
        .send()
        .await
        .unwrap();
    app.stop().await;
    // What was put off is due.
    app.advance_clocks(3_600);
    app.up(&[]).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
}
