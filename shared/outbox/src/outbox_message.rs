//! An event about to be published, and the outbox row it becomes.

use contracts::{Cause, Envelope, Event, MAX_RECORD_BYTES, Origin, Topic, record_key};
use kernel::{AthleteId, EventId};
use sea_orm::ConnectionTrait;

use crate::{Database, StoreError, sql};

/// An event about to be published.
#[derive(Clone, Debug)]
pub struct OutboxMessage<E> {
    /// Where it goes.
    pub topic: Topic,
    /// Whose it is; the key, but on `strava.events`.
    pub athlete: Option<AthleteId>,
    /// Every connection it draws on.
    pub origins: Vec<Origin>,
    /// Why it came about.
    pub cause: Cause,
    /// Whether it answers a replay request.
    pub replay: bool,
    /// The message.
    pub body: E,
}

/// Where an event goes within its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Routing {
    /// The partition of its key.
    ByKey,
    /// Every partition.
    AllPartitions,
}

/// Writes the outbox row of a message.
pub(crate) async fn insert<C: ConnectionTrait, E: Event>(
    conn: &C,
    database: &Database,
    message: OutboxMessage<E>,
    reach: Routing,
) -> Result<EventId, StoreError> {
    let now = database.clock().now();
    let event_id = EventId::from_uuid(database.ids().uuid_v7(now));
    let payload = message.body.into_payload();
    let key = record_key(message.topic, message.athlete, &payload);
    let value = Envelope {
        event_id,
        occurred_at: now,
        athlete: message.athlete,
        origins: message.origins,
        cause: message.cause,
        replay: message.replay,
        traceparent: telemetry::current_traceparent(),
        payload,
    }
    .encode();
    if value.len() > MAX_RECORD_BYTES {
        return Err(StoreError::inconsistent(format!(
            "a {} of {} bytes is larger than the {MAX_RECORD_BYTES} a record may have",
            E::NAME,
            value.len()
        )));
    }
    sql::execute(
        conn,
        "INSERT INTO outbox (event_id, topic, record_key, everywhere, athlete, value, written_at_us, published_at_us) \
         VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        [
            event_id.to_string().into(),
            message.topic.name().into(),
            key.into(),
            i32::from(reach == Routing::AllPartitions).into(),
            message.athlete.map(|athlete| athlete.to_string()).into(),
            value.into(),
            now.as_micros().into(),
        ],
    )
    .await?;
    Ok(event_id)
}
