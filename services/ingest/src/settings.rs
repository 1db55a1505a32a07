//! Settings of ingest.

use std::time::Duration;

use kernel::AthleteId;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// Name of the service, its database and its settings section.
pub(crate) const NAME: &str = "ingest";

/// Settings of ingest (section `ingest`). Durations are in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Client id of the Strava application.
    pub application: i64,
    /// Client secret of the application; used to manage the push subscription.
    pub client_secret: Option<SecretString>,
    /// Public address of the installation. Without it nothing is subscribed, and lists are polled.
    pub public_url: Option<Url>,
    /// Secret part of the webhook's path.
    pub webhook_secret: Option<SecretString>,
    /// Token that Strava repeats when it checks the address of a subscription.
    pub verify_token: Option<SecretString>,
    /// True to serve `/webhook` without the secret too.
    pub bare_webhook: bool,
    /// Key of `X-Strava-Signature`; checked only if set.
    pub signature_key: Option<SecretString>,
    /// Further subscription ids to accept, for a subscription created by hand.
    pub subscriptions: Vec<i64>,
    /// Key of `POST /strava/refresh-data` (`X-API-Key`); unset: every request is refused.
    pub refresh_api_key: Option<SecretString>,
    /// The only athlete polled by `refresh-data`, if set.
    pub published_athlete: Option<AthleteId>,
    /// Timeout of `refresh-data` until everything is counted.
    pub refresh_patience_s: u64,
    /// Interval of polls without webhooks.
    pub poll_interval_s: u64,
    /// Interval of polls with webhooks.
    pub sweep_interval_s: u64,
    /// Interval of the sweep for due polls.
    pub tick_s: u64,
    /// Maximum number of concurrent fetches of activities.
    pub live_workers: usize,
    /// Maximum number of concurrent polls.
    pub head_workers: usize,
    /// Maximum number of concurrent backfills.
    pub bulk_workers: usize,
    /// Rows per page of a backfill; at most 200.
    pub page: u32,
    /// Rows per page of a poll.
    pub head_page: u32,
    /// The services of this installation, each of which writes its part of an export.
    #[serde(skip)]
    pub services: Vec<String>,
    /// Days after which what came from Strava's API expires; none: it is kept.
    #[serde(skip)]
    pub retention_days: Option<u32>,
    /// Retention of the journal in days.
    pub journal_days: u64,
    /// Timeout of the log in the webhook before an event is stored in the database, in milliseconds.
    pub publish_patience_ms: u64,
    /// Time for which the log is bypassed after an error, in milliseconds.
    pub breaker_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            application: 0,
            client_secret: None,
            public_url: None,
            webhook_secret: None,
            verify_token: None,
            bare_webhook: false,
            signature_key: None,
            subscriptions: Vec::new(),
            refresh_api_key: None,
            published_athlete: None,
            refresh_patience_s: 30,
            poll_interval_s: 3_600,
            sweep_interval_s: 86_400,
            tick_s: 60,
            live_workers: 4,
            head_workers: 2,
            bulk_workers: 2,
            page: 200,
            head_page: 100,
            services: vec![NAME.to_owned()],
            retention_days: None,
            journal_days: 30,
            publish_patience_ms: 1_000,
            breaker_ms: 2_000,
        }
    }
}

impl Settings {
    /// Returns the time for which what came from Strava's API is kept; none: for ever.
    pub(crate) fn retention(&self) -> Option<Duration> {
        let days = self.retention_days?;
        Some(Duration::from_secs(u64::from(days) * 86_400))
    }

    /// Returns the interval of polls of an athlete's list.
    pub(crate) fn poll_interval(&self) -> Duration {
        let seconds =
            if self.public_url.is_some() { self.sweep_interval_s } else { self.poll_interval_s };
        Duration::from_secs(seconds)
    }
}
