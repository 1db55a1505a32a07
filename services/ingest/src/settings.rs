//! What ingest is told from outside.

use std::time::Duration;

use kernel::AthleteId;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// Settings of ingest (section `ingest`). Durations are in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The Strava application: its client id.
    pub application: i64,
    /// Its client secret: only for managing the push subscription.
    pub client_secret: Option<SecretString>,
    /// Where the world reaches us, without a path. Without it nothing is subscribed and the head page is polled.
    pub public_url: Option<Url>,
    /// The unguessable part of the webhook's path.
    pub webhook_secret: Option<SecretString>,
    /// What Strava must repeat when it checks the address of a subscription.
    pub verify_token: Option<SecretString>,
    /// Whether `/webhook` without the secret is served too.
    pub bare_webhook: bool,
    /// The key of `X-Strava-Signature`; checked only when set.
    pub signature_key: Option<SecretString>,
    /// Further subscription ids to accept, for a subscription made by hand.
    pub subscriptions: Vec<i64>,
    /// What `POST /strava/refresh-data` asks for in `X-API-Key`; unset: it always refuses.
    pub refresh_api_key: Option<SecretString>,
    /// If set, `refresh-data` looks at this athlete only.
    pub published_athlete: Option<AthleteId>,
    /// How long `refresh-data` waits until everything is counted.
    pub refresh_patience_s: u64,
    /// How often the head page is looked at where no webhook reaches us.
    pub poll_interval_s: u64,
    /// How often it is looked at where webhooks do reach us.
    pub sweep_interval_s: u64,
    /// How often it is checked whether something is due.
    pub tick_s: u64,
    /// How many activities are fetched at once.
    pub live_workers: usize,
    /// How many head pages are looked at at once.
    pub head_workers: usize,
    /// How many histories are read at once.
    pub bulk_workers: usize,
    /// Rows on a page of a history; at most 200.
    pub page: u32,
    /// Rows on a head page.
    pub head_page: u32,
    /// How many days the journal is kept.
    pub journal_days: u64,
    /// How long the webhook waits for the log before it takes an event into the database, in milliseconds.
    pub publish_patience_ms: u64,
    /// For how long the log is passed by after it did not answer, in milliseconds.
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
            journal_days: 30,
            publish_patience_ms: 1_000,
            breaker_ms: 2_000,
        }
    }
}

impl Settings {
    /// How often an athlete's head page is looked at.
    pub(crate) fn head_interval(&self) -> Duration {
        let seconds =
            if self.public_url.is_some() { self.sweep_interval_s } else { self.poll_interval_s };
        Duration::from_secs(seconds)
    }
}
