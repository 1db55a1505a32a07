//! Parked events: records that no handler could take, whole and with the reason, until an operator
//! replays or drops them.

use contracts::{Envelope, Topic, payload_name};
use event_bus::{Parking, Record};
use kernel::{AthleteId, EventId, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::database::unavailable;
use crate::outbox_message::{EncodedRecord, Routing};
use crate::{Database, StoreError, Tx, sql};

/// Maximum length of a stored reason, in characters.
const MAX_REASON: usize = 1000;
/// Maximum length of a stored key, in characters.
const MAX_KEY: usize = 191;
/// Maximum size of a record that can be replayed, in bytes: what an outbox row holds.
const MAX_REPLAY_BYTES: usize = 65_535;
/// The group that parks records that the relay could not publish.
pub(crate) const RELAY: &str = "relay";
/// The partition of an event that could not be published.
pub(crate) const UNPUBLISHED: i32 = -1;
/// The partition of an event for every partition of its topic that could not be published.
pub(crate) const UNPUBLISHED_EVERYWHERE: i32 = -2;

const SELECT: &str = "SELECT id, topic, record_partition, record_offset, consumer_group, record_key, value, reason, athlete, parked_at_us \
     FROM parked_event";

/// A service's parked events.
#[derive(Clone, Debug)]
pub struct ParkedEvents {
    database: Database,
    group: &'static str,
}

/// One parked event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedEvent {
    /// Id, for `show`, `replay` and `drop`.
    pub id: String,
    /// The topic it came on.
    pub topic: String,
    /// The partition it came on; -1 for one that could not be published, -2 for one that could not
    /// be published to every partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The group that could not handle it.
    pub group: String,
    /// Its key.
    pub key: String,
    /// Its value, whole.
    pub value: Vec<u8>,
    /// The reason.
    pub reason: String,
    /// The athlete it belongs to, as far as it can be decoded.
    pub athlete: Option<AthleteId>,
    /// The instant at which it was parked.
    pub parked_at: Timestamp,
}

#[derive(FromQueryResult)]
struct ParkedRow {
    id: String,
    topic: String,
    record_partition: i32,
    record_offset: i64,
    consumer_group: String,
    record_key: String,
    value: Vec<u8>,
    reason: String,
    athlete: Option<String>,
    parked_at_us: i64,
}

impl ParkedEvent {
    /// The name of its message, as far as it can be decoded.
    pub fn kind(&self) -> Option<&'static str> {
        Envelope::decode(&self.value).ok().map(|envelope| payload_name(&envelope.payload))
    }
}

/// The reason why a parked event cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It came on a topic that does not exist any more.
    #[error(transparent)]
    Topic(#[from] contracts::UnknownTopic),
    /// It is larger than an outbox row can hold.
    #[error("the record of {0} bytes is too large to be replayed; drop it")]
    TooLarge(usize),
}

impl crate::IsConflict for ReplayError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

impl ParkedEvents {
    /// The parked events in a service's database.
    pub fn new(database: Database) -> Self {
        Self { database, group: "" }
    }

    /// The same, parking in the name of this consumer group.
    #[must_use]
    pub fn for_group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    /// At most `limit` events, the newest first.
    pub async fn list(&self, limit: u64) -> Result<Vec<ParkedEvent>, StoreError> {
        let select = format!("{SELECT} ORDER BY parked_at_us DESC, id DESC LIMIT ?");
        let rows: Vec<ParkedRow> =
            sql::fetch_all(self.database.readers(), &select, [(limit as i64).into()]).await?;
        Ok(rows.into_iter().map(ParkedEvent::from).collect())
    }

    /// Number of parked events.
    pub async fn count(&self) -> Result<i64, StoreError> {
        let select = "SELECT COUNT(*) FROM parked_event";
        Ok(sql::fetch_scalar(self.database.readers(), select, []).await?.unwrap_or(0))
    }

    /// One event, whole.
    pub async fn show(&self, id: &str) -> Result<Option<ParkedEvent>, StoreError> {
        find(self.database.readers(), id).await
    }

    /// Puts an event back into the outbox, byte for byte and so with the same event id; the relay
    /// publishes it. False: there is none of this id.
    pub async fn replay(&self, id: &str) -> Result<bool, ReplayError> {
        self.database
            .run_plain("replay_parked_event", |tx| async move {
                match find(tx.conn(), id).await? {
                    Some(event) => self.requeue(&tx, event).await.map(|()| true),
                    None => Ok(tx.unchanged(false)),
                }
            })
            .await
    }

    /// Deletes an event. False: there is none of this id.
    pub async fn drop(&self, id: &str) -> Result<bool, StoreError> {
        Ok(delete(self.database.writer(), id).await? > 0)
    }

