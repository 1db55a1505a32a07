//! A running program with a simulated Strava in front of it and people who use both.

pub(crate) mod issuer;
mod person;
mod place;
mod tap;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, Consent, GUARDIAN_ID, Limits, Options, Simulator};
use testkit::{Process, eventually};

pub(crate) use person::Person;
pub(crate) use place::{Databases, Topics, envelopes};
pub(crate) use tap::Tap;

/// How long anything may take; what goes well takes far less.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);
/// The key of `POST /strava/refresh-data`.
pub(crate) const API_KEY: &str = "refresh-key";
/// Where the sums of everything are told.
pub(crate) const EVERYTHING: &str = "/v1/me/stats/summary?from=2000-01-01&to=2100-01-01&group=year";

/// What a world is made of; the defaults are the built-in log, SQLite and two athletes with little history.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) athletes: u32,
    /// So many activities has the last athlete.
    pub(crate) history: u32,
    /// Further settings, as variables.
    pub(crate) settings: Vec<(String, String)>,
    /// Whether Strava is told where we are.
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

/// The simulated Strava, the program's place on this machine, and the program when it runs.
pub(crate) struct World {
    pub(crate) http: Client,
    /// The program's public address; the same after every start.
    pub(crate) base: String,
    /// The operations port of the latest start.
    pub(crate) ops: String,
    pub(crate) settings: Vec<(String, String)>,
    /// Seconds by which the program's and the simulator's clocks are ahead.
    pub(crate) ahead_s: i64,
    /// The address under which the program finds Strava.
    pub(crate) strava: String,
    sim: Simulator,
    folder: tempfile::TempDir,
    listen: String,
    reachable: bool,
    program: Option<Process>,
    /// What earlier processes wrote.
    told: String,
}

