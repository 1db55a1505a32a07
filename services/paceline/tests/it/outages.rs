//! The broker away, and the database too.

use serde_json::{Value, json};
use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use crate::test_app::{Databases, Setup, TIMEOUT, TcpProxy, TestApp, Topics};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_are_handled_after_a_broker_outage_and_refused_without_database() {
    let (mut topics, databases) = (Topics::new(), Databases::new().await);
    let broker = TcpProxy::of_broker(topics.brokers.parse().unwrap()).await;
    let server: url::Url = databases.url().parse().unwrap();
    let server = TcpProxy::plain(([127, 0, 0, 1], server.port().unwrap()).into()).await;
    let mut address: url::Url = databases.url().parse().unwrap();
    address.set_port(Some(server.address.port())).unwrap();
    topics.brokers = broker.address.to_string();
    let setup = Setup::default().on(&topics).set("PACELINE_DATABASE__URL", address);
    let mut app = TestApp::start(setup).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    let before = guardian.count().await;
    app.sim_post("webhooks", &json!({"drop_all": true})).await;
    let mut activities = Vec::new();
    for number in 0..8 {
        activities.push(app.record(GUARDIAN_ID, &format!("Run {number}")).await);
    }

    broker.cut();
    for activity in &activities {
        assert_eq!(app.hint(GUARDIAN_ID, *activity).await, [200]);
    }
    let (status, readiness) = app.readiness().await;
    assert_eq!(status, 200, "hints are taken, so it is ready: {readiness}");
    assert_eq!(readiness["status"], "degraded");
    assert_eq!(check(&readiness, "log"), Some(false));
    assert_eq!(guardian.count().await, before, "nothing passes a broker that is away");
    wait_until_told(&app).await;

    broker.mend();
    guardian.assert_totals_match(&app).await;
    assert_outage_told_once(&app.output_now());

    broker.cut();
    server.cut();
    let late = app.record(GUARDIAN_ID, "Run that must come again").await;
    assert_eq!(app.hint(GUARDIAN_ID, late).await, [503]);
    // A commit of the last seconds counts until a write has failed.
    eventually(TIMEOUT, "it is not ready", async || match app.readiness().await {
        (503, _) => Ok(()),
        other => Err(other),
    })
    .await;

    server.mend();
    broker.mend();
    eventually(TIMEOUT, "hints are taken again", async || {
        let statuses = app.hint(GUARDIAN_ID, late).await;
        if statuses == [200] { Ok(()) } else { Err(statuses) }
    })
    .await;
    guardian.assert_totals_match(&app).await;
    // Each service takes up its database again by itself.
    eventually(TIMEOUT, "it is ready", async || match app.readiness().await {
        (200, _) => Ok(()),
        other => Err(other),
    })
    .await;
    app.stop().await;
    topics.remove().await;
    databases.remove().await;
}

/// Waits for the line, and then for as long as a flood of them took.
async fn wait_until_told(app: &TestApp) {
    eventually(TIMEOUT, "the operator is told", async || {
        let output = app.output_now();
        output.contains("the broker is away").then_some(()).ok_or(output)
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
}

/// Of a broker that is away one line tells, and one that it is back.
fn assert_outage_told_once(output: &str) {
    let is_told = |line: &&str| line.contains("WARN") || line.contains("ERROR");
    let told: Vec<_> = output.lines().filter(is_told).collect();
    let away = told.iter().filter(|line| line.contains("the broker is away")).count();
    // Two more for what else a slow machine may have to tell.
    assert!(told.len() <= 3, "{told:#?}");
    assert_eq!(away, 1, "{told:#?}");
    assert_eq!(output.matches("the broker is back").count(), 1, "{output}");
}

fn check(readiness: &Value, name: &str) -> Option<bool> {
    let checks = readiness["checks"].as_array()?;
    checks.iter().find(|check| check["name"] == name)?["ok"].as_bool()
}
