//! Every transaction fails at every statement and around its commit; in the end everything is as if none had.

use std::time::Duration;

use contracts::Topic;
use contracts::accounts::{AccountChanged, SessionsRevoked, account_changed::Change};
use contracts::erasures::Erased;
use kernel::{AthleteId, Clock as _, Generation};
use outbox::StoreFaults;
use strava_client::lease::{Lease, LeaseError, Purpose, Report};
use testkit::{TestDatabase, eventually};

use crate::test_app::{APP, GUARDIAN, StartOptions, TestApp, new_athlete};

/// The transactions that meet every fault. Of token only those are missing that a refused refresh, a replay, a change
/// of keys or another account of the same Strava athlete runs.
const TRANSACTIONS: [&str; 13] = [
    "begin_authorize",
    "delete_account",
    "disconnect",
    "grant_lease",
    "mark_published",
    "record_check",
    "record_erasure_answer",
    "record_hint",
    "record_revoked_sessions",
    "report_lease",
    "start_refresh",
    "store_connection",
    "take_oauth_state",
];
const LIMIT: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn io_errors_at_any_statement_or_commit_lose_no_connection_and_no_token() {
    run_scenario(TestDatabase::sqlite(), StoreFaults::io_errors()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_around_any_statement_or_commit_lose_no_connection_and_no_token() {
    let database = TestDatabase::mariadb().await;
    let killer = database.connect_to_server().await;
    run_scenario(database, StoreFaults::kills(killer)).await;
}

async fn run_scenario(database: TestDatabase, faults: StoreFaults) {
    let app = TestApp::new(database).await;
    let options = StartOptions { faults: faults.clone(), ..StartOptions::default() };
    let app = app.restart(options).await;
    faults.arm();
    let athlete = new_athlete();
    let mut unmet = TRANSACTIONS.to_vec();
    for _round in 0..150 {
        let generation = connect(&app, athlete).await;
        for _lease in 0..3 {
            let lease = lease(&app, athlete, generation).await;
            report(&app, &lease).await;
            app.publish_withdrawal_hint(GUARDIAN).await;
            // The next lease needs a fresh token.
            app.advance_clocks(Duration::from_hours(7)).await;
        }
        disconnect(&app, athlete).await;
        publish_answer(&app, athlete, generation).await;
        delete_account(&app, new_athlete()).await;
        unmet.retain(|name| !faults.names()[0].contains(name));
        if unmet.is_empty() {
            break;
        }
    }
    assert_eq!(unmet, Vec::<&str>::new(), "{:?}", faults.names());
    let generation = connect(&app, athlete).await;
    lease(&app, athlete, generation).await;
    app.shut_down().await;
}

/// Connects, from the start again until it is done, as a person would.
async fn connect(app: &TestApp, athlete: AthleteId) -> Generation {
    eventually(LIMIT, "connected", async || {
        let begun = app.call_as("POST", "/v1/me/connections?write=1", athlete).await;
        if begun.status != 200 {
            app.advance_clocks(Duration::from_secs(31)).await;
            return Err(begun);
        }
        let page = begun.json()["authorize_url"].as_str().unwrap().to_owned();
        let back = app.pass_consent_page(&page, GUARDIAN).await;
        let outcome = app.follow_redirect(back).await;
        let connections = app.call_as("GET", "/v1/me/connections", athlete).await;
        let connection = &connections.json()["items"][0];
        match connection["state"].as_str() {
            Some("connected") => Ok(Generation::new(connection["generation"].as_i64().unwrap())),
            _ => Err(outcome),
        }
    })
    .await
}

async fn lease(app: &TestApp, athlete: AthleteId, generation: Generation) -> Lease {
    eventually(LIMIT, "a lease is granted", async || {
        let answer = app.request_lease(athlete, generation, Purpose::Live).await;
        if let Err(LeaseError::RetryAt(_)) = answer {
            app.advance_clocks(Duration::from_secs(6)).await;
        }
        answer
    })
    .await
}

async fn report(app: &TestApp, lease: &Lease) {
    let report = Report { reads: 1, ..Report::default() };
    eventually(LIMIT, "the use is reported", async || {
        app.leases.report_usage(lease.id, &report).await
    })
    .await;
}

async fn disconnect(app: &TestApp, athlete: AthleteId) {
    let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
    eventually(LIMIT, "disconnected", async || {
        let answer = app.call_as("DELETE", &format!("/v1/me/connections/{id}"), athlete).await;
        app.advance_clocks(Duration::from_secs(31)).await;
        let connection = app.fetch_connection(athlete).await;
        if connection["state"] == "disconnected" { Ok(()) } else { Err(answer) }
    })
    .await;
}

/// Publishes the answer of another service to the erasure, and that another athlete signed out everywhere.
async fn publish_answer(app: &TestApp, athlete: AthleteId, generation: Generation) {
    let answer = Erased {
        service: "ingest".to_owned(),
        application: APP.get(),
        through_generation: generation.get(),
        r#final: true,
        ..Erased::default()
    };
    app.publish_as(Topic::Erasures, athlete, answer).await;
    let revoked = SessionsRevoked { not_before_us: app.clock.now().as_micros() };
    let revoked = AccountChanged { change: Some(Change::SessionsRevoked(revoked)) };
    app.publish_as(Topic::Accounts, new_athlete(), revoked).await;
    eventually(LIMIT, "the answer is on the receipt", async || {
        let receipts = app.call_as("GET", "/v1/me/receipts", athlete).await.json();
        let answers = receipts["items"][0]["services"].as_array().cloned().unwrap_or_default();
        let answered = answers.iter().any(|answer| answer["service"] == "ingest");
        if answered { Ok(()) } else { Err(receipts) }
    })
    .await;
}

async fn delete_account(app: &TestApp, athlete: AthleteId) {
    eventually(LIMIT, "deleted", async || {
        let answer = app.call_as("DELETE", "/v1/me", athlete).await;
        if answer.status == 202 { Ok(()) } else { Err(answer) }
    })
    .await;
}
