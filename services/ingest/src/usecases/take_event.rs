//! Webhook intake: check, hand to the log, and say so only when it is safe.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use contracts::strava::{Hint, ObjectType};
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Topic, record_key};
use event_bus::{PublishError, Publisher};
use futures::future::{Either, select};
use kernel::EventId;
use outbox::StoreError;
use secrecy::ExposeSecret;

use super::Core;
use super::note_hint::note_hint;
use super::pass_on::pass_on;
use crate::domain::hint::{self, NotAHint};
use crate::domain::signature;
use crate::store;

/// The door for events.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    core: Core,
    publisher: Publisher,
    known: Arc<RwLock<Vec<i64>>>,
    subscribing: Arc<AtomicBool>,
    /// Until when the log is passed by (microseconds).
    broken_until: Arc<AtomicI64>,
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error(transparent)]
    Malformed(#[from] NotAHint),
    #[error("the signature does not fit the body")]
    BadSignature,
    #[error("the subscription {0} is not ours")]
    UnknownSubscription(i64),
    #[error("a subscription is being made, and its id is not known yet")]
    TooEarly,
    #[error("neither the log nor the database can take the event")]
    Away(#[source] StoreError),
}

impl Intake {
    pub(crate) fn new(core: Core, publisher: Publisher) -> Self {
        let known = Arc::new(RwLock::new(core.settings.subscriptions.clone()));
        Self { core, publisher, known, subscribing: Arc::default(), broken_until: Arc::default() }
    }

    /// Takes an event: when this returns, it is safe.
    pub(crate) async fn take(&self, body: &[u8], signed: Option<&str>) -> Result<(), NotTaken> {
        if let Some(key) = &self.core.settings.signature_key {
            let valid = |header| {
                signature::is_valid(header, body, key.expose_secret().as_bytes(), self.core.now())
            };
            if !signed.is_some_and(valid) {
                return Err(NotTaken::BadSignature);
            }
        }
        let hint = hint::read(self.core.application(), body)?;
        self.admit(hint.subscription).await?;
        let now = self.core.now();
        let id = EventId::from_uuid(self.core.ids.uuid_v7(now));
        let payload = Payload::Hint(hint.clone());
        let key = record_key(Topic::StravaEvents, None, &payload);
        let value = Envelope {
            event_id: id,
            occurred_at: now,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Live,
            replay: false,
            traceparent: telemetry::current_traceparent(),
            payload,
        };
        if self.publish(&key, value.encode()).await.is_ok() {
            self.core.gap("ingest.hint-published");
            return Ok(());
        }
        self.directly(id, &hint).await
    }

    /// A subscription is being made: an id that is not known yet may soon be.
    pub(crate) fn expect_subscription(&self, expected: bool) {
        self.subscribing.store(expected, Ordering::SeqCst);
    }

    /// Learns the stored ids anew.
    pub(crate) async fn learn(&self) -> Result<(), StoreError> {
        let mut known =
            store::subscriptions::all(self.core.database.readers(), self.core.application())
                .await?;
        known.extend(&self.core.settings.subscriptions);
        if let Ok(mut shared) = self.known.write() {
            *shared = known;
        }
        Ok(())
    }

    /// Whether the log takes hints, or the database does: the first good answer counts, for the one
    /// that is away may take as long as anybody waits.
    pub(crate) async fn is_open(&self, log: impl Future<Output = bool>) -> bool {
        let database = async { self.core.database.ping().await.is_ok() };
        match select(pin!(log), pin!(database)).await {
            Either::Left((open, other)) => open || other.await,
            Either::Right((open, other)) => open || other.await,
        }
    }

    async fn admit(&self, subscription: i64) -> Result<(), NotTaken> {
        if self.knows(subscription) {
            return Ok(());
        }
        // Another process may have stored it. If even that cannot be asked, the event is only put off.
        self.learn().await.map_err(NotTaken::Away)?;
        match (self.knows(subscription), self.subscribing.load(Ordering::SeqCst)) {
            (true, _) => Ok(()),
            (false, true) => Err(NotTaken::TooEarly),
            (false, false) => Err(NotTaken::UnknownSubscription(subscription)),
        }
    }

    fn knows(&self, subscription: i64) -> bool {
        self.known.read().is_ok_and(|known| known.contains(&subscription))
    }

    async fn publish(&self, key: &str, value: Vec<u8>) -> Result<(), PublishError> {
        let now = self.core.now().as_micros();
        if self.broken_until.load(Ordering::Relaxed) > now {
            return Err(PublishError::Unavailable);
        }
        // Strava waits for 2 s, and the database may still have to be asked.
        let patience = Duration::from_millis(self.core.settings.publish_patience_ms);
        let publishing = self.publisher.publish(Topic::StravaEvents, key, value);
        let published = tokio::time::timeout(patience, publishing).await;
        let published = published.unwrap_or(Err(PublishError::Unconfirmed));
        if let Err(error) = &published {
            tracing::warn!(%error, "the log did not take a hint; it goes into the database directly");
            let pause = Duration::from_millis(self.core.settings.breaker_ms);
            self.broken_until.store(self.core.now().plus(pause).as_micros(), Ordering::Relaxed);
            metrics::counter!("ingest_log_away_total").increment(1);
        }
        published
    }

    /// What the consumer would have done; what only token's consumer can do waits for the log in the outbox.
    /// The record may still arrive: the same id makes it old news.
    async fn directly(&self, id: EventId, hint: &Hint) -> Result<(), NotTaken> {
        let taken = match hint.object_type() {
            ObjectType::Activity => note_hint(&self.core, id, hint).await.map(drop),
            _ => pass_on(&self.core, id, hint).await,
        };
        taken.map_err(NotTaken::Away)
    }
}
