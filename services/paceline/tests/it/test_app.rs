//! The program as a process, next to a simulated Strava, and users of both.

mod accounts;
pub(crate) mod issuer;
mod servers;
mod tcp_proxy;
mod test_user;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, Consent, GUARDIAN_ID, Limits, Options, Simulator};
use testkit::{Process, eventually};

pub(crate) use servers::{Databases, Topics, envelopes};
pub(crate) use tcp_proxy::TcpProxy;
pub(crate) use test_user::TestUser;

/// Time limit of every wait; a successful one takes far less.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(3);
/// The key of `POST /strava/refresh-data`.
pub(crate) const API_KEY: &str = "refresh-key";
/// Path of the summary of all time.
pub(crate) const ALL_TIME_SUMMARY: &str =
    "/v1/me/stats/summary?from=2000-01-01&to=2100-01-01&group=year";

/// Options of a test app; the defaults are the built-in log, SQLite and two athletes with little history.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) athletes: u32,
    /// Number of activities of the last athlete.
    pub(crate) history: u32,
    /// Further settings, as variables.
    pub(crate) settings: Vec<(String, String)>,
    /// True: the program has a public address, so that Strava calls its webhook.
    pub(crate) reachable: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { athletes: 2, history: 5, settings: Vec::new(), reachable: true }
    }
}

impl Setup {
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn history(mut self, count: u32) -> Self {
        self.history = count;
        self
    }

    pub(crate) fn on(self, topics: &Topics) -> Self {
        self.set("PACELINE_KAFKA__BROKERS", &topics.brokers)
            .set("PACELINE_KAFKA__PREFIX", &topics.prefix)
    }
}

/// The simulated Strava, the program's data and addresses, and the program while it runs.
pub(crate) struct TestApp {
    pub(crate) http: Client,
    /// The program's public address; the same after every start.
    pub(crate) base: String,
    /// The operations port of the latest start.
    pub(crate) ops: String,
    pub(crate) settings: Vec<(String, String)>,
    /// Offset of the program's and the simulator's clocks, in seconds.
    pub(crate) clock_offset_s: i64,
    /// Strava's address for the program.
    pub(crate) strava: String,
    sim: Simulator,
    folder: tempfile::TempDir,
    listen: String,
    reachable: bool,
    program: Option<Process>,
    /// Output of earlier processes.
    output: String,
}

impl TestApp {
    /// An app whose program does not run yet.
    pub(crate) async fn new(setup: Setup) -> Self {
        let options = Options {
            instant: true,
            consent: Consent::Grant,
            limits: Limits::unlimited(),
            athletes: setup.athletes,
            years: 1,
            history: Some(setup.history),
            ..Options::default()
        };
        let sim = Simulator::start(options).await.unwrap();
        let listen = format!("127.0.0.1:{}", free_port());
        Self {
            http: telemetry::http_client(Duration::from_secs(30)).unwrap(),
            base: format!("http://{listen}"),
            ops: String::new(),
            settings: setup.settings,
            clock_offset_s: 0,
            strava: sim.url(),
            sim,
            folder: tempfile::Builder::new().prefix("paceline-e2e-").tempdir().unwrap(),
            listen,
            reachable: setup.reachable,
            program: None,
            output: String::new(),
        }
    }

    /// A running app.
    pub(crate) async fn start(setup: Setup) -> Self {
        let mut app = Self::new(setup).await;
        app.up(&[]).await;
        app
    }

    /// Starts the program and waits until it is ready and Strava knows where it is.
    pub(crate) async fn up(&mut self, more: &[(&str, &str)]) {
        self.spawn(more);
        let ready = self.program().wait_until_ready(TIMEOUT).await;
        ready["ops_url"].as_str().unwrap().clone_into(&mut self.ops);
        self.set_simulator_clock().await;
        if self.reachable {
            eventually(TIMEOUT, "Strava knows where we are", async || {
                let all = self.sim_get("webhooks/subscriptions").await;
                let ours = all.as_array().unwrap().iter().any(|one| self.is_ours(one));
                if ours { Ok(()) } else { Err(all) }
            })
            .await;
        }
    }

    fn is_ours(&self, subscription: &Value) -> bool {
        subscription["callback_url"].as_str().is_some_and(|url| url.starts_with(&self.base))
    }

    /// Starts the program without waiting for anything.
    pub(crate) fn spawn(&mut self, more: &[(&str, &str)]) {
        assert!(self.program.is_none(), "it runs already");
        self.program = Some(self.spawn_process("up", &[], more));
    }

    /// Sets the simulator's clock to the program's offset.
    pub(crate) async fn set_simulator_clock(&self) {
        self.sim_post("clock", &json!({"offset_s": self.clock_offset_s})).await;
    }

