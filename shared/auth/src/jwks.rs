//! Key sets: where they come from, and when they are looked up again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet};
use kernel::{Clock, Timestamp};
use tokio::sync::{Mutex, MutexGuard, RwLock};
use url::Url;

/// How long a key set is believed without looking again.
const FRESH: Duration = Duration::from_hours(1);
/// How long an issuer that did not answer is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

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
        min_refetch_interval: Duration,
    },
}

/// The keys in use and when they were looked up.
pub(crate) struct Keys {
    source: KeySource,
    clock: Arc<dyn Clock>,
    held: RwLock<Held>,
    looking: Mutex<Looks>,
}

#[derive(Default)]
struct Held {
    keys: KeySet,
    fetched: Option<Timestamp>,
}

/// When the set was last looked up, and why.
#[derive(Default)]
struct Looks {
    any: Option<Timestamp>,
    for_unknown: Option<Timestamp>,
}

/// Why the key set could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The issuer does not answer, or not with 200.
    #[error("the issuer does not answer with its keys")]
    Http(#[from] reqwest::Error),
    /// It answers with something else.
    #[error("what the issuer answers is no key set")]
    NoKeySet(#[from] serde_json::Error),
    /// It did not answer a moment ago.
    #[error("the issuer did not answer a moment ago")]
    Lately,
}

impl Keys {
    pub(crate) fn new(source: KeySource, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, held: RwLock::default(), looking: Mutex::default() }
    }

    /// The key of this id; the set is looked up again when it is old or does not know the id.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<DecodingKey>, FetchError> {
        if let KeySource::Fixed(keys) = &self.source {
            return Ok(keys.get(id).cloned());
        }
        let now = self.clock.now();
        match self.known(id, now).await {
            (Some(key), Age::Fresh) => Ok(Some(key)),
            // Old keys keep working while somebody looks, and while the issuer is away.
            (Some(key), _) => {
                let Ok(looks) = self.looking.try_lock() else { return Ok(Some(key)) };
                match self.look(looks, now, Why::Old).await {
                    Ok(()) => return Ok(self.known(id, now).await.0),
                    Err(error) => tell(&error),
                }
                Ok(Some(key))
            }
            (None, _) => self.find_unknown(id, now).await,
        }
    }

    /// One look at a time: whoever waits here finds what the one before fetched.
    async fn find_unknown(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<DecodingKey>, FetchError> {
        let looks = self.looking.lock().await;
        let (key, age) = self.known(id, now).await;
        if key.is_some() {
            return Ok(key);
        }
        let why = if matches!(age, Age::Never) { Why::Old } else { Why::Unknown };
        match (self.look(looks, now, why).await, age) {
            (Ok(()), _) => Ok(self.known(id, now).await.0),
            (Err(error), Age::Never) => Err(error),
            (Err(error), _) => {
                tell(&error);
                Ok(None)
            }
        }
    }

    async fn known(&self, id: &str, now: Timestamp) -> (Option<DecodingKey>, Age) {
        let held = self.held.read().await;
        let age = match held.fetched {
            Some(fetched) if now.since(fetched) < FRESH => Age::Fresh,
            Some(_) => Age::Old,
            None => Age::Never,
        };
        (held.keys.get(id).cloned(), age)
    }

    async fn look(
        &self,
        mut looks: MutexGuard<'_, Looks>,
        now: Timestamp,
        why: Why,
    ) -> Result<(), FetchError> {
        let KeySource::Fetched { url, http, min_refetch_interval } = &self.source else {
            return Ok(());
        };
        let lately =
            |last: Option<Timestamp>, span| last.is_some_and(|last| now.since(last) < span);
        match why {
            Why::Old if lately(looks.any, AFTER_FAILURE) => return Err(FetchError::Lately),
            Why::Unknown if lately(looks.for_unknown, *min_refetch_interval) => return Ok(()),
            Why::Unknown => looks.for_unknown = Some(now),
            Why::Old => {}
        }
        looks.any = Some(now);
        let document = http.get(url.clone()).send().await?.error_for_status()?.text().await?;
        let keys = KeySet::parse(&document)?;
        *self.held.write().await = Held { keys, fetched: Some(now) };
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Age {
    Never,
    Old,
    Fresh,
}

#[derive(Clone, Copy)]
enum Why {
    Old,
    Unknown,
}

fn tell(error: &FetchError) {
    if !matches!(error, FetchError::Lately) {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        tracing::warn!(%error, cause, "the key set cannot be looked up; the old keys stay");
    }
}
