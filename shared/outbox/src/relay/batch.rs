//! One batch of outbox rows: read, published, marked; purged later.

use std::collections::HashSet;
use std::time::Duration;

use contracts::Topic;
use event_bus::{OutgoingRecord, PublishError, Record};
use kernel::Timestamp;
use sea_orm::{FromQueryResult, Value};

use crate::parked::{self, RELAY};
use crate::{Database, Singleton, StoreError, Tx, sql};

/// Rows that are published together.
const BATCH_SIZE: i64 = 200;
/// Published rows that are deleted together.
const PURGE_SIZE: i64 = 500;
/// Retention of a published row, for whoever looks for an event.
const RETENTION: Duration = Duration::from_mins(10);

/// Unpublished rows in the order of their ids.
#[derive(Debug)]
pub(super) struct Batch(Vec<UnpublishedRow>);

#[derive(Clone, Debug)]
struct UnpublishedRow {
    id: i64,
    record: OutgoingRecord,
}

#[derive(FromQueryResult)]
struct OutboxRow {
    id: i64,
    topic: String,
    record_key: String,
    to_all_partitions: i32,
    value: Vec<u8>,
}

impl Batch {
    /// The next unpublished rows; empty if there are none.
    pub(super) async fn load(database: &Database) -> Result<Self, StoreError> {
        let rows: Vec<OutboxRow> = sql::fetch_all(
            database.readers(),
            "SELECT id, topic, record_key, to_all_partitions, value FROM outbox WHERE published_at_us = 0 ORDER BY id LIMIT ?",
            [BATCH_SIZE.into()],
        )
        .await?;
        rows.into_iter().map(UnpublishedRow::try_from).collect::<Result<_, _>>().map(Self)
    }

    /// True if nothing is to be published.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The records to publish.
    pub(super) fn records(&self) -> Vec<OutgoingRecord> {
        self.0.iter().map(|row| row.record.clone()).collect()
    }

    /// Marks what the bus has, parks what it refuses for good, and releases the lease. False if
    /// something is left to be tried again.
    pub(super) async fn mark(
        self,
        database: &Database,
        singleton: Option<&Singleton>,
        answers: Vec<Result<(), PublishError>>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (mut settled, mut refused, mut complete) = (Vec::new(), Vec::new(), true);
        let mut stuck = HashSet::new();
        let mut answers = answers.into_iter();
        for row in self.0 {
            let key = (row.record.topic, row.record.key.clone());
            match answers.next().unwrap_or(Err(PublishError::Unconfirmed)) {
                // Behind one of its key that did not arrive: published again after it, for order's sake.
                Ok(()) if !stuck.contains(&key) => settled.push(row.id),
                Ok(()) => {}
                Err(PublishError::Refused(reason)) => {
                    tracing::error!(
                        outbox = row.id,
                        reason,
                        "the bus refuses an event for good; it is parked"
                    );
                    settled.push(row.id);
                    refused.push((row, reason));
                }
                Err(error) => {
                    if complete {
                        // That the log is away is told once, by the bus.
                        tracing::debug!(%error, "the bus did not take an event; it is tried again");
                    }
                    complete = false;
                    stuck.insert(key);
                }
            }
        }
        metrics::counter!("outbox_published_total")
            .increment((settled.len() - refused.len()) as u64);
        let (settled, refused) = (&settled, &refused);
        database
            .run_plain("mark_published", |tx| async move {
                for (row, reason) in refused {
                    park_refused(database, &tx, row, reason, now).await?;
                }
                if !settled.is_empty() {
                    let mark = format!(
                        "UPDATE outbox SET published_at_us = ? WHERE id IN ({})",
                        sql::placeholders(settled.len())
                    );
                    let ids = settled.iter().copied().map(Value::from);
                    let values = std::iter::once(Value::from(now.as_micros())).chain(ids);
                    sql::execute(tx.conn(), &mark, values.collect::<Vec<_>>()).await?;
                }
                match singleton {
                    Some(singleton) => singleton.release(&tx).await,
                    None => Ok(()),
                }
            })
            .await?;
        Ok(complete)
    }
}

async fn park_refused(
    database: &Database,
    tx: &Tx,
    row: &UnpublishedRow,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let OutgoingRecord { topic, key, value, to_every_partition } = row.record.clone();
    let partition =
        if to_every_partition { parked::UNPUBLISHED_EVERYWHERE } else { parked::UNPUBLISHED };
    let record = Record { topic, partition, offset: row.id, key, value, timestamp: now };
    parked::insert(tx.conn(), database, RELAY, &record, reason).await
}

/// Deletes rows that were published a while ago; true if some are left to be deleted later.
pub(super) async fn purge(database: &Database, now: Timestamp) -> Result<bool, StoreError> {
    loop {
        let ids: Vec<i64> = sql::fetch_scalars(
            database.readers(),
            "SELECT id FROM outbox WHERE published_at_us > 0 AND published_at_us < ? ORDER BY published_at_us LIMIT ?",
            [now.minus(RETENTION).as_micros().into(), PURGE_SIZE.into()],
        )
        .await?;
        let count = ids.len() as i64;
        if count > 0 {
            let delete =
                format!("DELETE FROM outbox WHERE id IN ({})", sql::placeholders(ids.len()));
            let values: Vec<Value> = ids.into_iter().map(Value::from).collect();
            sql::execute(database.writer(), &delete, values).await?;
        }
        if count < PURGE_SIZE {
            break;
        }
    }
    let select = "SELECT id FROM outbox WHERE published_at_us > 0 LIMIT 1";
    Ok(sql::fetch_scalar::<i64>(database.readers(), select, []).await?.is_some())
}

impl TryFrom<OutboxRow> for UnpublishedRow {
    type Error = StoreError;

    fn try_from(row: OutboxRow) -> Result<Self, StoreError> {
        let topic: Topic = row.topic.parse().map_err(|error: contracts::UnknownTopic| {
            StoreError::inconsistent(format!("outbox row {}: {error}", row.id))
        })?;
        let record = OutgoingRecord {
            topic,
            key: row.record_key,
            value: row.value,
            to_every_partition: row.to_all_partitions != 0,
        };
        Ok(Self { id: row.id, record })
    }
}