    /// Starts another process of the program on the same data: a command, its flags, and further arguments.
    pub(crate) fn spawn_process(
        &self,
        command: &str,
        then: &[&str],
        more: &[(&str, &str)],
    ) -> Process {
        self.spawn_process_on(&self.data(), (command, then), more)
    }

    /// The same on another data directory.
    pub(crate) fn spawn_process_on(
        &self,
        data: &Path,
        (command, then): (&str, &[&str]),
        more: &[(&str, &str)],
    ) -> Process {
        let ahead = self.clock_offset_s.to_string();
        let public = format!("{}/", self.base);
        let strava = format!("{}/", self.strava);
        let mut words = vec![command];
        words.extend(["--listen", &self.listen, "--ops-listen", "127.0.0.1:0"]);
        words.extend(["--data-dir", data.to_str().unwrap(), "--strava-url", &strava]);
        words.extend(["--clock-offset", &ahead]);
        if self.reachable {
            words.extend(["--public-url", &public]);
        }
        words.extend(then);
        let common = [
            ("PACELINE_STRAVA__CLIENT_ID", "1"),
            ("PACELINE_STRAVA__CLIENT_SECRET", "sim-secret"),
            ("PACELINE_INGEST__REFRESH_API_KEY", API_KEY),
            ("PACELINE_IDENTITY__SESSION_S", "86400"),
            ("PACELINE_STATS__WATCH_S", "1"),
        ];
        let own = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let variables = common.into_iter().chain(own).chain(more.iter().copied());
        Process::start(env!("CARGO_BIN_EXE_paceline"), words, variables)
    }

