//! The main job from end to end, on both logs and both kinds of database.

use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Databases, Setup, TIMEOUT, TestApp, Topics};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_journey_runs_on_the_built_in_log() {
    let mut app = TestApp::start(Setup::default()).await;

    journey(&app).await;

    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_journey_runs_on_kafka_and_mariadb() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    let setup = Setup::default().on(&topics).set("PACELINE_DATABASE__URL", databases.url());
    let mut app = TestApp::start(setup).await;

    journey(&app).await;

    app.stop().await;
    topics.remove().await;
    databases.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_three_times_and_out_of_order_give_the_same_totals_and_one_copy() {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    app.sim_post("webhooks", &json!({"duplicate": 2, "reorder": true})).await;
    let mut copied = Vec::new();
    for number in 0..4 {
        let title = format!("Run with Milla {number}");
        let activity = app.record_at(GUARDIAN_ID, &title, 600 * number).await;
        app.sim_edit(activity, &json!({"distance": 2_000.0 + number as f64, "private": false}))
            .await;
        app.sim_edit(activity, &json!({"sport_type": "Walk", "name": title})).await;
        let gone = app.record_at(GUARDIAN_ID, "Gone at once", 600 * number + 3_600).await;
        app.sim_edit(gone, &json!({"name": "Gone soon"})).await;
        app.sim_delete(gone).await;
        copied.push(title);
    }
    app.sim_post("webhooks", &json!({"reorder": false})).await;

    app.assert_copies(CHILD_ID, &copied).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    let walks = guardian.summary_since_yesterday(&app, "Walk").await;
    assert_eq!(
        (&walks["total"]["count"], &walks["total"]["distance_m"]),
        (&json!(4), &json!(8_006.0))
    );

    // Nothing comes after it: once every event was delivered and handled, the state stays as it is.
    eventually(TIMEOUT, "every event was delivered", async || {
        let deliveries = app.sim_get("webhooks/deliveries").await;
        let all = deliveries.as_array().unwrap();
        let open = all.iter().filter(|one| one["outcome"] != "delivered").count();
        if open == 0 && all.len() > 60 { Ok(()) } else { Err((open, all.len())) }
    })
    .await;
    eventually(TIMEOUT, "every event was handled", async || {
        let journal = guardian.get("/v1/me/journal").await;
        let waiting = journal["items"][0]["state"] == "waiting";
        if waiting { Err(journal) } else { Ok(()) }
    })
    .await;
    app.stop().await;
    app.up(&[]).await;
    app.assert_copies(CHILD_ID, &copied).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
}

/// Connect, history, webhook, totals, copy, edits, delete.
async fn journey(app: &TestApp) {
    let [guardian, child] = app.linked_guardian_and_child().await;
    // The child's own activities of that name go to a friend, but a copy is nobody's own.
    child.links_by_name(&guardian, "Milla").await;
    // The history names the child, too; it is read once more now that the link is there.
    guardian.connect(app).await;
    guardian.wait_for_backfill().await;
    assert_eq!(app.copies(CHILD_ID).await, [""; 0], "a connect makes no copies");

    let with_child = app.record(GUARDIAN_ID, "Run without Milla").await;
    let alone = app.record(GUARDIAN_ID, "Run with Camilla").await;
    app.assert_copies(CHILD_ID, &["Run without Milla".to_owned()]).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;

    app.sim_edit(alone, &json!({"distance": 12_345.6, "sport_type": "Ride", "name": "Ride"})).await;
    app.assert_all_totals_match(&[&guardian]).await;
    let rides = guardian.summary_since_yesterday(app, "Ride").await;
    assert_eq!(rides["total"]["distance_m"], 12_345.6);

    app.sim_post(&format!("activities/{alone}/hide"), &json!({})).await;
    app.sim_delete(with_child).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    assert_eq!(app.copies(CHILD_ID).await.len(), 1, "the copy is the child's own");

    assert_eq!(app.copies(GUARDIAN_ID).await, [""; 0], "a copy is not copied");

    eventually(TIMEOUT, "the one copy is done", async || {
        let copies = guardian.get("/v1/copies").await;
        let states: Vec<_> =
            copies["items"].as_array().unwrap().iter().map(|copy| copy["state"].clone()).collect();
        if states == ["done"] { Ok(()) } else { Err(copies) }
    })
    .await;
    assert_eq!(app.readiness().await.0, 200);
}
