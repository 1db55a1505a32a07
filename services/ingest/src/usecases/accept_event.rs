//! Accepts webhook events: checks them and acknowledges them once the log or the database has stored them.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use contracts::strava::{Hint, ObjectType};
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Topic, record_key};
use event_bus::{PublishError, Publisher};
use futures::future::{Either, select};
use kernel::{EventId, Timestamp};
use outbox::StoreError;
use secrecy::ExposeSecret;

use super::ServiceContext;
use super::forward_to_outbox::forward_to_outbox;
use super::record_hint::record_hint;
use crate::domain::hint::{self, HintError};
use crate::domain::signature;
use crate::store;

/// Intake of webhook events, shared by all requests.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    ctx: ServiceContext,
    publisher: Publisher,
    subscriptions: Arc<RwLock<Vec<i64>>>,
    subscribing: Arc<AtomicBool>,
    /// The instant of the last event, at first that of the start (microseconds).
    last_event_us: Arc<AtomicI64>,
    /// End of the time in which the log is bypassed after an error (microseconds).
    breaker_open_until_us: Arc<AtomicI64>,
}

/// Error of accepting an event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    #[error(transparent)]
    Malformed(#[from] HintError),
    #[error("the signature does not match the body")]
    BadSignature,
    #[error("the subscription {0} is not known")]
    UnknownSubscription(i64),
    #[error("a subscription is being created, and its id is not known yet")]
    Subscribing,
    #[error("neither the log nor the database can store the event")]
    Unavailable(#[source] StoreError),
}

impl Intake {
    pub(crate) fn new(ctx: ServiceContext, publisher: Publisher) -> Self {
        let subscriptions = Arc::new(RwLock::new(ctx.settings.subscriptions.clone()));
        let (subscribing, breaker_open_until_us) = (Arc::default(), Arc::default());
        let last_event_us = Arc::new(AtomicI64::new(ctx.now().as_micros()));
        Self { ctx, publisher, subscriptions, subscribing, last_event_us, breaker_open_until_us }
    }

    /// Time since the last event, or since the start; zero where none can come for want of a public address.
    pub(crate) fn last_event_age(&self) -> Duration {
        if self.ctx.settings.public_url.is_none() {
            return Duration::ZERO;
        }
        let last = self.last_event_us.load(Ordering::Relaxed);
        self.ctx.now().since(Timestamp::from_micros(last))
    }

    /// Accepts an event. It is stored durably when this returns.
    pub(crate) async fn accept_event(
        &self,
        body: &[u8],
        signature: Option<&str>,
    ) -> Result<(), IntakeError> {
        self.check_signature(body, signature)?;
        let hint = hint::parse_hint(self.ctx.application(), body)?;
        self.check_subscription(hint.subscription).await?;
        let now = self.ctx.now();
        self.last_event_us.store(now.as_micros(), Ordering::Relaxed);
        let id = EventId::from_uuid(self.ctx.ids.uuid_v7(now));
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
            self.ctx.failpoint("ingest.hint-published");
            return Ok(());
        }
        self.store_in_database(id, &hint).await
    }

    /// Sets whether a subscription is being created: an unknown id may then become known soon.
    pub(crate) fn set_subscribing(&self, subscribing: bool) {
        self.subscribing.store(subscribing, Ordering::SeqCst);
    }

    /// Reloads the stored subscription ids.
    pub(crate) async fn reload_subscriptions(&self) -> Result<(), StoreError> {
        let readers = self.ctx.database.readers();
        let mut ids = store::subscriptions::list_ids(readers, self.ctx.application()).await?;
        ids.extend(&self.ctx.settings.subscriptions);
        if let Ok(mut subscriptions) = self.subscriptions.write() {
            *subscriptions = ids;
        }
        Ok(())
    }

    /// Returns true if the log or the database can store hints. The first positive answer counts: an unavailable one
    /// may take as long as its timeout.
    pub(crate) async fn is_available(&self, log: impl Future<Output = bool>) -> bool {
        let database = async { self.ctx.database.check_writable().await.is_ok() };
        match select(pin!(log), pin!(database)).await {
            Either::Left((available, other)) => available || other.await,
            Either::Right((available, other)) => available || other.await,
        }
    }

    fn check_signature(&self, body: &[u8], header: Option<&str>) -> Result<(), IntakeError> {
        let Some(key) = &self.ctx.settings.signature_key else { return Ok(()) };
        let key = key.expose_secret().as_bytes();
        let is_valid = |header| signature::is_valid(header, body, key, self.ctx.now());
        if header.is_some_and(is_valid) { Ok(()) } else { Err(IntakeError::BadSignature) }
    }

    async fn check_subscription(&self, id: i64) -> Result<(), IntakeError> {
        if self.is_known(id) {
            return Ok(());
        }
        // Another process may have stored it. Without an answer Strava is to deliver the event again.
        self.reload_subscriptions().await.map_err(IntakeError::Unavailable)?;
        match (self.is_known(id), self.subscribing.load(Ordering::SeqCst)) {
            (true, _) => Ok(()),
            (false, true) => Err(IntakeError::Subscribing),
            (false, false) => Err(IntakeError::UnknownSubscription(id)),
        }
    }

    fn is_known(&self, id: i64) -> bool {
        self.subscriptions.read().is_ok_and(|subscriptions| subscriptions.contains(&id))
    }

    async fn publish(&self, key: &str, value: Vec<u8>) -> Result<(), PublishError> {
        let now = self.ctx.now().as_micros();
        if self.breaker_open_until_us.load(Ordering::Relaxed) > now {
            return Err(PublishError::Unavailable);
        }
        // Strava waits for 2 s, and the database may have to be tried after the log.
        let timeout = Duration::from_millis(self.ctx.settings.publish_patience_ms);
        let publishing = self.publisher.publish(Topic::StravaEvents, key, value);
        let published = tokio::time::timeout(timeout, publishing).await;
        let published = published.unwrap_or(Err(PublishError::Unconfirmed));
        if let Err(error) = &published {
            // That the log is away is told once, by the bus.
            tracing::debug!(%error, "hint not published; storing it in the database");
            let pause = Duration::from_millis(self.ctx.settings.breaker_ms);
            let until = self.ctx.now().plus(pause).as_micros();
            self.breaker_open_until_us.store(until, Ordering::Relaxed);
            metrics::counter!("ingest_log_away_total").increment(1);
        }
        published
    }

    /// Does the consumer's work; a hint for token's consumer is stored in the outbox. If the record did reach the log,
    /// its equal id makes it a duplicate.
    async fn store_in_database(&self, id: EventId, hint: &Hint) -> Result<(), IntakeError> {
        let stored = match hint.object_type() {
            ObjectType::Activity => record_hint(&self.ctx, id, hint).await.map(drop),
            _ => forward_to_outbox(&self.ctx, id, hint).await,
        };
        stored.map_err(IntakeError::Unavailable)
    }
}