impl World {
    /// A world whose program does not run yet.
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
            ahead_s: 0,
            strava: sim.url(),
            sim,
            folder: tempfile::Builder::new().prefix("paceline-e2e-").tempdir().unwrap(),
            listen,
            reachable: setup.reachable,
            program: None,
            told: String::new(),
        }
    }

    /// A running world.
    pub(crate) async fn start(setup: Setup) -> Self {
        let mut world = Self::new(setup).await;
        world.up(&[]).await;
        world
    }

    /// Starts the program and waits until it is ready and Strava knows where it is.
    pub(crate) async fn up(&mut self, more: &[(&str, &str)]) {
        self.spawn(more);
        let ready = self.program().wait_until_ready(PATIENCE).await;
        ready["ops_url"].as_str().unwrap().clone_into(&mut self.ops);
        self.set_clock().await;
        if self.reachable {
            eventually(PATIENCE, "Strava knows where we are", async || {
                let all = self.sim_get("webhooks/subscriptions").await;
                let ours = all.as_array().unwrap().iter().any(|one| self.leads_here(one));
                if ours { Ok(()) } else { Err(all) }
            })
            .await;
        }
    }

    fn leads_here(&self, subscription: &Value) -> bool {
        subscription["callback_url"].as_str().is_some_and(|url| url.starts_with(&self.base))
    }

    /// Starts the program without waiting for anything.
    pub(crate) fn spawn(&mut self, more: &[(&str, &str)]) {
        assert!(self.program.is_none(), "it runs already");
        self.program = Some(self.run_beside("up", &[], more));
    }

    /// The simulator's clock shows what the program's does.
    pub(crate) async fn set_clock(&self) {
        self.sim_post("clock", &json!({"offset_s": self.ahead_s})).await;
    }

    /// Starts another process of the program on the same place: a command, its flags, and then these words.
    pub(crate) fn run_beside(
        &self,
        command: &str,
        then: &[&str],
        more: &[(&str, &str)],
    ) -> Process {
        let data = self.data();
        let ahead = self.ahead_s.to_string();
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
        self.told += &program.output();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn stop(&mut self) {
        let mut program = self.program.take().unwrap();
        program.terminate().await;
        let status = program.wait_for_exit(PATIENCE).await;
        self.told += &program.output();
        assert!(status.success(), "it stopped with {status}; it wrote:\n{}", self.told);
    }

    /// Waits until the process has died by itself.
    pub(crate) async fn died(&mut self) {
        let mut program = self.program.take().unwrap();
        let status = program.wait_for_exit(PATIENCE).await;
        self.told += &program.output();
        assert!(!status.success(), "it should have died");
    }

    /// Both clocks go ahead: leases of dead processes run out, and what waits is due. Between two lives only.
    pub(crate) fn later(&mut self, seconds: i64) {
        assert!(self.program.is_none(), "a running program's clock cannot be moved");
        self.ahead_s += seconds;
    }

    /// Everything all processes wrote.
    pub(crate) fn output(&self) -> String {
        let now = self.program.as_ref().map(Process::output).unwrap_or_default();
        format!("{}{now}", self.told)
    }

    /// What the running process wrote.
    pub(crate) fn output_now(&self) -> String {
        self.program.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Where the program's data lies.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file of the test's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An account for one of Strava's athletes, signed in.
    pub(crate) async fn person(&self, name: &str, strava: i64) -> Person {
        let email = format!("{}@example.org", name.to_lowercase());
        let mut adding = self.run_beside("users", &["add", &email], &[]);
        let status = adding.wait_for_exit(PATIENCE).await;
        assert!(status.success(), "{}", adding.output());
        let told = eventually(PATIENCE, "the password is shown", async || {
            let told = adding.output();
            let at = told.find("password: ").map(|at| at + "password: ".len());
            at.and_then(|at| told[at..].split_whitespace().next().map(str::to_owned)).ok_or(told)
        })
        .await;
        Person::sign_in(self, name, strava, (&email, &told)).await
    }

    /// Guardian and child with their accounts, connected, their histories counted.
    pub(crate) async fn family(&self) -> [Person; 2] {
        let (guardian, child) =
            tokio::join!(self.person("Ana", GUARDIAN_ID), self.person("Milla", CHILD_ID));
        for person in [&guardian, &child] {
            person.connect(self).await;
        }
        for person in [&guardian, &child] {
            person.counts_the_truth(self).await;
        }
        [guardian, child]
    }

    /// Guardian and child, connected and agreed to copies.
    pub(crate) async fn linked_family(&self) -> [Person; 2] {
        let [guardian, child] = self.family().await;
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
    pub(crate) fn sim_address(&self) -> std::net::SocketAddr {
        self.sim.address
    }

    /// What athletes of Strava have there, without what was deleted.
    pub(crate) async fn truth(&self, strava: i64) -> Vec<Value> {
        let all = self.sim_get(&format!("athletes/{strava}/activities")).await;
        let all = all.as_array().unwrap().iter();
        all.filter(|activity| activity["deleted"] != true).cloned().collect()
    }

    /// Somebody finishes a short run of this name now; Strava's webhook tells us.
    pub(crate) async fn record(&self, strava: i64, name: &str) -> i64 {
        self.record_as(strava, name, &json!({})).await
    }

    /// The same, beginning so many seconds from now.
    pub(crate) async fn record_at(&self, strava: i64, name: &str, seconds: i64) -> i64 {
        let now = self.sim_get("clock").await["now_s"].as_i64().unwrap();
        let start = kernel::Timestamp::from_secs(now + 1 + seconds).to_rfc3339();
        self.record_as(strava, name, &json!({"start_date": start})).await
    }

    /// The same with more to say about it.
    pub(crate) async fn record_as(&self, strava: i64, name: &str, more: &Value) -> i64 {
        let now = self.sim_get("clock").await["now_s"].as_i64().unwrap();
        let start = kernel::Timestamp::from_secs(now + 1).to_rfc3339();
        let mut activity = json!({"athlete": strava, "name": name, "start_date": start, "distance": 1000.0, "moving_time": 300});
        for (key, value) in more.as_object().unwrap() {
            activity[key] = value.clone();
        }
        self.sim_post("activities", &activity).await["id"].as_i64().unwrap()
    }

    /// The copies in an athlete's account, by title.
    pub(crate) async fn copies(&self, strava: i64) -> Vec<String> {
        let all = self.truth(strava).await;
        let copies = all.iter().filter(|activity| {
            activity["external_id"].as_str().is_some_and(|id| id.starts_with("paceline-"))
        });
        let mut names: Vec<_> =
            copies.map(|copy| copy["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// Waits until the copies in the account are exactly these.
    pub(crate) async fn has_copies(&self, strava: i64, names: &[String]) {
        let mut wanted = names.to_vec();
        wanted.sort();
        eventually(PATIENCE, "the copies are there, each once", async || {
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

    /// Waits until nothing waits anywhere: every account in the simulator and in the program agree.
    pub(crate) async fn agree(&self, people: &[&Person]) {
        for person in people {
            person.counts_the_truth(self).await;
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
