//! Key sets: where they come from, and when they are looked up again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet};
use kernel::{Clock, Timestamp};
use tokio::sync::{Mutex, RwLock};
use url::Url;

/// How long a key set is believed without looking again.
const FRESH: Duration = Duration::from_hours(1);

/// The keys of an issuer by their id.
#[derive(Clone, Default)]
pub struct KeySet(HashMap<String, DecodingKey>);

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl KeySet {
    /// The RSA keys of a JWKS document; keys of other kinds are left out.
    pub fn parse(document: &str) -> Result<Self, serde_json::Error> {
        let set: JwkSet = serde_json::from_str(document)?;
        let keys = set.keys.into_iter().filter_map(|key| {
            let id = key.common.key_id.clone()?;
            let AlgorithmParameters::RSA(_) = &key.algorithm else { return None };
            Some((id, DecodingKey::from_jwk(&key).ok()?))
        });
        Ok(Self(keys.collect()))
    }

    pub(crate) fn get(&self, id: &str) -> Option<&DecodingKey> {
        self.0.get(id)
    }
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Given once, as a JWKS document (local accounts in one process).
    Fixed(KeySet),
    /// Fetched from an address.
    Fetched {
        /// The JWKS address.
        url: Url,
        /// The client to fetch with.
        http: reqwest::Client,
        /// Looked up at most this often because of an unknown key id.
        at_most_every: Duration,
    },
}

/// The keys in use and when they were looked up.
pub(crate) struct Keys {
    source: KeySource,
    clock: Arc<dyn Clock>,
    held: RwLock<Held>,
    looking: Mutex<Option<Timestamp>>,
}

#[derive(Default)]
struct Held {
    keys: KeySet,
    fetched: Option<Timestamp>,
}

impl Keys {
    pub(crate) fn new(source: KeySource, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, held: RwLock::default(), looking: Mutex::default() }
    }

    /// The key of this id; the set is looked up again when it is old or does not know the id.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<DecodingKey>, reqwest::Error> {
        let (url, http, at_most_every) = match &self.source {
            KeySource::Fixed(keys) => return Ok(keys.get(id).cloned()),
            KeySource::Fetched { url, http, at_most_every } => (url, http, *at_most_every),
        };
        let now = self.clock.now();
        if let Some(key) = self.known(id, now).await {
            return Ok(Some(key));
        }
        // One look at a time: whoever waited here finds what the one before fetched.
        let mut last = self.looking.lock().await;
        if let Some(key) = self.known(id, now).await {
            return Ok(Some(key));
        }
        let outcome = match *last {
            Some(at) if now.since(at) < at_most_every => Ok(()),
            _ => {
                *last = Some(now);
                self.fetch(url, http, now).await
            }
        };
        let held = self.held.read().await;
        match (held.keys.get(id).cloned(), outcome) {
            // Old keys keep working while the issuer is away.
            (Some(key), _) => Ok(Some(key)),
            (None, Err(error)) if held.fetched.is_none() => Err(error),
            (None, _) => Ok(None),
        }
    }

    async fn known(&self, id: &str, now: Timestamp) -> Option<DecodingKey> {
        let held = self.held.read().await;
        let fresh = held.fetched.is_some_and(|fetched| now.since(fetched) < FRESH);
        if fresh { held.keys.get(id).cloned() } else { None }
    }

    async fn fetch(
        &self,
        url: &Url,
        http: &reqwest::Client,
        now: Timestamp,
    ) -> Result<(), reqwest::Error> {
        let document = http.get(url.clone()).send().await?.error_for_status()?.text().await?;
        match KeySet::parse(&document) {
            Ok(keys) => *self.held.write().await = Held { keys, fetched: Some(now) },
            Err(error) => tracing::warn!(%error, "the key set is not one; the old keys stay"),
        }
        Ok(())
    }
}
