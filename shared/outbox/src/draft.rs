//! An event about to be published, and the outbox row it becomes.

use contracts::{Cause, Envelope, Event, MAX_RECORD_BYTES, Origin, Topic, key_of};
use kernel::{AthleteId, EventId};
use sea_orm::ConnectionTrait;

use crate::{Database, StoreError, sql};

/// An event about to be published.
#[derive(Clone, Debug)]
pub struct Draft<E> {
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
pub(crate) enum Reach {
    /// The partition of its key.
    ItsKey,
    /// Every partition.
    Everywhere,
}

/// Writes the outbox row of a draft.
pub(crate) async fn insert<C: ConnectionTrait, E: Event>(
    conn: &C,
    database: &Database,
    draft: Draft<E>,
    reach: Reach,
) -> Result<EventId, StoreError> {
    let now = database.clock().now();
    let event_id = EventId::from_uuid(database.ids().uuid_v7(now));
    let payload = draft.body.into_payload();
    let key = key_of(draft.topic, draft.athlete, &payload);
    let value = Envelope {
        event_id,
        occurred_at: now,
        athlete: draft.athlete,
        origins: draft.origins,
        cause: draft.cause,
        replay: draft.replay,
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
            draft.topic.name().into(),
            key.into(),
            i32::from(reach == Reach::Everywhere).into(),
            draft.athlete.map(|athlete| athlete.to_string()).into(),
            value.into(),
            now.as_micros().into(),
        ],
    )
    .await?;
    Ok(event_id)
}
