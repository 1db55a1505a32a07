//! The seats of the Strava application.

use reqwest::StatusCode;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp};

/// Runs the command and returns its output.
async fn run(app: &TestApp, command: &str, then: &[&str]) -> String {
    let mut process = app.spawn_process(command, then, &[]);
    let status = process.wait_for_exit(TIMEOUT).await;
    eventually(TIMEOUT, "its output is read", async || {
        let output = process.output();
        if output.is_empty() { Err(status) } else { Ok(output) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_sees_who_holds_a_seat_and_frees_one_for_another_athlete() {
    let mut app = TestApp::start(Setup::default()).await;
    let admin = app.administrator("Root").await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    let child = app.user("Milla", CHILD_ID).await;
    app.sim_post("apps", &json!({"id": 1, "capacity": 1})).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    // Strava shows its own page and sends nobody back.
    assert!(child.try_to_connect(&app).await.is_err());

    let seats = admin.get("/v1/admin/seats").await;
    assert_eq!((&seats["used"], &seats["allowed"]), (&json!(1), &Value::Null));
    assert_eq!(seats["items"][0]["athlete"], json!(guardian.athlete));
    assert!(seats["items"][0].get("used_at").is_none(), "nothing was live yet");
    app.record(GUARDIAN_ID, "Around the lake").await;
    eventually(TIMEOUT, "the seat was used", async || {
        let seats = admin.get("/v1/admin/seats").await;
        seats["items"][0]["used_at"].is_string().then_some(()).ok_or(seats)
    })
    .await;

    let id = seats["items"][0]["connection"].as_str().unwrap().to_owned();
    let listed = run(&app, "seats", &["list"]).await;
    assert!(listed.contains("1 seats used") && listed.contains(&id), "{listed}");
    let unknown = run(&app, "seats", &["free", "nobody"]).await;
    assert!(unknown.contains("paceline seats list"), "{unknown}");
    let freed = run(&app, "seats", &["free", &id]).await;
    assert!(freed.contains("free:"), "{freed}");

    guardian.wait_for_state("disconnected").await;
    eventually(TIMEOUT, "the child takes the seat", async || {
        match child.try_to_connect(&app).await.as_deref() {
            Ok("success") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let receipts = run(&app, "receipts", &[&guardian.athlete]).await;
    assert!(receipts.contains("\"scope\": \"connection\""), "{receipts}");
    assert_eq!(child.try_get("/v1/admin/seats").await.0, StatusCode::FORBIDDEN);
    app.stop().await;
}