    /// The running process.
    pub(crate) fn program(&mut self) -> &mut Process {
        self.program.as_mut().unwrap()
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) {
        let mut program = self.program.take().unwrap();
        program.kill().await;
        self.output += &program.output();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn stop(&mut self) {
        let mut program = self.program.take().unwrap();
        program.terminate().await;
        let status = program.wait_for_exit(TIMEOUT).await;
        self.output += &program.output();
        assert!(status.success(), "it stopped with {status}; it wrote:\n{}", self.output);
    }

    /// Waits until the process has crashed.
    pub(crate) async fn wait_for_crash(&mut self) {
        let mut program = self.program.take().unwrap();
        let status = program.wait_for_exit(TIMEOUT).await;
        self.output += &program.output();
        assert!(!status.success(), "it should have died");
    }

    /// Advances both clocks: leases of dead processes expire, and waiting jobs are due. The program must not run.
    pub(crate) fn advance_clocks(&mut self, seconds: i64) {
        assert!(self.program.is_none(), "a running program's clock cannot be moved");
        self.clock_offset_s += seconds;
    }

    /// Output of all processes.
    pub(crate) fn output(&self) -> String {
        let now = self.program.as_ref().map(Process::output).unwrap_or_default();
        format!("{}{now}", self.output)
    }

    /// Output of the running process.
    pub(crate) fn output_now(&self) -> String {
        self.program.as_ref().map(Process::output).unwrap_or_default()
    }

    /// The program's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file of the test's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Guardian and child with their accounts, connected, their histories counted.
    pub(crate) async fn guardian_and_child(&self) -> [TestUser; 2] {
        let (guardian, child) =
            tokio::join!(self.user("Ana", GUARDIAN_ID), self.user("Milla", CHILD_ID));
        for user in [&guardian, &child] {
            user.connect(self).await;
        }
        for user in [&guardian, &child] {
            user.assert_totals_match(self).await;
        }
        [guardian, child]
    }

    /// Guardian and child, connected and agreed to copies.
    pub(crate) async fn linked_guardian_and_child(&self) -> [TestUser; 2] {
        let [guardian, child] = self.guardian_and_child().await;
        guardian.links(&child).await;
        [guardian, child]
    }

    pub(crate) async fn sim_get(&self, path: &str) -> Value {
        let response = self.http.get(self.admin(path)).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.unwrap()
    }

    pub(crate) async fn sim_post(&self, path: &str, body: &Value) -> Value {
        let response = self.http.post(self.admin(path)).json(body).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) async fn sim_edit(&self, activity: i64, body: &Value) {
        let address = self.admin(&format!("activities/{activity}"));
        assert!(self.http.put(address).json(body).send().await.unwrap().status().is_success());
    }

    pub(crate) async fn sim_delete(&self, activity: i64) {
        let address = self.admin(&format!("activities/{activity}"));
        assert!(self.http.delete(address).send().await.unwrap().status().is_success());
    }

    fn admin(&self, path: &str) -> String {
        format!("{}/_sim/{path}", self.sim.url())
    }

    /// The simulator's own address.
    pub(crate) fn simulator_address(&self) -> std::net::SocketAddr {
        self.sim.address
    }

    /// An athlete's activities at Strava, without deleted ones.
    pub(crate) async fn strava_activities(&self, strava: i64) -> Vec<Value> {
        let all = self.sim_get(&format!("athletes/{strava}/activities")).await;
        let all = all.as_array().unwrap().iter();
        all.filter(|activity| activity["deleted"] != true).cloned().collect()
    }

    /// Records a short run of this name; the webhook reports it.
    pub(crate) async fn record(&self, strava: i64, name: &str) -> i64 {
        self.record_as(strava, name, &json!({})).await
    }

    /// Records a short run that starts `seconds` from now.
    pub(crate) async fn record_at(&self, strava: i64, name: &str, seconds: i64) -> i64 {
        let now = self.sim_get("clock").await["now_s"].as_i64().unwrap();
        let start = kernel::Timestamp::from_secs(now + 1 + seconds).to_rfc3339();
        self.record_as(strava, name, &json!({"start_date": start})).await
    }

    /// Records a short run with further fields.
    pub(crate) async fn record_as(&self, strava: i64, name: &str, more: &Value) -> i64 {
        let now = self.sim_get("clock").await["now_s"].as_i64().unwrap();
        let start = kernel::Timestamp::from_secs(now + 1).to_rfc3339();
        let mut activity = json!({"athlete": strava, "name": name, "start_date": start, "distance": 1000.0, "moving_time": 300});
        for (key, value) in more.as_object().unwrap() {
            activity[key] = value.clone();
        }
        self.sim_post("activities", &activity).await["id"].as_i64().unwrap()
    }

    /// Lets Strava send a webhook about a new activity; answers with our statuses.
    pub(crate) async fn hint(&self, strava: i64, activity: i64) -> Vec<i64> {
        let event = json!({
            "object_type": "activity", "object_id": activity, "aspect_type": "create",
            "owner_id": strava, "updates": {},
        });
        let answer = self.sim_post("webhooks/forge", &json!({"event": event})).await;
        let statuses = answer["statuses"].as_array().unwrap().iter();
        statuses.map(|status| status.as_i64().unwrap()).collect()
    }

    /// The copies in an athlete's account, by title.
    pub(crate) async fn copies(&self, strava: i64) -> Vec<String> {
        let all = self.strava_activities(strava).await;
        let copies = all.iter().filter(|activity| {
            activity["external_id"].as_str().is_some_and(|id| id.starts_with("paceline-"))
        });
        let mut names: Vec<_> =
            copies.map(|copy| copy["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// Waits until the copies in the account are exactly these.
    pub(crate) async fn assert_copies(&self, strava: i64, names: &[String]) {
        let mut wanted = names.to_vec();
        wanted.sort();
        eventually(TIMEOUT, "the copies are there, each once", async || {
            let copies = self.copies(strava).await;
            if copies == wanted { Ok(()) } else { Err(format!("{copies:?} instead of {wanted:?}")) }
        })
        .await;
    }

    /// The answer of the operations port's `/readyz`.
    pub(crate) async fn readiness(&self) -> (u16, Value) {
        let response = self.http.get(format!("{}/readyz", self.ops)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The operations port's `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        let response = self.http.get(format!("{}/metrics", self.ops)).send().await.unwrap();
        response.text().await.unwrap()
    }

    /// Waits until no record waits in an outbox or in the log.
    pub(crate) async fn wait_until_settled(&self) {
        eventually(TIMEOUT, "every record is settled", async || {
            let metrics = self.metrics().await;
            let waiting: Vec<String> = metrics
                .lines()
                .filter(|line| {
                    line.starts_with("bus_lag{") || line.starts_with("outbox_oldest_age_seconds{")
                })
                .filter(|line| !line.ends_with(" 0"))
                .map(str::to_owned)
                .collect();
            if waiting.is_empty() { Ok(()) } else { Err(waiting) }
        })
        .await;
    }

    /// Waits until the totals of each user match the simulator's activities.
    pub(crate) async fn assert_all_totals_match(&self, users: &[&TestUser]) {
        for user in users {
            user.assert_totals_match(self).await;
        }
    }
}

/// A port outside the range from which the system takes those of outgoing connections, so that nobody
/// takes it while the program is down.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + u16::try_from(std::process::id() % 97).unwrap() * 110;
    for _ in 0..5_000 {
        let port = base + NEXT.fetch_add(1, Ordering::Relaxed) % 1_200;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {base} on")
}
