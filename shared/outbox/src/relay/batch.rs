//! One batch of outbox rows: taken, published, marked; purged later.

use std::collections::HashSet;
use std::time::Duration;

use contracts::Topic;
use event_bus::{OutgoingRecord, PublishError, Record};
use kernel::Timestamp;
use sea_orm::{QueryResult, Value};

use super::lease::Lease;
use crate::parked::{self, RELAY};
use crate::{Database, StoreError, sql};

/// How many rows are published together.
const SIZE: i64 = 200;
/// How many published rows are deleted together.
const PURGE: i64 = 500;
/// How long a published row stays, for whoever wonders where an event is.
const KEEP: Duration = Duration::from_mins(10);

/// Rows that are to be published, in the order of their ids.
#[derive(Debug)]
pub(super) struct Batch(Vec<Row>);

#[derive(Debug)]
struct Row {
    id: i64,
    record: OutgoingRecord,
}

impl Batch {
    /// Whether there is anything to publish: a look at an index, on a reader.
    pub(super) async fn waiting(database: &Database) -> Result<bool, StoreError> {
        let row = sql::one(
            database.readers(),
            "SELECT id FROM outbox WHERE published_at_us = 0 LIMIT 1",
            [],
        )
        .await?;
        Ok(row.is_some())
    }

    /// The next rows, with the lease; none while another relay has it.
    pub(super) async fn take(
        database: &Database,
        lease: &mut Lease,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let unit = database.begin().await?;
        if !lease.take(&unit.tx, now).await? {
            return Ok(None);
        }
        let rows = sql::all(
            &unit.tx,
            "SELECT id, topic, record_key, everywhere, value FROM outbox WHERE published_at_us = 0 ORDER BY id LIMIT ?",
            [SIZE.into()],
        )
        .await?;
        unit.tx.commit().await?;
        rows.iter().map(row).collect::<Result<_, _>>().map(Self).map(Some)
    }

    /// What goes to the bus.
    pub(super) fn records(&self) -> Vec<OutgoingRecord> {
        self.0.iter().map(|row| row.record.clone()).collect()
    }

    /// Marks what the bus has, parks what it will never take, and hands the lease on. False if
    /// something is left to be tried again.
    pub(super) async fn settle(
        self,
        database: &Database,
        lease: &mut Lease,
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
                        "the bus refuses an event for good: parked"
                    );
                    settled.push(row.id);
                    refused.push((row, reason));
                }
                Err(error) => {
                    if complete {
                        tracing::warn!(%error, "the bus did not take an event; it is tried again");
                    }
                    complete = false;
                    stuck.insert(key);
                }
            }
        }
        metrics::counter!("outbox_published_total")
            .increment((settled.len() - refused.len()) as u64);
        let unit = database.begin().await?;
        for (row, reason) in &refused {
            let OutgoingRecord { topic, key, value, to_every_partition } = row.record.clone();
            let partition = if to_every_partition {
                parked::UNPUBLISHED_EVERYWHERE
            } else {
                parked::UNPUBLISHED
            };
            let record = Record { topic, partition, offset: row.id, key, value, timestamp: now };
            parked::insert(&unit.tx, database, RELAY, &record, reason).await?;
        }
        if !settled.is_empty() {
            let mark = format!(
                "UPDATE outbox SET published_at_us = ? WHERE id IN ({})",
                sql::placeholders(settled.len())
            );
            let values = std::iter::once(Value::from(now.as_micros()))
                .chain(settled.into_iter().map(Value::from));
            sql::execute(&unit.tx, &mark, values.collect::<Vec<_>>()).await?;
        }
        lease.release(&unit.tx).await?;
        unit.tx.commit().await?;
        Ok(complete)
    }
}

/// Deletes the rows that were published a while ago; true if some are left to be deleted one day.
pub(super) async fn purge(database: &Database, now: Timestamp) -> Result<bool, StoreError> {
    loop {
        let old = sql::all(
            database.readers(),
            "SELECT id FROM outbox WHERE published_at_us > 0 AND published_at_us < ? ORDER BY published_at_us LIMIT ?",
            [now.minus(KEEP).as_micros().into(), PURGE.into()],
        )
        .await?;
        let ids = old
            .iter()
            .map(|row| Ok(row.try_get::<i64>("", "id")?.into()))
            .collect::<Result<Vec<Value>, StoreError>>()?;
        if !ids.is_empty() {
            let delete =
                format!("DELETE FROM outbox WHERE id IN ({})", sql::placeholders(ids.len()));
            sql::execute(database.writer(), &delete, ids).await?;
        }
        if (old.len() as i64) < PURGE {
            break;
        }
    }
    Ok(sql::one(database.readers(), "SELECT id FROM outbox WHERE published_at_us > 0 LIMIT 1", [])
        .await?
        .is_some())
}

fn row(row: &QueryResult) -> Result<Row, StoreError> {
    let topic: String = row.try_get("", "topic")?;
    let topic: Topic = topic.parse().map_err(|error: contracts::UnknownTopic| {
        StoreError::inconsistent(format!("an outbox row is broken: {error}"))
    })?;
    Ok(Row {
        id: row.try_get("", "id")?,
        record: OutgoingRecord {
            topic,
            key: row.try_get("", "record_key")?,
            value: row.try_get("", "value")?,
            to_every_partition: row.try_get::<i32>("", "everywhere")? != 0,
        },
    })
}
