//! Every transaction fails at every statement and around its commit; in the end every copy is made once.

use std::time::Duration;

use kernel::{LinkId, Timestamp};
use outbox::StoreFaults;
use testkit::{TestDatabase, eventually};

use crate::test_app::{GRANTED, TestApp, child_invitation, quick_settings, redemption};

/// The transactions that meet every fault. `mark_published` meets some: its pauses are long, and ingest's scenario waits
/// for all of them. `erase`, `hold_copy_job` and lost answers have tests of their own.
const TRANSACTIONS: [&str; 9] = [
    "accept_link",
    "apply_connection",
    "create_invitation",
    "end_link",
    "mark_copy_sending",
    "plan_copies",
    "redeem_invitation",
    "revoke_invitation",
    "update_copy",
];
const LIMIT: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn io_errors_at_any_statement_or_commit_never_copy_twice() {
    run_scenario(TestDatabase::sqlite(), StoreFaults::io_errors()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_around_any_statement_or_commit_never_copy_twice() {
    let database = TestDatabase::mariadb().await;
    let killer = database.connect_to_server().await;
    run_scenario(database, StoreFaults::kills(killer)).await;
}

async fn run_scenario(database: TestDatabase, faults: StoreFaults) {
    let app = TestApp::start_faulty(database, quick_settings(), faults.clone()).await;
    faults.arm();
    let mut unmet = TRANSACTIONS.to_vec();
    let mut copied = 0;
    // Later rounds' runs would begin when the child had some of their own.
    for round in 0..50_i64 {
        // The runs are younger than the link.
        app.clock.set_offset(-20 * 86_400);
        let link = link(&app).await;
        app.clock.set_offset(0);
        app.publish_connection(app.child, round + 2, &GRANTED).await;
        let mut runs = Vec::new();
        for number in 0..3 {
            let mut run = app.new_run(&format!("Run {round}-{number} with Milla")).await;
            // Far enough apart that none is taken for another, nor for one of the child's own, days ago.
            let earlier = 20 * 60 * (3 * round + number);
            run.start = Timestamp::from_secs(run.start.as_secs() - earlier);
            run.generation = 1;
            runs.push(run);
        }
        copied += runs.len();
        app.publish_activities(&runs.iter().collect::<Vec<_>>()).await;
        wait_for_copies(&app, copied).await;
        end(&app, link).await;
        unmet.retain(|name| !faults.names()[0].contains(name));
        if unmet.is_empty() {
            break;
        }
    }
    assert_eq!(unmet, Vec::<&str>::new(), "{:?}", faults.names());
    app.stop().await;
}

/// Waits until so many copies are made, each once.
async fn wait_for_copies(app: &TestApp, count: usize) {
    eventually(LIMIT, &format!("{count} copies are made"), async || {
        let made = app.strava.list_copies().await.len();
        let done = "SELECT COUNT(*) FROM copy WHERE state = 'done'";
        let done = usize::try_from(app.query_number(done).await).unwrap();
        // What is to be tried again is due soon; the lease of a running job does not end so soon.
        app.advance_clock(2);
        if (made, done) == (count, count) { Ok(()) } else { Err((made, done, app.copies().await)) }
    })
    .await;
    assert_eq!(app.strava.count_uploads().await, i64::try_from(count).unwrap());
}

/// Creates an invitation, again until the answer says so; returns its path and code.
async fn invite(app: &TestApp) -> (String, String) {
    eventually(LIMIT, "an invitation is created", async || {
        let invitation = Some(child_invitation());
        let response = app.call("POST", "/v1/links/invitations", app.child, invitation).await;
        if response.status != 201 {
            return Err(response.status);
        }
        let code = response.json()["code"].as_str().unwrap().to_owned();
        Ok((response.header("location").to_owned(), code))
    })
    .await
}

/// Redeems one of two invitations and accepts the link, again until the answer says so; the other one is revoked.
async fn link(app: &TestApp) -> LinkId {
    let (revoked, code) = (invite(app).await.0, invite(app).await.1);
    call_until(app, "DELETE", &revoked, &[204, 404]).await;
    let body = redemption(&code, &["Milla"]);
    let link: LinkId = eventually(LIMIT, "an invitation is redeemed", async || {
        let response = app.redeem(app.guardian, body.clone()).await;
        if response.status == 201 {
            return Ok(response.json()["id"].as_str().unwrap().parse().unwrap());
        }
        // The answer may be lost, and the link there.
        let links = app.call("GET", "/v1/links", app.guardian, None).await.json();
        let open = links["items"].as_array().unwrap().iter().find(|it| it["state"] == "pending");
        open.map(|it| it["id"].as_str().unwrap().parse().unwrap()).ok_or(response.status)
    })
    .await;
    call_until(app, "POST", &format!("/v1/links/{link}/accept"), &[200]).await;
    link
}

async fn end(app: &TestApp, link: LinkId) {
    call_until(app, "DELETE", &format!("/v1/links/{link}"), &[204, 404, 409]).await;
}

async fn call_until(app: &TestApp, method: &str, path: &str, statuses: &[u16]) {
    eventually(LIMIT, &format!("{method} {path}"), async || {
        let response = app.call(method, path, app.child, None).await;
        if statuses.contains(&response.status) { Ok(()) } else { Err(response) }
    })
    .await;
}
