//! Killed between any two steps of an activity's journey: nothing is lost, nothing is doubled.
//!
//! Every named failpoint is armed in turn. The process dies there (the marker file proves it), a new one starts a quarter
//! of an hour later on the clock, when the dead one's leases have run out, and everything must come out right.

use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{API_KEY, Setup, TIMEOUT, TestApp, TestUser};

/// An action that brings a process to a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// An activity with the child's name is recorded.
    Live,
    /// The same, found by looking at the list.
    Found,
    /// The guardian connects once more, and the history is read again.
    Reconnect,
    /// The guardian's access token has ended.
    Refresh,
    /// The guardian withdraws access at Strava.
    Withdraw,
}

fn way_to(failpoint: &str) -> Way {
    match failpoint {
        "ingest.head-committed" => Way::Found,
        "ingest.page-fetched"
        | "ingest.page-committed"
        | "token.state-taken"
        | "token.code-exchanged"
        | "token.connected" => Way::Reconnect,
        "token.refresh-intended" | "token.refresh-answered" | "token.refresh-stored" => {
            Way::Refresh
        }
        "token.hint-noted" | "token.connection-ended" => Way::Withdraw,
        _ => Way::Live,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_between_any_two_steps_of_token_loses_and_doubles_nothing() {
    let both = [token::FAILPOINTS, token::CONNECTION_FAILPOINTS].concat();
    die_at_each(&both).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_between_any_two_steps_of_ingest_loses_and_doubles_nothing() {
    die_at_each(&ingest::FAILPOINTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_between_any_two_steps_of_duplication_loses_and_doubles_nothing() {
    die_at_each(duplication::FAILPOINTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_between_any_two_steps_of_stats_and_relays_changes_no_total() {
    let both: Vec<_> = stats::FAILPOINTS.iter().chain(&outbox::FAILPOINTS).copied().collect();
    die_at_each(&both).await;
}

struct Family {
    guardian: TestUser,
    child: TestUser,
    /// Titles of which there must be a copy, each once.
    copied: Vec<String>,
}

async fn die_at_each(failpoints: &[&str]) {
    assert!(!failpoints.is_empty());
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    let mut guardian_and_child = Family { guardian, child, copied: Vec::new() };
    for failpoint in failpoints {
        app.stop().await;
        die_at(&mut app, &mut guardian_and_child, failpoint).await;
        is_right(&mut app, &mut guardian_and_child, failpoint).await;
    }
    app.stop().await;
}

/// Dies at the failpoint and starts again.
async fn die_at(app: &mut TestApp, guardian_and_child: &mut Family, failpoint: &str) {
    let marker = app.file(failpoint);
    let armed = [
        ("PACELINE_FAILPOINT__NAME", failpoint),
        ("PACELINE_FAILPOINT__MARKER", marker.to_str().unwrap()),
    ];
    app.spawn(&armed);
    // It may die before it is ready: work of its own start may lead there too.
    let ready = eventually(TIMEOUT, "it is ready or has died", async || {
        let ready = app.output_now().contains("\"ready\":true");
        if ready || marker.exists() { Ok(ready) } else { Err(()) }
    })
    .await;
    app.set_simulator_clock().await;
    if ready {
        provoke(app, guardian_and_child, failpoint).await;
    }
    let what = format!("{failpoint} fires");
    eventually(
        TIMEOUT,
        &what,
        async || if marker.exists() { Ok(()) } else { Err(app.output_now()) },
    )
    .await;
    app.wait_for_crash().await;
    assert_eq!(std::fs::read_to_string(&marker).unwrap(), failpoint);
    app.advance_clocks(900);
    app.up(&[]).await;
    if !ready {
        provoke(app, guardian_and_child, failpoint).await;
    }
}

async fn provoke(app: &TestApp, guardian_and_child: &mut Family, failpoint: &str) {
    let title = format!("Run with Milla at {failpoint}");
    match way_to(failpoint) {
        Way::Live => {
            app.record(GUARDIAN_ID, &title).await;
            guardian_and_child.copied.push(title);
        }
        Way::Found => {
            app.record_as(GUARDIAN_ID, &title, &json!({"silent": true})).await;
            guardian_and_child.copied.push(title);
            request_refresh(app).await;
        }
        Way::Reconnect => drop(guardian_and_child.guardian.try_to_connect(app).await),
        Way::Refresh => {
            app.sim_post("tokens/expire", &json!({"athlete": GUARDIAN_ID})).await;
            app.record(GUARDIAN_ID, "Run alone").await;
        }
        Way::Withdraw => {
            app.sim_post(&format!("athletes/{GUARDIAN_ID}/disconnect"), &json!({})).await;
        }
    }
}

/// Strava's list is looked at now; the answer may die with the process.
async fn request_refresh(app: &TestApp) {
    let request = app.http.post(format!("{}/strava/refresh-data", app.base));
    drop(request.header("X-API-Key", API_KEY).send().await);
}

/// After the restart everything comes out right; where access was lost, that is said, and connecting again heals it.
async fn is_right(app: &mut TestApp, guardian_and_child: &mut Family, failpoint: &str) {
    let Family { guardian, child, copied } = guardian_and_child;
    match (way_to(failpoint), failpoint) {
        (Way::Withdraw, _) => {
            let connection = guardian.wait_for_state("disconnected").await;
            assert_eq!(connection["reason"], "withdrawn", "{failpoint}");
            guardian.connect(app).await;
        }
        // Strava's answer with the only valid refresh token died with the process.
        (_, "token.refresh-answered") => {
            let connection = guardian.wait_for_state("reconnect-needed").await;
            assert_eq!(connection["reason"], "refresh-lost");
            guardian.connect(app).await;
        }
        (Way::Reconnect, _) => guardian.connect(app).await,
        // It may have died at a look of its own, before there was anything to find.
        (Way::Found, _) => request_refresh(app).await,
        // Nobody knows whether the file left: it is sent again only after a second look, ten minutes later.
        (_, "duplication.before-send") => {
            eventually(TIMEOUT, "the first look finds nothing", async || {
                let newest = guardian.get("/v1/copies").await["items"][0].clone();
                if newest["reason"] == "unanswered" { Ok(()) } else { Err(newest) }
            })
            .await;
            app.stop().await;
            app.advance_clocks(900);
            app.up(&[]).await;
        }
        _ => {}
    }
    // What a history finds is not copied: the next activity shall come when it has been read.
    guardian.wait_for_backfill().await;
    app.assert_copies(CHILD_ID, copied).await;
    app.assert_all_totals_match(&[guardian, child]).await;
    assert_eq!(guardian.connection().await["state"], "connected", "{failpoint}");
    assert_eq!(child.connection().await["state"], "connected", "{failpoint}");
}
