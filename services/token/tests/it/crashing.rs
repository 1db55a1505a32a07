//! The process dies between two steps of a connection's life, is started again, and nothing is
//! lost or done twice. The service runs in a process of its own: this very binary, configured by an environment variable.

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

use crate::test_app::{
    GUARDIAN, StartOptions, TestClient, new_athlete, open_bus, publish_event,
    published_connections, start_service, withdrawal_hint,
};

/// Environment variable with the child's configuration.
const CHILD_CONFIG: &str = "PACELINE_TOKEN_CRASH_TEST";
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
struct ChildConfig {
    folder: PathBuf,
    strava: String,
    offset_s: i64,
    failpoint: String,
    key_set: String,
}

impl ChildConfig {
    fn database(&self) -> outbox::Target {
        outbox::Target::Sqlite { file: self.folder.join("token.db") }
    }

    fn marker(&self) -> PathBuf {
        self.folder.join("fired")
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other half of the tests below: it runs in a process of its own, which they kill"]
async fn a_service_that_dies_at_a_failpoint() {
    #[expect(clippy::disallowed_methods, reason = "a test tells its own child this way")]
    let config = std::env::var(CHILD_CONFIG).unwrap();
    let config: ChildConfig = serde_json::from_str(&config).unwrap();
    let clock = Arc::new(SystemClock::with_offset(config.offset_s));
    let options = StartOptions {
        key_set: config.key_set.clone(),
        failpoints: Failpoints::armed(&config.failpoint, config.marker()),
        ..StartOptions::default()
    };
    let running =
        start_service(config.database(), &config.folder, &config.strava, clock, options).await;
    let mut out = std::io::stdout();
    let ready = json!({"base": running.base, "internal": running.internal});
    std::io::Write::write_all(&mut out, format!("\n{ready}\n").as_bytes()).unwrap();
    running.tasks.soft().stopped().await;
}

/// A service in another process, and the failpoint it dies at.
struct ChildService {
    client: TestClient,
    failpoint: &'static str,
    folder: tempfile::TempDir,
    process: Option<Process>,
}

impl ChildService {
    /// Starts one that does not die yet.
    async fn new(failpoint: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = TestClient::new().await;
        let mut service = Self { client, failpoint, folder, process: None };
        service.start(false).await;
        service
    }

    fn config(&self, may_die: bool) -> ChildConfig {
        ChildConfig {
            folder: self.folder.path().to_owned(),
            strava: self.client.sim.url(),
            offset_s: self.client.offset_s.load(Ordering::SeqCst),
            key_set: StartOptions::default().key_set,
            failpoint: if may_die { self.failpoint.to_owned() } else { String::new() },
        }
    }

    /// Starts it (again); from now on it may die at its failpoint.
    async fn start(&mut self, may_die: bool) {
        self.stop().await;
        let config = serde_json::to_string(&self.config(may_die)).unwrap();
        let name = "crashing::a_service_that_dies_at_a_failpoint";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--ignored", "--nocapture"]).env(CHILD_CONFIG, config);
        let mut process = Process::spawn(command);
        let ready: Value = process.wait_until_ready(WAIT_TIMEOUT).await;
        self.client
            .set_addresses(ready["base"].as_str().unwrap(), ready["internal"].as_str().unwrap());
        self.process = Some(process);
    }

    async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Waits until it has died at its failpoint, and starts it again.
    async fn wait_for_death_and_restart(&mut self) {
        let ended = self.process.take().unwrap().wait_for_exit(WAIT_TIMEOUT).await;
        assert!(!ended.success());
        let fired = std::fs::read_to_string(self.config(true).marker());
        assert_eq!(fired.unwrap(), self.failpoint, "it died there and nowhere else");
        self.start(true).await;
    }

    /// Revisions and reasons of the published connections; stops the process, for only one may
    /// have the log open.
    async fn stop_and_read_log(&mut self) -> Vec<(i64, String)> {
        self.stop().await;
        let bus = open_log(self.folder.path(), &self.client).await;
        published_connections(&bus)
            .await
            .into_iter()
            .map(|(_, revision, connection)| (revision, connection.reason))
            .collect()
    }

    /// Publishes a hint of the webhook that the athlete withdrew access, while the process is away.
    async fn publish_withdrawal_hint(&mut self) {
        self.stop().await;
        let bus = open_log(self.folder.path(), &self.client).await;
        publish_event(
            &bus,
            contracts::Topic::StravaEvents,
            withdrawal_hint(GUARDIAN),
            self.client.clock.now(),
        )
        .await;
    }

    async fn wait_for_lease(&self, athlete: AthleteId, generation: Generation) -> Lease {
        testkit::eventually(WAIT_TIMEOUT, "a lease is given", async || {
            self.client.request_lease(athlete, generation, Purpose::Live).await
        })
        .await
    }

    async fn shut_down(mut self) {
        self.stop().await;
        self.client.sim.stop().await;
    }
}

async fn open_log(folder: &Path, client: &TestClient) -> event_bus::Bus {
    open_bus(folder, client.clock.clone()).await
}

/// Goes through Strava's page and comes back to a service that dies on the way.
async fn connect_and_die(service: &mut ChildService, athlete: AthleteId) {
    service.start(true).await;
    let back = service.client.give_consent(athlete, GUARDIAN, "?write=1").await;
    assert!(service.client.http.get(back.clone()).send().await.is_err(), "nobody answers");
    service.wait_for_death_and_restart().await;
    let again = format!("{}{}?{}", service.client.base, back.path(), back.query().unwrap());
    let again = url::Url::parse(&again).unwrap();
    assert_eq!(service.client.follow_redirect(again).await.outcome(), "strava=error&reason=state");
}

/// Connects, lets the token grow old, and asks for a lease of a service that dies on the way.
async fn refresh_and_die(service: &mut ChildService, athlete: AthleteId) -> Generation {
    let generation = service.client.connect(athlete, GUARDIAN).await;
    service.client.advance_clocks(Duration::from_hours(7)).await;
    service.start(true).await;
    let nobody =
        service.client.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert!(matches!(nobody, LeaseError::Unavailable(_)), "{nobody:?}");
    service.wait_for_death_and_restart().await;
    generation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_that_dies_before_or_after_the_exchange_is_begun_anew() {
    for failpoint in ["token.state-taken", "token.code-exchanged"] {
        let mut service = ChildService::new(failpoint).await;
        let athlete = new_athlete();
        connect_and_die(&mut service, athlete).await;
        assert!(service.client.fetch_connection(athlete).await.is_null());
        let generation = service.client.connect(athlete, GUARDIAN).await;
        service.wait_for_lease(athlete, generation).await;
        service.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_that_dies_once_it_is_stored_is_published_all_the_same() {
    let mut service = ChildService::new("token.connected").await;
    let athlete = new_athlete();
    connect_and_die(&mut service, athlete).await;
    let generation = service.client.fetch_generation(athlete).await;
    let lease = service.wait_for_lease(athlete, generation).await;
    assert!(service.client.strava.get_athlete(&lease.access_token).await.is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let revisions: BTreeSet<i64> =
        service.stop_and_read_log().await.into_iter().map(|(revision, _)| revision).collect();
    assert_eq!(revisions.len(), 1);
    service.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_dies_before_the_answer_or_after_the_store_is_healed() {
    for failpoint in ["token.refresh-intended", "token.refresh-stored"] {
        let mut service = ChildService::new(failpoint).await;
        let athlete = new_athlete();
        let generation = refresh_and_die(&mut service, athlete).await;
        let lease = service.wait_for_lease(athlete, generation).await;
        assert!(
            service.client.strava.get_athlete(&lease.access_token).await.is_ok(),
            "{failpoint}"
        );
        assert_eq!(service.client.sim_counter("/refreshes").await, 1, "{failpoint}");
        service.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_dies_with_stravas_answer_ends_in_reconnect_needed() {
    let mut service = ChildService::new("token.refresh-answered").await;
    let athlete = new_athlete();
    let generation = refresh_and_die(&mut service, athlete).await;
    testkit::eventually(WAIT_TIMEOUT, "it is known to be lost", async || {
        match service.client.request_lease(athlete, generation, Purpose::Live).await {
            Err(LeaseError::Denied(DenialReason::ReconnectNeeded)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    service.client.wait_for_state(athlete, "reconnect-needed", "refresh-lost").await;
    service.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_or_report_that_dies_costs_no_more_than_it_allowed() {
    for failpoint in ["token.lease-granted", "token.report-counted"] {
        let mut service = ChildService::new(failpoint).await;
        let athlete = new_athlete();
        let generation = service.client.connect(athlete, GUARDIAN).await;
        service.start(true).await;
        let wanted = crate::test_app::lease_request(athlete, generation, Purpose::Live, "one");
        if failpoint == "token.lease-granted" {
            assert!(service.client.leases.request_lease(&wanted).await.is_err());
            service.wait_for_death_and_restart().await;
            service.client.leases.request_lease(&wanted).await.unwrap();
        } else {
            let lease = service.client.leases.request_lease(&wanted).await.unwrap();
            let report =
                strava_client::lease::Report { reads: 1, status: Some(200), ..Default::default() };
            assert!(service.client.leases.report_usage(lease.id, &report).await.is_err());
            service.wait_for_death_and_restart().await;
            service.client.leases.report_usage(lease.id, &report).await.unwrap();
        }
        let mut more = 0;
        while service.client.request_lease(athlete, generation, Purpose::Login).await.is_ok() {
            more += 1;
        }
        assert_eq!(more, 99, "{failpoint}: one of a hundred was used");
        service.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_dies_on_the_way_is_settled_once() {
    for failpoint in ["token.hint-noted", "token.connection-ended"] {
        let mut service = ChildService::new(failpoint).await;
        let athlete = new_athlete();
        service.client.connect(athlete, GUARDIAN).await;
        service
            .client
            .control_sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1}))
            .await;
        service.publish_withdrawal_hint().await;
        service.start(true).await;
        service.wait_for_death_and_restart().await;
        service.client.wait_for_state(athlete, "disconnected", "withdrawn").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let published: BTreeSet<(i64, String)> =
            service.stop_and_read_log().await.into_iter().collect();
        let reasons: Vec<&str> = published.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(reasons, ["", "withdrawn"], "{failpoint}");
        service.shut_down().await;
    }
}

#[test]
fn every_failpoint_of_the_service_has_a_test_here() {
    let here = include_str!("crashing.rs");
    for name in token::FAILPOINTS.iter().chain(token::CONNECTION_FAILPOINTS) {
        assert!(here.contains(&format!("\"{name}\"")), "{name}");
    }
}
