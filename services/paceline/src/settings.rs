//! The program's settings: common sections and one for each service.

mod rules;

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use service_kit::Service;
use settings::{EffectiveSetting, Loader, SettingsError};
use url::Url;

use crate::run_options::RunOptions;

/// Every setting.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Listeners and public address.
    pub server: Server,
    /// Data directory.
    pub data: Data,
    /// The Strava application.
    pub strava: Strava,
    /// The log.
    pub kafka: Kafka,
    /// Databases.
    #[serde(default)]
    pub database: Database,
    /// Object store for streams.
    #[serde(default)]
    pub objects: Objects,
    /// Logging.
    pub log: Log,
    /// Export of traces.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// Token issuer.
    pub auth: Auth,
    /// Calls between services.
    #[serde(default)]
    pub internal: Internal,
    /// Clock.
    pub clock: Clock,
    /// Erasure of what athletes withdraw.
    #[serde(default)]
    pub erasure: Erasure,
    /// Failpoint, for tests.
    #[serde(default)]
    pub failpoint: Failpoint,
    /// Section of the token service.
    pub token: <token::Service as Service>::Settings,
    /// Section of the ingest service.
    pub ingest: <ingest::Service as Service>::Settings,
    /// Section of the stats service.
    pub stats: <stats::Service as Service>::Settings,
    /// Section of the duplication service.
    pub duplication: <duplication::Service as Service>::Settings,
    /// Section of the identity service.
    pub identity: <identity::Service as Service>::Settings,
}

/// Erasure of what athletes withdraw.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// The services whose answers complete an erasure; by default all of this installation.
    pub services: Option<Vec<String>>,
    /// The file in which every erasure is written down; `erasures.jsonl` in the data directory unless set. Keep it where
    /// a lost disk does not take it with the data: a restore erases again what stands in it.
    pub ledger: Option<PathBuf>,
}

/// Listeners and public address.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// Public listener.
    pub listen: SocketAddr,
    /// Operations listener: probes, metrics, internal calls.
    pub ops_listen: SocketAddr,
    /// Public address.
    pub public_url: Option<Url>,
    /// Page that a browser ends up on after connecting Strava.
    pub frontend_url: Option<Url>,
    /// Origins whose pages may call the API (CORS).
    #[serde(default, deserialize_with = "settings::deserialize_list")]
    pub origins: Vec<String>,
    /// Addresses and networks of proxies whose `X-Forwarded-For` is believed.
    #[serde(default, deserialize_with = "settings::deserialize_list")]
    pub trusted_proxies: Vec<String>,
    /// Threads of the public listener.
    pub workers: usize,
    /// Maximum number of open connections of the public listener.
    pub max_connections: usize,
}

/// Data directory.
#[derive(Clone, Debug, Deserialize)]
pub struct Data {
    /// The directory.
    pub dir: PathBuf,
}

/// The Strava application.
#[derive(Clone, Debug, Deserialize)]
pub struct Strava {
    /// Strava's address.
    pub url: Url,
    /// The application's id.
    pub client_id: Option<i64>,
    /// The application's secret.
    pub client_secret: Option<SecretString>,
    /// Number of athletes that Strava allows the application.
    pub athlete_limit: Option<i64>,
    /// Redirect URI of the OAuth authorization.
    pub redirect_uri: Option<Url>,
    /// Retention of data from the API: `keep` or a number of days.
    pub retention: String,
    /// Token that Strava repeats when it verifies the webhook.
    pub verify_token: Option<SecretString>,
    /// Key of webhook signatures.
    pub signature_key: Option<SecretString>,
}

impl Strava {
    /// The days after which what came from the API expires; none: it is kept.
    pub(crate) fn retention_days(&self) -> Option<u32> {
        self.retention.parse().ok()
    }
}

/// The log.
#[derive(Clone, Debug, Deserialize)]
pub struct Kafka {
    /// Brokers; none: the built-in log.
    pub brokers: Option<String>,
    /// Prefix of every topic and group.
    #[serde(default)]
    pub prefix: String,
    /// Partitions of a new topic.
    pub partitions: i32,
    /// Replication factor of a new topic.
    pub replication: i32,
    /// True: brokers are connected over TLS.
    pub tls: bool,
    /// Certificate authority of the brokers.
    pub ca_file: Option<PathBuf>,
    /// SASL/SCRAM user.
    pub username: Option<String>,
    /// SASL/SCRAM password.
    pub password: Option<SecretString>,
}

