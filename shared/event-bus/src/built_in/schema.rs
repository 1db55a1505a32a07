//! Tables and SQL statements of the built-in log.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, QueryResult,
    Statement, Value,
};

use super::log_state::GroupOffsets;
use crate::Record;
use crate::record::TopicPartition;

const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS topic (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS head (topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, \
     PRIMARY KEY (topic, partition)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS record (topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, \
     key TEXT NOT NULL, value BLOB NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS group_offset (grp TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, \
     offset INTEGER NOT NULL, PRIMARY KEY (grp, topic, partition)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS epoch (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID",
];

/// A record that has its partition but no offset yet.
#[derive(Debug)]
pub(crate) struct NewRecord {
    pub(crate) topic_partition: TopicPartition,
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
}

/// Opens the file with at most this many connections.
pub(crate) async fn connect(file: &Path, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite://bus.db");
    let file = file.to_owned();
    options
        .max_connections(connections)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .filename(&file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(5))
                // Deleted records are overwritten, for erasure includes the log.
                .pragma("secure_delete", "ON")
        });
    Database::connect(options).await
}

pub(crate) async fn create_tables(db: &DatabaseConnection) -> Result<(), DbErr> {
    for table in TABLES {
        db.execute_unprepared(table).await?;
    }
    Ok(())
}

/// Loads the next offset of every partition of every topic under this prefix: the one after the last
/// record, or the one stored by the sweep that deleted it.
pub(crate) async fn load_heads(
    db: &DatabaseConnection,
    prefix: &str,
) -> Result<HashMap<Topic, Vec<i64>>, DbErr> {
    let mut heads = HashMap::new();
    for row in db.query_all_raw(statement("SELECT name, partitions FROM topic", [])).await? {
        let name: String = row.try_get_by_index(0)?;
        let partitions: i32 = row.try_get_by_index(1)?;
        let Some(topic) = name.strip_prefix(prefix).and_then(|name| name.parse().ok()) else {
            continue;
        };
        let mut next_offsets = Vec::new();
        for partition in 0..partitions {
            let row = db.query_one_raw(select_head(&name, partition)).await?;
            next_offsets.push(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0));
        }
        heads.insert(topic, next_offsets);
    }
    Ok(heads)
}

fn select_head(topic: &str, partition: i32) -> Statement {
    statement(
        "SELECT MAX(COALESCE((SELECT MAX(offset) + 1 FROM record WHERE topic = ? AND partition = ?), 0), \
         COALESCE((SELECT next_offset FROM head WHERE topic = ? AND partition = ?), 0))",
        [topic.into(), partition.into(), topic.into(), partition.into()],
    )
}

pub(crate) fn insert_topic(name: &str, partitions: i32) -> Statement {
    statement(
        "INSERT INTO topic (name, partitions) VALUES (?, ?)",
        [name.into(), partitions.into()],
    )
}

/// Inserts records at their offsets.
pub(crate) fn insert_records(
    prefix: &str,
    records: Vec<(i64, NewRecord)>,
    now: Timestamp,
) -> Statement {
    let sql = repeat_row(
        "INSERT INTO record (topic, partition, offset, key, value, at_us) VALUES ",
        "(?,?,?,?,?,?)",
        records.len(),
    );
    let values = records.into_iter().flat_map(|(offset, record)| {
        let TopicPartition { topic, partition } = record.topic_partition;
        [
            format!("{prefix}{topic}").into(),
            partition.into(),
            offset.into(),
            record.key.into(),
            record.value.into(),
            now.as_micros().into(),
        ]
    });
    statement(&sql, values)
}

pub(crate) fn upsert_head(topic: &str, partition: i32, next: i64) -> Statement {
    statement(
        "INSERT INTO head (topic, partition, next_offset) VALUES (?, ?, ?) \
         ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset",
        [topic.into(), partition.into(), next.into()],
    )
}

pub(crate) fn upsert_group_offsets(prefix: &str, offsets: &GroupOffsets) -> Statement {
    let sql = repeat_row(
        "INSERT INTO group_offset (grp, topic, partition, offset) VALUES ",
        "(?,?,?,?)",
        offsets.len(),
    ) + " ON CONFLICT (grp, topic, partition) DO UPDATE SET offset = excluded.offset";
    let values = offsets.iter().flat_map(|((group, topic_partition), next)| {
        let topic = format!("{prefix}{}", topic_partition.topic);
        [group.to_string().into(), topic.into(), topic_partition.partition.into(), (*next).into()]
    });
    statement(&sql, values)
}

pub(crate) fn select_group_offset(group: &str, topic: &str, partition: i32) -> Statement {
    statement(
        "SELECT offset FROM group_offset WHERE grp = ? AND topic = ? AND partition = ?",
        [group.into(), topic.into(), partition.into()],
    )
}

pub(crate) fn select_records(topic: &str, partition: i32, from: i64, limit: i64) -> Statement {
    statement(
        "SELECT offset, key, value, at_us FROM record WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?",
        [topic.into(), partition.into(), from.into(), limit.into()],
    )
}

pub(crate) fn record_from_row(
    topic_partition: TopicPartition,
    row: &QueryResult,
) -> Result<Record, DbErr> {
    Ok(Record {
        topic: topic_partition.topic,
        partition: topic_partition.partition,
        offset: row.try_get_by_index(0)?,
        key: row.try_get_by_index(1)?,
        value: row.try_get_by_index(2)?,
        timestamp: Timestamp::from_micros(row.try_get_by_index(3)?),
    })
}

/// Counts the unsettled records of every group.
pub(crate) fn count_lag(prefix: &str) -> Statement {
    statement(
        "SELECT g.grp, COUNT(*) FROM group_offset AS g JOIN record AS r \
         ON r.topic = g.topic AND r.partition = g.partition AND r.offset >= g.offset \
         WHERE substr(g.topic, 1, ?) = ? GROUP BY g.grp",
        [(prefix.chars().count() as i64).into(), prefix.into()],
    )
}

/// Selects the lowest offset of a partition that is not older than this instant.
pub(crate) fn select_first_retained(
    topic: &str,
    partition: i32,
    not_before: Timestamp,
) -> Statement {
    statement(
        "SELECT offset FROM record WHERE topic = ? AND partition = ? AND at_us >= ? ORDER BY offset LIMIT 1",
        [topic.into(), partition.into(), not_before.as_micros().into()],
    )
}

/// Deletes at most `limit` records of a partition below this offset.
pub(crate) fn delete_below(topic: &str, partition: i32, below: i64, limit: i64) -> Statement {
    statement(
        "DELETE FROM record WHERE topic = ? AND partition = ? AND offset < ? AND offset < \
         (SELECT MIN(offset) FROM record WHERE topic = ? AND partition = ?) + ?",
        [
            topic.into(),
            partition.into(),
            below.into(),
            topic.into(),
            partition.into(),
            limit.into(),
        ],
    )
}

/// Deletes a topic with its records, heads and group offsets.
pub(crate) fn delete_topic(topic: &str) -> [Statement; 4] {
    [
        "DELETE FROM record WHERE topic = ?",
        "DELETE FROM head WHERE topic = ?",
        "DELETE FROM group_offset WHERE topic = ?",
        "DELETE FROM topic WHERE name = ?",
    ]
    .map(|sql| statement(sql, [topic.into()]))
}

fn repeat_row(insert: &str, row: &str, count: usize) -> String {
    format!("{insert}{}", vec![row; count].join(","))
}

pub(crate) fn select_epoch(name: &str) -> Statement {
    statement("SELECT epoch FROM epoch WHERE name = ?", [name.into()])
}

pub(crate) fn upsert_epoch(name: &str, epoch: i64) -> Statement {
    let upsert = "INSERT INTO epoch (name, epoch) VALUES (?, ?) \
         ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch";
    statement(upsert, [name.into(), epoch.into()])
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
