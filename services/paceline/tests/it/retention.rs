//! `strava.retention`: what came from the API expires, and the numbers stay.

use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp, TestUser};

const DAY_S: i64 = 86_400;

async fn wait_until_expired(user: &TestUser) {
    eventually(TIMEOUT, "everything of the API's has expired", async || {
        let view = user.get("/v1/me/retention").await;
        let left = [&view["streams"]["activities"], &view["facts"]["activities"]];
        if left.iter().all(|count| **count == 0) { Ok(()) } else { Err(view) }
    })
    .await;
}

/// Objects with streams.
fn streams_objects(app: &TestApp, user: &TestUser) -> usize {
    let objects = app.objects_of(&user.athlete);
    objects.iter().filter(|path| path.to_string_lossy().contains("/strava/")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_from_the_api_expires_and_the_numbers_stay() {
    let setup = Setup::default().set("PACELINE_STRAVA__RETENTION", "7");
    let mut app = TestApp::start(setup.set("PACELINE_INGEST__TICK_S", "1")).await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    let title = "Run with Milla".to_owned();
    let run = app.record(GUARDIAN_ID, &title).await;
    app.assert_copies(CHILD_ID, std::slice::from_ref(&title)).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    let view = guardian.get("/v1/me/retention").await;
    assert_eq!(view["days"], 7);
    assert!(view["facts"]["first_expires_at"].is_string(), "{view}");
    assert!(streams_objects(&app, &guardian) > 0);
    app.stop().await;

    app.advance_clocks(7 * DAY_S + 60);
    app.up(&[]).await;
    let guardian = guardian.sign_in_again(&app).await;
    let child = child.sign_in_again(&app).await;
    wait_until_expired(&guardian).await;
    wait_until_expired(&child).await;
    assert_eq!(streams_objects(&app, &guardian), 0);
    app.wait_until_settled().await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    for activity in guardian.get("/v1/me/activities").await["items"].as_array().unwrap() {
        assert_eq!((&activity["name"], &activity["expired"]), (&"".into(), &true.into()));
        assert!(activity["average_heartrate_bpm"].is_null(), "{activity}");
    }
    eventually(TIMEOUT, "the copy does not tell the title any more", async || {
        let copies = guardian.get("/v1/copies").await;
        if copies["items"][0]["name"] == "" { Ok(()) } else { Err(copies) }
    })
    .await;

    // The numbers come from what is left, also anew; and what changes at Strava is known again.
    app.stop().await;
    for suffix in ["", "-wal", "-shm"] {
        let part = app.data().join(format!("stats.db{suffix}"));
        if part.exists() {
            std::fs::remove_file(part).unwrap();
        }
    }
    app.up(&[]).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.sim_edit(run, &serde_json::json!({"name": "Renamed", "distance": 2345.0})).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    let newest = guardian.get("/v1/me/activities?limit=1").await["items"][0].clone();
    assert_eq!((&newest["name"], &newest["expired"]), (&"Renamed".into(), &false.into()));
    app.assert_copies(CHILD_ID, &[title]).await;
    app.stop().await;
}
