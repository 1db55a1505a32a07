//! Key sets: their source, and a cache that refetches them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use kernel::{Clock, Timestamp};
use serde::Deserialize;
use tokio::sync::{Mutex, MutexGuard, RwLock};
use url::Url;

/// Age at which a cached key set is refetched.
const MAX_AGE: Duration = Duration::from_hours(1);
/// Minimum time between two fetches of a stale key set.
const FAILURE_BACKOFF: Duration = Duration::from_secs(5);

/// The public keys of an issuer by key id.
#[derive(Clone, Default)]
pub struct KeySet(HashMap<String, PublicKey>);

/// A public key, and the end of its use.
#[derive(Clone)]
pub(crate) struct PublicKey {
    pub(crate) key: DecodingKey,
    /// Time of its rotation, in Unix seconds (member `rotated_at`): later it signs nothing.
    pub(crate) rotated_at: Option<i64>,
    /// Time at which it is no longer valid, in Unix seconds (member `exp`).
    pub(crate) retires_at: Option<i64>,
}

/// A JWKS document.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl KeySet {
    /// Parses the RSA keys of a JWKS document; keys of other types are ignored.
    pub fn parse(document: &str) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_str(document)?;
        let keys = document.keys.into_iter().filter_map(|published| {
            let seconds = |name: &str| published.get(name).and_then(serde_json::Value::as_i64);
            let (rotated_at, retires_at) = (seconds("rotated_at"), seconds("exp"));
            let key: Jwk = serde_json::from_value(published).ok()?;
            let id = key.common.key_id.clone()?;
            let AlgorithmParameters::RSA(_) = &key.algorithm else { return None };
            let key = DecodingKey::from_jwk(&key).ok()?;
            Some((id, PublicKey { key, rotated_at, retires_at }))
        });
        Ok(Self(keys.collect()))
    }

    pub(crate) fn get(&self, id: &str) -> Option<&PublicKey> {
        self.0.get(id)
    }
}

/// The source of a key set.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A fixed key set (local accounts in the same process).
    Fixed(KeySet),
    /// A key set fetched over HTTP.
    Fetched {
        /// URL of the JWKS document.
        url: Url,
        /// HTTP client.
        http: reqwest::Client,
        /// Minimum time between two fetches because of an unknown key id.
        min_refetch_interval: Duration,
    },
}

/// The cached keys of a source.
pub(crate) struct KeyCache {
    source: KeySource,
    clock: Arc<dyn Clock>,
    cached: RwLock<CachedKeys>,
    /// Locked during a fetch, so that there is one at a time.
    fetch_times: Mutex<FetchTimes>,
}

#[derive(Default)]
struct CachedKeys {
    keys: KeySet,
    fetched_at: Option<Timestamp>,
}

/// The times of the latest fetches, successful or not.
#[derive(Default)]
struct FetchTimes {
    last: Option<Timestamp>,
    last_for_unknown_key: Option<Timestamp>,
}

/// The key set could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No response, or a status other than 200.
    #[error("the issuer does not answer with its keys")]
    Http(#[from] reqwest::Error),
    /// The response is no JWKS document.
    #[error("the response of the issuer is not a key set")]
    NoKeySet(#[from] serde_json::Error),
    /// A fetch failed within the last seconds.
    #[error("the issuer did not answer a moment ago")]
    RecentlyFailed,
}

impl KeyCache {
    pub(crate) fn new(source: KeySource, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, cached: RwLock::default(), fetch_times: Mutex::default() }
    }

    /// Returns the key with this id, refetching the key set if it is stale or lacks the id.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<PublicKey>, FetchError> {
        if let KeySource::Fixed(keys) = &self.source {
            return Ok(keys.get(id).cloned());
        }
        let now = self.clock.now();
        let (Some(key), age) = self.find_cached(id, now).await else {
            return self.find_uncached(id, now).await;
        };
        if matches!(age, CacheAge::Fresh) {
            return Ok(Some(key));
        }
        // Stale keys stay valid during a fetch by another task, and while the issuer is unavailable.
        let Ok(times) = self.fetch_times.try_lock() else { return Ok(Some(key)) };
        match self.fetch(times, now, FetchReason::Stale).await {
            Ok(()) => Ok(self.find_cached(id, now).await.0),
            Err(error) => {
                log_fetch_error(&error);
                Ok(Some(key))
            }
        }
    }

    async fn find_uncached(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<PublicKey>, FetchError> {
        let times = self.fetch_times.lock().await;
        // Another task may have fetched the key meanwhile.
        let (key, age) = self.find_cached(id, now).await;
        if key.is_some() {
            return Ok(key);
        }
        let is_empty = matches!(age, CacheAge::Empty);
        let reason = if is_empty { FetchReason::Stale } else { FetchReason::UnknownKey };
        match self.fetch(times, now, reason).await {
            Ok(()) => Ok(self.find_cached(id, now).await.0),
            Err(error) if is_empty => Err(error),
            Err(error) => {
                log_fetch_error(&error);
                Ok(None)
            }
        }
    }

    async fn find_cached(&self, id: &str, now: Timestamp) -> (Option<PublicKey>, CacheAge) {
        let cached = self.cached.read().await;
        let age = match cached.fetched_at {
            Some(fetched_at) if now.since(fetched_at) < MAX_AGE => CacheAge::Fresh,
            Some(_) => CacheAge::Stale,
            None => CacheAge::Empty,
        };
        (cached.keys.get(id).cloned(), age)
    }

    /// Fetches the key set, unless the last fetch for the same reason was too recent.
    async fn fetch(
        &self,
        mut times: MutexGuard<'_, FetchTimes>,
        now: Timestamp,
        reason: FetchReason,
    ) -> Result<(), FetchError> {
        let KeySource::Fetched { url, http, min_refetch_interval } = &self.source else {
            return Ok(());
        };
        let is_recent =
            |last: Option<Timestamp>, interval| last.is_some_and(|last| now.since(last) < interval);
        match reason {
            FetchReason::Stale if is_recent(times.last, FAILURE_BACKOFF) => {
                return Err(FetchError::RecentlyFailed);
            }
            FetchReason::UnknownKey
                if is_recent(times.last_for_unknown_key, *min_refetch_interval) =>
            {
                return Ok(());
            }
            FetchReason::UnknownKey => times.last_for_unknown_key = Some(now),
            FetchReason::Stale => {}
        }
        times.last = Some(now);
        let document = http.get(url.clone()).send().await?.error_for_status()?.text().await?;
        let keys = KeySet::parse(&document)?;
        *self.cached.write().await = CachedKeys { keys, fetched_at: Some(now) };
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum CacheAge {
    Empty,
    Stale,
    Fresh,
}

#[derive(Clone, Copy)]
enum FetchReason {
    Stale,
    UnknownKey,
}

fn log_fetch_error(error: &FetchError) {
    if !matches!(error, FetchError::RecentlyFailed) {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        tracing::warn!(%error, cause, "cannot fetch the key set; the cached keys stay valid");
    }
}