    async fn requeue(&self, tx: &Tx, event: ParkedEvent) -> Result<(), ReplayError> {
        if event.value.len() > MAX_REPLAY_BYTES {
            return Err(ReplayError::TooLarge(event.value.len()));
        }
        let event_id = match Envelope::decode(&event.value) {
            Ok(envelope) => envelope.event_id,
            Err(_) => EventId::from_uuid(self.database.ids().uuid_v7(self.database.clock().now())),
        };
        let routing = match event.partition {
            UNPUBLISHED_EVERYWHERE => Routing::AllPartitions,
            _ => Routing::ByKey,
        };
        let record = EncodedRecord {
            event_id,
            topic: event.topic.parse::<Topic>()?,
            key: event.key,
            athlete: event.athlete,
            value: event.value,
            routing,
        };
        tx.insert_record(record).await?;
        delete(tx.conn(), &event.id).await?;
        Ok(())
    }
}

impl Parking for ParkedEvents {
    async fn park(&self, record: &Record, reason: &str) -> Result<(), anyhow::Error> {
        insert(self.database.writer(), &self.database, self.group, record, reason)
            .await
            .map_err(unavailable)
    }
}

impl From<ParkedRow> for ParkedEvent {
    fn from(row: ParkedRow) -> Self {
        let group = row
            .consumer_group
            .split_once(' ')
            .map_or(row.consumer_group.as_str(), |(group, _)| group)
            .to_owned();
        Self {
            id: row.id,
            topic: row.topic,
            partition: row.record_partition,
            offset: row.record_offset,
            group,
            key: row.record_key,
            value: row.value,
            reason: row.reason,
            athlete: row.athlete.and_then(|athlete| athlete.parse().ok()),
            parked_at: Timestamp::from_micros(row.parked_at_us),
        }
    }
}

async fn find<C: ConnectionTrait>(conn: &C, id: &str) -> Result<Option<ParkedEvent>, StoreError> {
    let select = format!("{SELECT} WHERE id = ?");
    let row: Option<ParkedRow> = sql::fetch_one(conn, &select, [id.into()]).await?;
    Ok(row.map(ParkedEvent::from))
}

async fn delete<C: ConnectionTrait>(conn: &C, id: &str) -> Result<u64, StoreError> {
    sql::execute(conn, "DELETE FROM parked_event WHERE id = ?", [id.into()]).await
}

/// Parks a record; parking it twice stores it once.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    database: &Database,
    group: &str,
    record: &Record,
    reason: &str,
) -> Result<(), StoreError> {
    let mut log = 1;
    loop {
        let group = group_in_log(group, log);
        match insert_as(conn, database, &group, record, reason).await {
            // Parked before, and the crash came before the offset was stored.
            Err(StoreError::UniqueViolation) if is_parked(conn, &group, record).await? => {
                return Ok(());
            }
            // Another record had this offset: the log was replaced by one that counts from the start.
            Err(StoreError::UniqueViolation) => log += 1,
            outcome => return outcome,
        }
    }
}

/// The stored name of a group: offsets identify a record only within one log.
fn group_in_log(group: &str, log: u32) -> String {
    if log == 1 { group.to_owned() } else { format!("{group} {log}") }
}

/// True if the record parked under this offset is this very record.
async fn is_parked<C: ConnectionTrait>(
    conn: &C,
    group: &str,
    record: &Record,
) -> Result<bool, StoreError> {
    let value: Option<Vec<u8>> = sql::fetch_scalar(
        conn,
        "SELECT value FROM parked_event WHERE topic = ? AND record_partition = ? AND record_offset = ? AND consumer_group = ?",
        [
            record.topic.name().into(),
            record.partition.into(),
            record.offset.into(),
            group.into(),
        ],
    )
    .await?;
    Ok(value.is_some_and(|value| value == record.value))
}

async fn insert_as<C: ConnectionTrait>(
    conn: &C,
    database: &Database,
    group: &str,
    record: &Record,
    reason: &str,
) -> Result<(), StoreError> {
    let now = database.clock().now();
    let athlete = Envelope::decode(&record.value).ok().and_then(|envelope| envelope.athlete);
    let reason: String = reason.chars().take(MAX_REASON).collect();
    sql::execute(
        conn,
        "INSERT INTO parked_event (id, topic, record_partition, record_offset, consumer_group, record_key, value, reason, athlete, \
         parked_at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            database.ids().uuid_v7(now).to_string().into(),
            record.topic.name().into(),
            record.partition.into(),
            record.offset.into(),
            group.into(),
            record.key.chars().take(MAX_KEY).collect::<String>().into(),
            record.value.clone().into(),
            reason.into(),
            athlete.map(|athlete| athlete.to_string()).into(),
            now.as_micros().into(),
        ],
    )
    .await?;
    Ok(())
}