/// Databases.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Database {
    /// A MySQL or MariaDB server; none: SQLite files.
    pub url: Option<Url>,
    /// True: missing migrations are applied at the start. False: they are refused.
    #[serde(default)]
    pub migrate: bool,
}

/// Object store for streams.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Objects {
    /// `file:PATH` or `s3://BUCKET/PREFIX`.
    pub url: Option<String>,
}

/// Logging.
#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    /// Format.
    pub format: telemetry::Format,
    /// Filter, for example `info,ingest=debug`.
    pub filter: String,
}

/// Export of traces.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Telemetry {
    /// An OTLP collector.
    pub otlp_endpoint: Option<String>,
}

/// Token issuer.
#[derive(Clone, Debug, Deserialize)]
pub struct Auth {
    /// An OpenID issuer; none: local accounts.
    pub issuer: Option<String>,
    /// Its key set.
    pub jwks_url: Option<Url>,
    /// Clients that tokens may name.
    #[serde(default, deserialize_with = "settings::deserialize_list")]
    pub clients: Vec<String>,
    /// The group of administrators.
    pub admin_group: String,
    /// The group of users.
    pub user_group: String,
    /// Maximum time from a token's issue to its expiry, in seconds.
    pub max_token_life_s: i64,
}

/// Calls between services.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Internal {
    /// Credential that internal calls carry.
    pub credential: Option<SecretString>,
    /// Address of token's operations listener.
    pub token_url: Option<Url>,
}

/// Clock.
#[derive(Clone, Debug, Deserialize)]
pub struct Clock {
    /// Offset from the machine's clock, in seconds.
    pub offset_s: i64,
}

/// Failpoint, for tests.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Failpoint {
    /// Its name.
    pub name: Option<String>,
    /// File that is written when it fires.
    pub marker: Option<PathBuf>,
}

/// The settings and, for the start-up summary, the source of each.
#[derive(Clone, Debug)]
pub struct LoadedSettings {
    /// The settings.
    pub settings: Settings,
    /// Every value with its source, redacted.
    pub lines: Vec<EffectiveSetting>,
}

/// Every setting with its default and meaning, as TOML.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Merges defaults, file, environment and flags.
pub fn load_settings(options: &RunOptions) -> Result<LoadedSettings, SettingsError> {
    let mut loader = Loader::new(DEFAULTS)?;
    if let Some(file) = &options.config {
        loader = loader.file(file)?;
    }
    let loaded = loader
        .process_environment()?
        .flag("--listen", "server.listen", options.listen.map(|address| address.to_string()))?
        .flag(
            "--ops-listen",
            "server.ops_listen",
            options.ops_listen.map(|address| address.to_string()),
        )?
        .flag(
            "--data-dir",
            "data.dir",
            options.data_dir.as_ref().map(|dir| dir.display().to_string()),
        )?
        .flag("--public-url", "server.public_url", options.public_url.clone())?
        .flag("--strava-url", "strava.url", options.strava_url.clone())?
        .flag("--kafka", "kafka.brokers", options.kafka.clone())?
        .flag("--database-url", "database.url", options.database_url.clone())?
        .flag("--object-store", "objects.url", options.object_store.clone())?
        .flag(
            "--clock-offset",
            "clock.offset_s",
            options.clock_offset.map(|seconds| seconds.to_string()),
        )?
        .check(rules::check)?
        .load::<Settings>()?;
    ensure_consistent(&loaded.settings, &loaded.effective)?;
    Ok(LoadedSettings { settings: loaded.settings, lines: loaded.effective })
}

/// Refuses values that rule each other out.
fn ensure_consistent(
    settings: &Settings,
    effective: &[EffectiveSetting],
) -> Result<(), SettingsError> {
    if settings.server.public_url.is_none() || settings.token.script_connects != Some(true) {
        return Ok(());
    }
    let key = "token.script_connects";
    let source = effective.iter().find(|it| it.key == key).map(|it| it.source.clone());
    Err(SettingsError::Invalid {
        key: key.to_owned(),
        source_name: source.unwrap_or_default(),
        message: "with server.public_url anybody could be lured into connecting: leave it out, and let scripts come \
            back signed in"
            .to_owned(),
    })
}
