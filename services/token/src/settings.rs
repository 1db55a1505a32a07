//! The settings of this service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::ApplicationId;
use secrecy::SecretString;
use serde::Deserialize;
use strava_client::AppCredentials;
use url::Url;

use crate::store::KeySource;

/// Name of the service, its database and its settings section.
pub(crate) const NAME: &str = "token";

/// The settings of this service (section `token`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The Strava application's client id (alias `STRAVA_CLIENT_ID`). Without it nobody can connect.
    pub client_id: Option<i64>,
    /// The Strava application's client secret (alias `STRAVA_CLIENT_SECRET`).
    pub client_secret: Option<SecretString>,
    /// The address Strava sends the athlete back to (alias `STRAVA_REDIRECT_URI`); by default
    /// `/strava/callback` under the public address.
    pub redirect_uri: Option<Url>,
    /// The address the athlete ends up on after connecting (alias `FRONTEND_URL`); by default the public address.
    pub frontend_url: Option<Url>,
    /// Number of athletes that Strava allows the application; none: as learned when it refuses one.
    pub athlete_limit: Option<i64>,
    /// Ask every athlete for `activity:write`, not only those who come with `?write=1`.
    pub ask_write: bool,
    /// Accept a connect that a script began from a browser in which nobody is signed in: unless set, yes. Such a
    /// state is bound to no browser: whoever is given the address connects their Strava account to
    /// the athlete whose script began, so the program sets it to false where it has a public address.
    pub script_connects: Option<bool>,
    /// The file of keys that seal tokens; by default `token.keys` in the data directory.
    pub key_file: Option<PathBuf>,
    /// A passphrase instead of a key file (alias `ENCRYPTION_KEY`).
    pub encryption_key: Option<SecretString>,
    /// Ids of keys that nobody has any more: connections whose tokens they sealed have to connect again.
    pub lost_keys: Vec<String>,
    /// A token that ends within this many seconds is refreshed before it is lent. Strava answers
    /// with a new one only in the last 3600.
    pub refresh_margin_s: u64,
    /// Seconds until a refresh that another process began counts as lost.
    pub refresh_patience_s: u64,
    /// Maximum duration of a lease in seconds.
    pub lease_s: u64,
    /// Days after which what came through a connection that needs a reconnect is erased; 0: never.
    pub reconnect_grace_days: u64,
    /// The services whose answers complete an erasure.
    #[serde(skip)]
    pub erasure_services: Vec<String>,
    /// The file in which every erasure is written down, for a restore.
    #[serde(skip)]
    pub erasure_ledger: Option<PathBuf>,
    /// Seconds between the leases that probe if an inactive application is active again.
    pub inactive_retry_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            redirect_uri: None,
            frontend_url: None,
            athlete_limit: None,
            ask_write: false,
            script_connects: None,
            key_file: None,
            encryption_key: None,
            lost_keys: Vec::new(),
            refresh_margin_s: 3300,
            refresh_patience_s: 20,
            lease_s: 60,
            reconnect_grace_days: 30,
            erasure_services: Vec::new(),
            erasure_ledger: None,
            inactive_retry_s: 300,
        }
    }
}

impl Settings {
    /// The place of the keys that seal tokens.
    pub fn key_source(&self, data_dir: &Path) -> KeySource {
        match (&self.key_file, &self.encryption_key) {
            (None, Some(passphrase)) => KeySource::Passphrase(passphrase.clone()),
            (Some(file), _) => KeySource::File(file.clone()),
            (None, None) => KeySource::File(data_dir.join("token.keys")),
        }
    }

    /// The Strava application, if both its id and its secret are set.
    pub fn application(&self) -> Option<AppCredentials> {
        let (client_id, client_secret) = (self.client_id?, self.client_secret.clone()?);
        Some(AppCredentials { client_id: ApplicationId::new(client_id), client_secret })
    }

    pub(crate) const fn refresh_margin(&self) -> Duration {
        Duration::from_secs(self.refresh_margin_s)
    }

    pub(crate) const fn refresh_timeout(&self) -> Duration {
        Duration::from_secs(self.refresh_patience_s)
    }

    pub(crate) const fn max_lease_duration(&self) -> Duration {
        Duration::from_secs(self.lease_s)
    }

    pub(crate) const fn inactive_retry_interval(&self) -> Duration {
        Duration::from_secs(self.inactive_retry_s)
    }
}
