//! An account that ends is ended everywhere: its sessions, its connections, its copies and its data.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{ALL_TIME_SUMMARY, Databases, Setup, TIMEOUT, TestApp, TestUser, Topics};

/// The services that have answered an erasure, and whether it is complete.
fn answered(receipts: &Value) -> (Vec<&str>, bool) {
    let receipt = &receipts["items"][0];
    let services = receipt["services"].as_array().into_iter().flatten();
    let services = services.map(|answer| answer["service"].as_str().unwrap()).collect();
    (services, receipt["completed_at"].is_string())
}

/// The number of revokes Strava has received.
async fn count_revokes(app: &TestApp) -> i64 {
    let counters = app.sim_get("counters").await;
    let calls = counters["calls"].as_object().unwrap();
    let revokes = calls.iter().filter(|(endpoint, _)| endpoint.contains("revoke"));
    revokes.filter_map(|(_, count)| count.as_i64()).sum()
}

async fn status(app: &TestApp, method: Method, path: &str, token: &str) -> StatusCode {
    let request = app.http.request(method, format!("{}{path}", app.base)).bearer_auth(token);
    request.send().await.unwrap().status()
}

/// Waits until the session of a removed person is refused by every service.
async fn wait_until_signed_out(app: &TestApp, user: &TestUser) {
    for path in ["/v1/me/activities", ALL_TIME_SUMMARY, "/v1/links", "/v1/me/connections"] {
        eventually(TIMEOUT, path, async || {
            match status(app, Method::GET, path, &user.token).await {
                StatusCode::UNAUTHORIZED => Ok(()),
                other => Err(other),
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_child_receives_no_copies_and_their_strava_account_is_free_again() {
    remove_child(Setup::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_is_removed_on_kafka_and_mariadb_too() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    remove_child(Setup::default().on(&topics).set("PACELINE_DATABASE__URL", databases.url())).await;
    topics.remove().await;
    databases.remove().await;
}

async fn remove_child(setup: Setup) {
    let mut app = TestApp::start(setup).await;
    let admin = app.administrator("Root").await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    app.record(GUARDIAN_ID, "Before with Milla").await;
    app.assert_copies(CHILD_ID, &["Before with Milla".to_owned()]).await;

    let path = "/v1/admin/users/milla@example.org";
    assert_eq!(status(&app, Method::DELETE, path, &admin.token).await, StatusCode::NO_CONTENT);

    wait_until_signed_out(&app, &child).await;
    let receipts = format!("/v1/admin/receipts/{}", child.athlete);
    eventually(TIMEOUT, "every service answered", async || {
        let receipts = admin.get(&receipts).await;
        match answered(&receipts).0.len() {
            5 => Ok(()),
            _ => Err(receipts),
        }
    })
    .await;
    app.record(GUARDIAN_ID, "After with Milla").await;
    guardian.assert_totals_match(&app).await;
    app.assert_copies(CHILD_ID, &["Before with Milla".to_owned()]).await;
    assert_eq!(count_revokes(&app).await, 1);

    let again = app.user("Milla", CHILD_ID).await;
    assert_ne!(again.athlete, child.athlete);
    again.connect(&app).await;
    again.assert_totals_match(&app).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_deletes_their_account_is_forgotten_by_every_service_with_a_receipt() {
    let mut app = TestApp::start(Setup::default()).await;
    let admin = app.administrator("Root").await;
    let user = app.user("Ana", GUARDIAN_ID).await;
    user.connect(&app).await;
    app.record(GUARDIAN_ID, "With streams").await;
    user.assert_totals_match(&app).await;
    assert_ne!(app.objects_of(&user.athlete), Vec::<std::path::PathBuf>::new());

    assert_eq!(status(&app, Method::DELETE, "/v1/me", &user.token).await, StatusCode::ACCEPTED);

    wait_until_signed_out(&app, &user).await;
    let path = format!("/v1/admin/receipts/{}", user.athlete);
    let receipts = eventually(TIMEOUT, "every service answered", async || {
        let receipts = admin.get(&path).await;
        let (services, is_complete) = answered(&receipts);
        let all = ["duplication", "identity", "ingest", "stats", "token"];
        if services == all && !is_complete { Ok(receipts) } else { Err(receipts) }
    })
    .await;
    let receipt = &receipts["items"][0];
    assert_eq!(
        (&receipt["scope"], &receipt["reason"]),
        (&json!("account"), &json!("account-deleted"))
    );
    let ingest = &receipt["services"][2];
    assert!(ingest["rows"].as_i64() > Some(0) && ingest["objects"].as_i64() > Some(0), "{ingest}");
    assert_eq!(app.objects_of(&user.athlete), Vec::<std::path::PathBuf>::new());
    // The second pass follows when nothing can be in flight any more.
    assert_eq!(receipt["waiting_for"], json!(["ingest", "stats", "duplication"]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demoted_administrator_and_who_signs_out_everywhere_lose_their_sessions() {
    let mut app = TestApp::start(Setup::default()).await;
    let (root, other) = (app.administrator("Root").await, app.administrator("Other").await);
    let demote = app.http.patch(format!("{}/v1/admin/users/other@example.org", app.base));
    let demoted = demote.bearer_auth(&root.token).json(&json!({"admin": false})).send().await;
    assert_eq!(demoted.unwrap().status(), StatusCode::NO_CONTENT);
    wait_until_signed_out(&app, &other).await;
    let users = "/v1/admin/users";
    assert_eq!(status(&app, Method::GET, users, &other.token).await, StatusCode::UNAUTHORIZED);

    assert_eq!(status(&app, Method::DELETE, "/v1/me", &root.token).await, StatusCode::CONFLICT);
    let everywhere = status(&app, Method::DELETE, "/v1/sessions", &root.token).await;
    assert_eq!(everywhere, StatusCode::NO_CONTENT);
    wait_until_signed_out(&app, &root).await;
    app.stop().await;
}
