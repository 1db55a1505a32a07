//! Parked events: what no handler could take, whole and with its reason, until somebody decides.

use contracts::{Envelope, Topic, payload_name};
use event_bus::{OutgoingRecord, Parking, PublishError, Publisher, Record};
use kernel::{AthleteId, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::database::unavailable;
use crate::{Database, StoreError, sql};

/// The longest reason kept.
const REASON: usize = 1000;
/// The group that parks what the relay could not publish.
pub(crate) const RELAY: &str = "relay";
/// The partition of an event that could not be published.
pub(crate) const UNPUBLISHED: i32 = -1;
/// The same for one that was meant for every partition of its topic.
pub(crate) const UNPUBLISHED_EVERYWHERE: i32 = -2;

/// A service's parked events.
#[derive(Clone, Debug)]
pub struct ParkedEvents {
    database: Database,
    group: &'static str,
}

/// One parked event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its own id, for `show`, `replay` and `drop`.
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
    /// Why it is here.
    pub reason: String,
    /// Whose it is, as far as it can be read.
    pub athlete: Option<AthleteId>,
    /// Since when.
    pub parked_at: Timestamp,
}

impl Parked {
    /// What kind of event it is, as far as it can be read.
    pub fn kind(&self) -> Option<&'static str> {
        Envelope::decode(&self.value).ok().map(|envelope| payload_name(&envelope.payload))
    }
}

/// Why a parked event could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus said no.
    #[error("the event could not be published again")]
    Publish(#[source] PublishError),
    /// It came from a topic that is none of ours.
    #[error(transparent)]
    Topic(#[from] contracts::UnknownTopic),
}

impl ParkedEvents {
    /// The parked events of the service whose database this is, for its group of the same name.
    pub fn new(database: Database) -> Self {
        Self { database, group: "" }
    }

    /// The same, for what this group parks.
    #[must_use]
    pub fn for_group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    /// The newest first, without their values being of use to a list: at most `limit`.
    pub async fn list(&self, limit: u64) -> Result<Vec<Parked>, StoreError> {
        sql::all(
            self.database.readers(),
            "SELECT * FROM parked_event ORDER BY parked_at_us DESC, id DESC LIMIT ?",
            [(limit as i64).into()],
        )
        .await?
        .iter()
        .map(parked)
        .collect()
    }

    /// How many there are.
    pub async fn count(&self) -> Result<i64, StoreError> {
        let row =
            sql::one(self.database.readers(), "SELECT COUNT(*) AS n FROM parked_event", []).await?;
        Ok(row.map(|row| row.try_get("", "n")).transpose()?.unwrap_or(0))
    }

    /// One of them, whole.
    pub async fn show(&self, id: &str) -> Result<Option<Parked>, StoreError> {
        sql::one(self.database.readers(), "SELECT * FROM parked_event WHERE id = ?", [id.into()])
            .await?
            .as_ref()
            .map(parked)
            .transpose()
    }

    /// Publishes it again, byte for byte and so with the same event id, and forgets it once the bus
    /// has it. False: there is none of this id.
    pub async fn replay(&self, id: &str, publisher: &Publisher) -> Result<bool, ReplayError> {
        let Some(event) = self.show(id).await? else {
            return Ok(false);
        };
        let outgoing = OutgoingRecord {
            topic: event.topic.parse::<Topic>()?,
            key: event.key,
            value: event.value,
            to_every_partition: event.partition == UNPUBLISHED_EVERYWHERE,
        };
        for outcome in publisher.publish_many(vec![outgoing]).await {
            outcome.map_err(ReplayError::Publish)?;
        }
        self.drop(id).await?;
        Ok(true)
    }

    /// Forgets it. False: there is none of this id.
    pub async fn drop(&self, id: &str) -> Result<bool, StoreError> {
        let dropped = sql::execute(
            self.database.writer(),
            "DELETE FROM parked_event WHERE id = ?",
            [id.into()],
        )
        .await?;
        Ok(dropped > 0)
    }
}

impl Parking for ParkedEvents {
    async fn park(&self, record: &Record, reason: &str) -> Result<(), anyhow::Error> {
        insert(self.database.writer(), &self.database, self.group, record, reason)
            .await
            .map_err(unavailable)
    }
}

/// Parks a record; parking it twice keeps one.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    database: &Database,
    group: &str,
    record: &Record,
    reason: &str,
) -> Result<(), StoreError> {
    let mut log = 1;
    loop {
        let group = in_log(group, log);
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

/// The group as it is stored: offsets name a record only within one log.
fn in_log(group: &str, log: u32) -> String {
    if log == 1 { group.to_owned() } else { format!("{group} {log}") }
}

/// Whether what is parked under this offset is this very record.
async fn is_parked<C: ConnectionTrait>(
    conn: &C,
    group: &str,
    record: &Record,
) -> Result<bool, StoreError> {
    let row = sql::one(
        conn,
        "SELECT value FROM parked_event WHERE topic = ? AND at_partition = ? AND at_offset = ? AND grp = ?",
        [
            record.topic.name().into(),
            record.partition.into(),
            record.offset.into(),
            group.into(),
        ],
    )
    .await?;
    let value: Option<Vec<u8>> = row.map(|row| row.try_get("", "value")).transpose()?;
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
    let reason: String = reason.chars().take(REASON).collect();
    sql::execute(
        conn,
        "INSERT INTO parked_event (id, topic, at_partition, at_offset, grp, record_key, value, reason, athlete, \
         parked_at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            database.ids().uuid_v7(now).to_string().into(),
            record.topic.name().into(),
            record.partition.into(),
            record.offset.into(),
            group.into(),
            record.key.chars().take(191).collect::<String>().into(),
            record.value.clone().into(),
            reason.into(),
            athlete.map(|athlete| athlete.to_string()).into(),
            now.as_micros().into(),
        ],
    )
    .await?;
    Ok(())
}

fn parked(row: &QueryResult) -> Result<Parked, StoreError> {
    let athlete: Option<String> = row.try_get("", "athlete")?;
    let stored: String = row.try_get("", "grp")?;
    let group = stored.split_once(' ').map_or(stored.as_str(), |(group, _)| group).to_owned();
    Ok(Parked {
        id: row.try_get("", "id")?,
        topic: row.try_get("", "topic")?,
        partition: row.try_get("", "at_partition")?,
        offset: row.try_get("", "at_offset")?,
        group,
        key: row.try_get("", "record_key")?,
        value: row.try_get("", "value")?,
        reason: row.try_get("", "reason")?,
        athlete: athlete.and_then(|athlete| athlete.parse().ok()),
        parked_at: Timestamp::from_micros(row.try_get("", "parked_at_us")?),
    })
}
