//! Flags that are also settings.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Addresses, data directory, log and database; each flag is also a setting (`PACELINE_<SECTION>__<KEY>`).
#[derive(Clone, Debug, Default, Args)]
pub struct RunOptions {
    /// A settings file (TOML).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Public listener, for people and Strava [default: 127.0.0.1:8080; port 0: any].
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub listen: Option<SocketAddr>,
    /// Operations listener: probes, metrics, internal calls [default: 127.0.0.1:9090].
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub ops_listen: Option<SocketAddr>,
    /// Data directory: databases, the built-in log, keys and objects [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Public address, for Strava and browsers; without one Paceline polls Strava hourly instead of using webhooks.
    #[arg(long, global = true, value_name = "URL")]
    pub public_url: Option<String>,
    /// Strava's address [default: https://www.strava.com/].
    #[arg(long, global = true, value_name = "URL")]
    pub strava_url: Option<String>,
    /// Kafka brokers; without them the built-in log is used.
    #[arg(long, global = true, value_name = "HOST:PORT,…")]
    pub kafka: Option<String>,
    /// A MySQL or MariaDB server; without one each service has a SQLite file.
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Object store for streams: file:PATH or s3://BUCKET/PREFIX [default: file:DATA/objects].
    #[arg(long, global = true, value_name = "URL")]
    pub object_store: Option<String>,
    /// Offset of the clock in seconds (tests only, next to a simulator whose clock was moved).
    #[arg(long, global = true, value_name = "SECONDS", hide = true, allow_hyphen_values = true)]
    pub clock_offset: Option<i64>,
}
