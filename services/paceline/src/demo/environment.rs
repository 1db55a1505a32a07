//! The environment of the demo: a simulated Strava, Paceline in this process, and local accounts.

use lifecycle::StopSignals;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use identity::AddUser;
use indicatif::{ProgressBar, ProgressStyle};
use kernel::{Clock, Ids, SystemClock, SystemIds};
use secrecy::ExposeSecret;

use super::simulator::Simulator;
use super::user::{DemoAccount, DemoUser};
use crate::cli::{DemoArgs, RunOptions};
use crate::compose::{Addresses, Foundation, all, open_identity};
use crate::program::Program;
use crate::ready::Ready;
use crate::settings::{Settings, load_settings};

/// Simulator, program and accounts of the demo.
pub(super) struct DemoEnvironment {
    pub(super) simulator: Simulator,
    program: Program,
    accounts: Vec<DemoAccount>,
    http: reqwest::Client,
    uses_kafka: bool,
    _data: Option<tempfile::TempDir>,
}

impl DemoEnvironment {
    /// Starts the simulator, creates the accounts, starts Paceline.
    pub(super) async fn start(args: &DemoArgs) -> anyhow::Result<Self> {
        let http = telemetry::http_client(Duration::from_secs(30))?;
        let simulator = Simulator::start(args.simulator.as_deref(), http.clone()).await?;
        let (data, folder) = folder(args)?;
        let mut settings = settings(args, &simulator, folder)?;
        let accounts = accounts(&simulator, &settings).await?;
        settings.stats.published_athlete = accounts.first().map(|member| member.athlete);
        let program = Program::start(&settings, &all()).await?;
        crate::output::print_line(format!(
            "Paceline serves at {} on the {} log",
            program.ready.url, program.ready.log
        ));
        Ok(Self {
            simulator,
            program,
            accounts,
            http,
            uses_kafka: args.kafka.is_some(),
            _data: data,
        })
    }

    /// Signs in with every account.
    pub(super) async fn sign_in_users(&self) -> anyhow::Result<[DemoUser; 3]> {
        let mut users = Vec::new();
        for account in &self.accounts {
            users.push(DemoUser::sign_in(&self.http, &self.program.ready.url, account).await?);
        }
        <[DemoUser; 3]>::try_from(users).ok().context("the simulator has fewer than three athletes")
    }

    /// The program's ready message.
    pub(super) fn ready(&self) -> &Ready {
        &self.program.ready
    }

    /// Name, e-mail address and password of each account.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.accounts.iter().map(|account| {
            (account.name.as_str(), account.email.as_str(), account.password.as_str())
        })
    }

    /// Address of the simulator's consent page.
    pub(super) fn consent_page_url(&self) -> String {
        let mut page = format!(
            "{}/oauth/authorize?client_id=1&response_type=code&approval_prompt=force",
            self.simulator.url()
        );
        page.push_str("&scope=read,activity:read_all,activity:write&redirect_uri=");
        page.extend(url::form_urlencoded::byte_serialize(
            format!("{}/strava/callback", self.program.ready.url).as_bytes(),
        ));
        page
    }

    /// Fetches a predecessor's public route.
    pub(super) async fn public(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        Ok(self
            .http
            .get(format!("{}{path}", self.program.ready.url))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    /// Runs until a signal.
    pub(super) async fn run_until_stopped(self) -> anyhow::Result<ExitCode> {
        let signals = StopSignals::listen()?;
        let (bus, uses_kafka) = (self.program.bus.clone(), self.uses_kafka);
        let code = self.program.run(signals).await;
        if uses_kafka {
            bus.delete_topics().await;
        }
        Ok(code)
    }

    /// Stops everything.
    pub(super) async fn stop(self) {
        let (bus, uses_kafka) = (self.program.bus.clone(), self.uses_kafka);
        self.program.stop().await;
        if uses_kafka {
            bus.delete_topics().await;
        }
    }
}

fn folder(args: &DemoArgs) -> anyhow::Result<(Option<tempfile::TempDir>, PathBuf)> {
    match &args.data_dir {
        Some(given) => Ok((None, given.clone())),
        None => {
            let made = tempfile::Builder::new().prefix("paceline-demo-").tempdir()?;
            let path = made.path().to_owned();
            Ok((Some(made), path))
        }
    }
}

fn settings(args: &DemoArgs, simulator: &Simulator, data_dir: PathBuf) -> anyhow::Result<Settings> {
    // With --check nobody needs to know the address.
    let listen = if args.check { free_address()? } else { args.listen };
    let options = RunOptions {
        listen: Some(listen),
        ops_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        data_dir: Some(data_dir),
        public_url: Some(format!("http://{listen}/")),
        strava_url: Some(format!("{}/", simulator.url())),
        kafka: args.kafka.clone(),
        ..RunOptions::default()
    };
    let mut settings = load_settings(&options)?.settings;
    settings.strava.client_id = Some(1);
    settings.strava.client_secret = Some("sim-secret".into());
    if args.kafka.is_some() {
        // Topics of its own, removed at the end: the broker may serve others too.
        let mut random = [0; 4];
        SystemIds.fill(&mut random);
        settings.kafka.prefix = format!("demo-{:08x}.", u32::from_be_bytes(random));
    }
    Ok(settings)
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Adds an account for each of the simulator's athletes: guardian, child, a third.
async fn accounts(simulator: &Simulator, settings: &Settings) -> anyhow::Result<Vec<DemoAccount>> {
    let foundation = Foundation::build_unlocked(settings.clone())?;
    let nowhere = settings.strava.url.clone();
    let addresses = Addresses { public: nowhere.clone(), reachable: false, token: nowhere };
    let identity = open_identity(&foundation, &addresses).await?;
    let mut accounts = Vec::new();
    for athlete in simulator.athletes().await?.into_iter().take(3) {
        let strava = athlete["id"].as_i64().context("an athlete of the simulator has no id")?;
        let name = athlete["name"].as_str().and_then(|name| name.split_whitespace().next());
        let name = name.context("an athlete of the simulator has no name")?.to_owned();
        let email = format!("{}@demo.paceline.dev", name.to_lowercase());
        let command = AddUser { email, admin: accounts.is_empty(), password: None };
        let (account, password) = identity.add_user(command).await?;
        let password = password.expose_secret().to_owned();
        accounts.push(DemoAccount {
            name,
            strava,
            athlete: account.athlete,
            email: account.email,
            password,
        });
    }
    Ok(accounts)
}

/// The start date of an activity recorded now.
pub(super) fn now() -> String {
    SystemClock::new().now().plus(Duration::from_secs(1)).to_rfc3339()
}

/// A progress bar for one athlete's history.
pub(super) fn progress(name: &str, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) =
        ProgressStyle::with_template("{msg:<12} {wide_bar} {pos}/{len} activities, {eta} left")
    {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar
}
