//! An event to be published, and the outbox row it becomes.

use contracts::{Cause, Envelope, Event, MAX_RECORD_BYTES, Origin, Topic, record_key};
use kernel::{AthleteId, EventId};
use sea_orm::ConnectionTrait;

use crate::{Database, StoreError, sql};

/// An event to be published.
#[derive(Clone, Debug)]
pub struct OutboxMessage<E> {
    /// The topic.
    pub topic: Topic,
    /// The athlete it belongs to; the record's key, but on `strava.events`.
    pub athlete: Option<AthleteId>,
    /// Every connection it draws on.
    pub origins: Vec<Origin>,
    /// The cause that led to it.
    pub cause: Cause,
    /// True if it answers a replay request.
    pub replay: bool,
    /// The message.
    pub body: E,
}

/// The partitions of the topic that a record goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Routing {
    /// The partition of its key.
    ByKey,
    /// Every partition.
    AllPartitions,
}

/// An encoded record about to be stored.
pub(crate) struct EncodedRecord {
    pub(crate) event_id: EventId,
    pub(crate) topic: Topic,
    pub(crate) key: String,
    pub(crate) athlete: Option<AthleteId>,
    pub(crate) value: Vec<u8>,
    pub(crate) routing: Routing,
}

/// Encodes a message under a new id and inserts its outbox row.
pub(crate) async fn insert<C: ConnectionTrait, E: Event>(
    conn: &C,
    database: &Database,
    message: OutboxMessage<E>,
    routing: Routing,
) -> Result<EventId, StoreError> {
    let id = EventId::from_uuid(database.ids().uuid_v7(database.clock().now()));
    insert_with_id(conn, database, id, message, routing).await?;
    Ok(id)
}

/// Encodes a message and inserts its outbox row.
pub(crate) async fn insert_with_id<C: ConnectionTrait, E: Event>(
    conn: &C,
    database: &Database,
    event_id: EventId,
    message: OutboxMessage<E>,
    routing: Routing,
) -> Result<(), StoreError> {
    let OutboxMessage { topic, athlete, origins, cause, replay, body } = message;
    let payload = body.into_payload();
    let key = record_key(topic, athlete, &payload);
    let traceparent = telemetry::current_traceparent();
    let value = Envelope {
        event_id,
        occurred_at: database.clock().now(),
        athlete,
        origins,
        cause,
        replay,
        traceparent,
        payload,
    }
    .encode();
    if value.len() > MAX_RECORD_BYTES {
        return Err(StoreError::inconsistent(format!(
            "a {} of {} bytes exceeds the maximum of {MAX_RECORD_BYTES}",
            E::NAME,
            value.len()
        )));
    }
    let record = EncodedRecord { event_id, topic, key, athlete, value, routing };
    insert_record(conn, database, record).await
}

/// Inserts the outbox row of an encoded record.
pub(crate) async fn insert_record<C: ConnectionTrait>(
    conn: &C,
    database: &Database,
    record: EncodedRecord,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "INSERT INTO outbox (event_id, topic, record_key, to_all_partitions, athlete, value, written_at_us, published_at_us) \
         VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        [
            record.event_id.to_string().into(),
            record.topic.name().into(),
            record.key.into(),
            i32::from(record.routing == Routing::AllPartitions).into(),
            record.athlete.map(|athlete| athlete.to_string()).into(),
            record.value.into(),
            database.clock().now().as_micros().into(),
        ],
    )
    .await?;
    Ok(())
}
