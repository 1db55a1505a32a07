//! The process dies between two steps of a connection's life, is started again, and nothing is
//! lost or done twice. The service runs in a process of its own: this very binary, told what to be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kernel::{AthleteId, Clock, Generation, SystemClock};
use lifecycle::Failpoints;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strava_client::lease::{DenialReason, Lease, LeaseError, Purpose};
use testkit::Process;
use tokio::process::Command;

use crate::world::{
    Caller, GUARDIAN, Start, built_in, new_athlete, publish, run, told, withdrawal,
};

/// How the process is told what to be.
const TOLD: &str = "PACELINE_TOKEN_CRASH_TEST";
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
struct Told {
    folder: PathBuf,
    strava: String,
    offset_s: i64,
    failpoint: String,
    key_set: String,
}

impl Told {
    fn database(&self) -> outbox::Target {
        outbox::Target::Sqlite { file: self.folder.join("token.db") }
    }

    fn marker(&self) -> PathBuf {
        self.folder.join("fired")
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other half of the tests below: it runs in a process of its own, which they kill"]
async fn a_service_that_is_told_where_to_die() {
    #[expect(clippy::disallowed_methods, reason = "a test tells its own child this way")]
    let told = std::env::var(TOLD).unwrap();
    let told: Told = serde_json::from_str(&told).unwrap();
    let clock = Arc::new(SystemClock::with_offset(told.offset_s));
    let start = Start { key_set: told.key_set.clone(), ..Start::default() };
    let with = (start, Failpoints::armed(&told.failpoint, told.marker()));
    let running = run(told.database(), &told.folder, &told.strava, clock, with).await;
    let mut out = std::io::stdout();
    let ready = json!({"base": running.base, "internal": running.internal});
    std::io::Write::write_all(&mut out, format!("\n{ready}\n").as_bytes()).unwrap();
    running.tasks.soft().stopped().await;
}

/// A service in another process, and where it dies.
struct Mortal {
    caller: Caller,
    failpoint: &'static str,
    folder: tempfile::TempDir,
    process: Option<Process>,
}

impl Mortal {
    /// Runs, and does not die yet.
    async fn new(failpoint: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mortal = Self { caller: Caller::new().await, failpoint, folder, process: None };
        mortal.start(false).await;
        mortal
    }

    fn told(&self, may_die: bool) -> Told {
        Told {
            folder: self.folder.path().to_owned(),
            strava: self.caller.sim.url(),
            offset_s: self.caller.offset_s.load(Ordering::SeqCst),
            key_set: Start::default().key_set,
            failpoint: if may_die { self.failpoint.to_owned() } else { String::new() },
        }
    }

    /// Starts it (again); from now on it may die where it was told to.
    async fn start(&mut self, may_die: bool) {
        self.stop().await;
        let told = serde_json::to_string(&self.told(may_die)).unwrap();
        let name = "crashing::a_service_that_is_told_where_to_die";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--ignored", "--nocapture"]).env(TOLD, told);
        let mut process = Process::spawn(command);
        let ready: Value = process.wait_until_ready(PATIENCE).await;
        self.caller.go_to(ready["base"].as_str().unwrap(), ready["internal"].as_str().unwrap());
        self.process = Some(process);
    }

    async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Waits until it has died where it was told to, and starts it again.
    async fn dies_and_comes_back(&mut self) {
        let ended = self.process.take().unwrap().wait_for_exit(PATIENCE).await;
        assert!(!ended.success());
        let fired = std::fs::read_to_string(self.told(true).marker());
        assert_eq!(fired.unwrap(), self.failpoint, "it died there and nowhere else");
        self.start(true).await;
    }

    /// What the log says of connections; stops the process, for only one may have the log open.
    async fn told_so_far(&mut self) -> Vec<(i64, String)> {
        self.stop().await;
        let bus = open(self.folder.path(), &self.caller).await;
        told(&bus)
            .await
            .into_iter()
            .map(|(_, revision, connection)| (revision, connection.reason))
            .collect()
    }

    /// The webhook says that the athlete withdrew access, while the process is away.
    async fn hint_of_withdrawal(&mut self) {
        self.stop().await;
        let bus = open(self.folder.path(), &self.caller).await;
        publish(
            &bus,
            contracts::Topic::StravaEvents,
            withdrawal(GUARDIAN),
            self.caller.clock.now(),
        )
        .await;
    }

    async fn lease(&self, athlete: AthleteId, generation: Generation) -> Lease {
        testkit::eventually(PATIENCE, "a lease is given", async || {
            self.caller.lease(athlete, generation, Purpose::Live).await
        })
        .await
    }

    async fn end(mut self) {
        self.stop().await;
        self.caller.sim.stop().await;
    }
}

async fn open(folder: &Path, caller: &Caller) -> event_bus::Bus {
    built_in(folder, caller.clock.clone()).await
}

/// Goes through Strava's page and comes back to a service that dies on the way.
async fn connect_in_vain(mortal: &mut Mortal, athlete: AthleteId) {
    mortal.start(true).await;
    let back = mortal.caller.consent(athlete, GUARDIAN, "?write=1").await;
    assert!(mortal.caller.http.get(back.clone()).send().await.is_err(), "nobody answers");
    mortal.dies_and_comes_back().await;
    let again = format!("{}{}?{}", mortal.caller.base, back.path(), back.query().unwrap());
    let again = url::Url::parse(&again).unwrap();
    assert_eq!(mortal.caller.come_back(again).await.ending(), "strava=error&reason=state");
}

/// Connects, lets the token grow old, and asks for a lease of a service that dies on the way.
async fn refresh_in_vain(mortal: &mut Mortal, athlete: AthleteId) -> Generation {
    let generation = mortal.caller.connect(athlete, GUARDIAN).await;
    mortal.caller.later(Duration::from_hours(7)).await;
    mortal.start(true).await;
    let nobody = mortal.caller.lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert!(matches!(nobody, LeaseError::Unavailable(_)), "{nobody:?}");
    mortal.dies_and_comes_back().await;
    generation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_that_dies_before_or_after_the_exchange_is_begun_anew() {
    for failpoint in ["token.state-taken", "token.code-exchanged"] {
        let mut mortal = Mortal::new(failpoint).await;
        let athlete = new_athlete();
        connect_in_vain(&mut mortal, athlete).await;
        assert!(mortal.caller.connection(athlete).await.is_null());
        let generation = mortal.caller.connect(athlete, GUARDIAN).await;
        mortal.lease(athlete, generation).await;
        mortal.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_that_dies_once_it_is_stored_is_told_all_the_same() {
    let mut mortal = Mortal::new("token.connected").await;
    let athlete = new_athlete();
    connect_in_vain(&mut mortal, athlete).await;
    let generation = mortal.caller.generation(athlete).await;
    let lease = mortal.lease(athlete, generation).await;
    assert!(mortal.caller.strava.get_athlete(&lease.access_token).await.is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let revisions: BTreeSet<i64> =
        mortal.told_so_far().await.into_iter().map(|(revision, _)| revision).collect();
    assert_eq!(revisions.len(), 1);
    mortal.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_dies_before_strava_answers_or_after_the_store_is_healed() {
    for failpoint in ["token.refresh-intended", "token.refresh-stored"] {
        let mut mortal = Mortal::new(failpoint).await;
        let athlete = new_athlete();
        let generation = refresh_in_vain(&mut mortal, athlete).await;
        let lease = mortal.lease(athlete, generation).await;
        assert!(mortal.caller.strava.get_athlete(&lease.access_token).await.is_ok(), "{failpoint}");
        assert_eq!(mortal.caller.counted("/refreshes").await, 1, "{failpoint}");
        mortal.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_dies_between_stravas_answer_and_the_store_ends_in_reconnect_needed_with_its_reason()
 {
    let mut mortal = Mortal::new("token.refresh-answered").await;
    let athlete = new_athlete();
    let generation = refresh_in_vain(&mut mortal, athlete).await;
    testkit::eventually(PATIENCE, "it is known to be lost", async || {
        match mortal.caller.lease(athlete, generation, Purpose::Live).await {
            Err(LeaseError::Denied(DenialReason::ReconnectNeeded)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    mortal.caller.until(athlete, "reconnect-needed", "refresh-lost").await;
    mortal.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_and_a_report_that_die_on_the_way_cost_no_more_than_they_allowed() {
    for failpoint in ["token.lease-granted", "token.report-counted"] {
        let mut mortal = Mortal::new(failpoint).await;
        let athlete = new_athlete();
        let generation = mortal.caller.connect(athlete, GUARDIAN).await;
        mortal.start(true).await;
        let wanted = crate::world::request(athlete, generation, Purpose::Live, "one");
        if failpoint == "token.lease-granted" {
            assert!(mortal.caller.leases.request_lease(&wanted).await.is_err());
            mortal.dies_and_comes_back().await;
            mortal.caller.leases.request_lease(&wanted).await.unwrap();
        } else {
            let lease = mortal.caller.leases.request_lease(&wanted).await.unwrap();
            let report =
                strava_client::lease::Report { reads: 1, status: Some(200), ..Default::default() };
            assert!(mortal.caller.leases.report_usage(lease.id, &report).await.is_err());
            mortal.dies_and_comes_back().await;
            mortal.caller.leases.report_usage(lease.id, &report).await.unwrap();
        }
        let mut more = 0;
        while mortal.caller.lease(athlete, generation, Purpose::Login).await.is_ok() {
            more += 1;
        }
        assert_eq!(more, 99, "{failpoint}: one of a hundred was used");
        mortal.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_dies_on_the_way_is_settled_once() {
    for failpoint in ["token.hint-noted", "token.connection-ended"] {
        let mut mortal = Mortal::new(failpoint).await;
        let athlete = new_athlete();
        mortal.caller.connect(athlete, GUARDIAN).await;
        mortal.caller.sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1})).await;
        mortal.hint_of_withdrawal().await;
        mortal.start(true).await;
        mortal.dies_and_comes_back().await;
        mortal.caller.until(athlete, "disconnected", "withdrawn").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let told: BTreeSet<(i64, String)> = mortal.told_so_far().await.into_iter().collect();
        let reasons: Vec<&str> = told.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(reasons, ["", "withdrawn"], "{failpoint}");
        mortal.end().await;
    }
}

#[test]
fn every_failpoint_of_the_service_has_a_test_here() {
    let here = include_str!("crashing.rs");
    for name in token::FAILPOINTS.iter().chain(token::CONNECTION_FAILPOINTS) {
        assert!(here.contains(&format!("\"{name}\"")), "{name}");
    }
}
