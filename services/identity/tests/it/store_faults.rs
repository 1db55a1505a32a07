//! Every transaction fails at every statement and around its commit; in the end everything is as if none had.

use std::time::Duration;

use contracts::Topic;
use event_bus::{BuiltInLogSettings, Bus, PublisherKind};
use identity::{AddUser, AddUserError, Email, SetPasswordError};
use kernel::AthleteId;
use outbox::StoreFaults;
use tempfile::TempDir;
use testkit::{TestDatabase, eventually};

use crate::deleted_athletes::{erase, gone};
use crate::test_app::{PASSWORD, TestApp};

/// The transactions that meet every fault: all of identity. It asks for no replay.
const TRANSACTIONS: [&str; 9] = [
    "add_account",
    "answer_erasure",
    "remove_account",
    "remove_athlete",
    "reserve_sign_in",
    "reset_failed_sign_ins",
    "set_password",
    "set_role",
    "sign_out_everywhere",
];
const LIMIT: Duration = Duration::from_secs(30);
const ANOTHER_PASSWORD: &str = "staple battery horse";

#[tokio::test(flavor = "multi_thread")]
async fn io_errors_at_any_statement_or_commit_lose_no_account_and_no_password() {
    run_scenario(TestDatabase::sqlite(), StoreFaults::io_errors()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_around_any_statement_or_commit_lose_no_account_and_no_password() {
    let database = TestDatabase::mariadb().await;
    let killer = database.connect_to_server().await;
    run_scenario(database, StoreFaults::kills(killer)).await;
}

async fn run_scenario(database: TestDatabase, faults: StoreFaults) {
    let (app, folder) = (TestApp::with_faults(&database, faults.clone()).await, log_folder());
    let mut log = BuiltInLogSettings::new(folder.path().join("bus.db"), app.clock.clone());
    log.partitions = 1;
    let bus = Bus::open_built_in(log).await.unwrap();
    bus.ensure_topics(&Topic::ALL).await.unwrap();
    service_kit::spawn(&app.service, &bus, &app.runtime, &app.tasks);
    add(&app, "stayer@example.org").await;
    set_role(&app, "stayer@example.org", true).await;
    faults.arm();
    let mut unmet = TRANSACTIONS.to_vec();
    for round in 0..100 {
        let (removed, leaver) =
            (format!("removed-{round}@example.org"), format!("leaver-{round}@example.org"));
        add(&app, &removed).await;
        let athlete = add(&app, &leaver).await;
        sign_in_wrongly_and_rightly(&app, &leaver).await;
        set_password(&app, &leaver).await;
        assert_eq!(sign_in(&app, &leaver, ANOTHER_PASSWORD).await, 200);

        set_role(&app, &leaver, true).await;
        set_role(&app, &leaver, false).await;
        sign_out_everywhere(&app, &leaver).await;

        remove(&app, &removed).await;
        let publisher = bus.publisher(PublisherKind::Relay);
        for event in [erase(athlete), gone(athlete)] {
            publisher.publish(Topic::Athletes, &athlete.to_string(), event).await.unwrap();
        }
        eventually(LIMIT, "only one account is left", async || {
            let users = app.service.users().await.unwrap();
            let left: Vec<_> = users.into_iter().map(|user| user.email).collect();
            if left == ["stayer@example.org"] { Ok(()) } else { Err(left) }
        })
        .await;
        unmet.retain(|name| !faults.is_done(name));
        if unmet.is_empty() {
            break;
        }
    }
    assert_eq!(unmet, Vec::<&str>::new(), "{:?}", faults.names());
    assert_eq!(sign_in(&app, "stayer@example.org", PASSWORD).await, 200);
    app.tasks.join(Duration::from_secs(10)).await;
}

fn log_folder() -> TempDir {
    TempDir::new().unwrap()
}

/// Adds an account, again after a failure: it is never refused because of the first attempt.
async fn add(app: &TestApp, email: &str) -> AthleteId {
    eventually(LIMIT, "an account is added", async || {
        let command = AddUser {
            email: email.to_owned(),
            admin: false,
            password: Some(PASSWORD.to_owned().into()),
        };
        match app.service.add_user(command).await {
            Ok((account, _)) => Ok(account.athlete),
            Err(error @ AddUserError::Store(_)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    })
    .await
}

/// A wrong password is counted, twice at most, and forgotten after the right one.
async fn sign_in_wrongly_and_rightly(app: &TestApp, email: &str) {
    assert_eq!(sign_in(app, email, "a wrong one").await, 401);
    assert_eq!(sign_in(app, email, PASSWORD).await, 200);
    assert_eq!(sign_in(app, email, "a wrong one").await, 401);
    assert_eq!(sign_in(app, email, PASSWORD).await, 200);
}

/// Signs in, again after a failure. Returns the status.
async fn sign_in(app: &TestApp, email: &str, password: &str) -> u16 {
    eventually(LIMIT, "an answer to a sign-in", async || {
        match app.sign_in(email, password).await.status {
            503 => Err(503),
            status => Ok(status),
        }
    })
    .await
}

async fn set_password(app: &TestApp, email: &str) {
    let email: Email = email.parse().unwrap();
    eventually(LIMIT, "a password is set", async || {
        match app.service.set_password(&email, Some(ANOTHER_PASSWORD.to_owned().into())).await {
            Ok(_) => Ok(()),
            Err(error @ SetPasswordError::Store(_)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    })
    .await;
}

async fn set_role(app: &TestApp, email: &str, admin: bool) {
    let email: Email = email.parse().unwrap();
    eventually(LIMIT, "a role is set", async || app.service.set_role(&email, admin).await).await;
}

/// Signs in and ends every session, from the start again after a failure.
async fn sign_out_everywhere(app: &TestApp, email: &str) {
    eventually(LIMIT, "signed out", async || {
        let session = app.sign_in(email, ANOTHER_PASSWORD).await;
        if session.status != 200 {
            return Err(session.status);
        }
        match app.delete("/v1/sessions", session.token()).await.status {
            204 => Ok(()),
            status => Err(status),
        }
    })
    .await;
}

/// Removes an account, again after a failure: then it may be gone already.
async fn remove(app: &TestApp, email: &str) {
    let email: Email = email.parse().unwrap();
    eventually(LIMIT, "an account is removed", async || app.service.remove_user(&email).await)
        .await;
}
