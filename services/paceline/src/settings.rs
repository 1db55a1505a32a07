//! The program's settings: what is common, and each service's section.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use settings::{EffectiveSetting, Loader, SettingsError};
use url::Url;

use crate::cli::Place;

/// Every setting.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Doors.
    pub server: Server,
    /// Where things lie.
    pub data: Data,
    /// The Strava application.
    pub strava: Strava,
    /// The log.
    pub kafka: Kafka,
    /// Databases.
    #[serde(default)]
    pub database: Database,
    /// Streams.
    #[serde(default)]
    pub objects: Objects,
    /// What is logged.
    pub log: Log,
    /// Where traces go.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// Whom to believe.
    pub auth: Auth,
    /// Calls between services.
    #[serde(default)]
    pub internal: Internal,
    /// The hour.
    pub clock: Clock,
    /// Where a test may kill us.
    #[serde(default)]
    pub failpoint: Failpoint,
    /// The token service's own.
    pub token: token::Settings,
    /// The ingest service's own.
    pub ingest: ingest::Settings,
    /// The stats service's own.
    pub stats: stats::Settings,
    /// The duplication service's own.
    pub duplication: duplication::Settings,
    /// The identity service's own.
    pub identity: identity::Settings,
}

/// Doors.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// People, scripts and Strava.
    pub listen: SocketAddr,
    /// Probes, metrics, internal calls.
    pub ops_listen: SocketAddr,
    /// How the world reaches us.
    pub public_url: Option<Url>,
    /// Where connecting ends.
    pub frontend_url: Option<Url>,
    /// Pages of these origins may call.
    #[serde(default, deserialize_with = "settings::deserialize_list")]
    pub origins: Vec<String>,
    /// Threads per door.
    pub workers: usize,
}

/// Where things lie.
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
    /// Where Strava sends athletes back.
    pub redirect_uri: Option<Url>,
    /// How long what came from the API is kept.
    pub retention: String,
    /// What Strava repeats when it checks the webhook.
    pub verify_token: Option<SecretString>,
    /// Checks webhook signatures.
    pub signature_key: Option<SecretString>,
}

/// The log.
#[derive(Clone, Debug, Deserialize)]
pub struct Kafka {
    /// Brokers; none: the built-in log.
    pub brokers: Option<String>,
    /// Before every topic and group.
    #[serde(default)]
    pub prefix: String,
    /// Partitions of a new topic.
    pub partitions: i32,
    /// Copies of a new topic.
    pub replication: i32,
    /// Whether brokers are spoken to over TLS.
    pub tls: bool,
    /// Whom to believe over TLS.
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
    /// Whether tables are brought up to date at the start.
    #[serde(default)]
    pub migrate: bool,
}

/// Streams.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Objects {
    /// `file:PATH` or `s3://BUCKET/PREFIX`.
    pub url: Option<String>,
}

/// What is logged.
#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    /// How.
    pub format: telemetry::Format,
    /// What.
    pub filter: String,
}

/// Where traces go.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Telemetry {
    /// An OTLP collector.
    pub otlp_endpoint: Option<String>,
}

/// Whom to believe.
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
}

/// Calls between services.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Internal {
    /// What they carry.
    pub credential: Option<SecretString>,
    /// Where token's operations port is.
    pub token_url: Option<Url>,
}

/// The hour.
#[derive(Clone, Debug, Deserialize)]
pub struct Clock {
    /// Ahead of the machine's clock by so much.
    pub offset_s: i64,
}

/// Where a test may kill us.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Failpoint {
    /// Its name.
    pub name: Option<String>,
    /// The file that tells it fired.
    pub marker: Option<PathBuf>,
}

/// The settings and, for the start-up summary, where each came from.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The settings.
    pub settings: Settings,
    /// One line a value, redacted.
    pub lines: Vec<EffectiveSetting>,
}

/// Every setting with its default and what it means, as TOML.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Puts defaults, file, environment and flags together.
pub fn choose(place: &Place) -> Result<Chosen, SettingsError> {
    let mut loader = Loader::new(DEFAULTS)?;
    if let Some(file) = &place.config {
        loader = loader.file(file)?;
    }
    let loaded = loader
        .process_environment()?
        .flag("--listen", "server.listen", place.listen.map(|address| address.to_string()))?
        .flag(
            "--ops-listen",
            "server.ops_listen",
            place.ops_listen.map(|address| address.to_string()),
        )?
        .flag(
            "--data-dir",
            "data.dir",
            place.data_dir.as_ref().map(|dir| dir.display().to_string()),
        )?
        .flag("--public-url", "server.public_url", place.public_url.clone())?
        .flag("--strava-url", "strava.url", place.strava_url.clone())?
        .flag("--kafka", "kafka.brokers", place.kafka.clone())?
        .flag("--database-url", "database.url", place.database_url.clone())?
        .flag("--object-store", "objects.url", place.object_store.clone())?
        .flag(
            "--clock-offset",
            "clock.offset_s",
            place.clock_offset.map(|seconds| seconds.to_string()),
        )?
        .load::<Settings>()?;
    Ok(Chosen { settings: loaded.settings, lines: loaded.effective })
}
