//! The built-in log's tables and statements.

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

use super::shelf::{Place, Positions};
use super::writer::Row;
use crate::Record;

const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS topic (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS head (topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, \
     PRIMARY KEY (topic, partition)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS record (topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, \
     key TEXT NOT NULL, value BLOB NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS group_offset (grp TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, \
     offset INTEGER NOT NULL, PRIMARY KEY (grp, topic, partition)) WITHOUT ROWID",
];

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
                // Forgetting includes the log: what is deleted is overwritten.
                .pragma("secure_delete", "ON")
        });
    Database::connect(options).await
}

pub(crate) async fn create(db: &DatabaseConnection) -> Result<(), DbErr> {
    for table in TABLES {
        db.execute_unprepared(table).await?;
    }
    Ok(())
}

/// The next offset of every partition of every topic under this prefix: behind the last record, or
/// where the sweep said that offsets go on.
pub(crate) async fn heads(
    db: &DatabaseConnection,
    prefix: &str,
) -> Result<HashMap<Topic, Vec<i64>>, DbErr> {
    let mut heads = HashMap::new();
    for row in db.query_all_raw(plain("SELECT name, partitions FROM topic")).await? {
        let (name, partitions): (String, i32) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let Some(topic) = topic_of(&name, prefix) else { continue };
        let mut next = Vec::new();
        for partition in 0..partitions {
            let row = db.query_one_raw(head(&name, partition)).await?;
            next.push(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0));
        }
        heads.insert(topic, next);
    }
    Ok(heads)
}

fn head(topic: &str, partition: i32) -> Statement {
    with(
        "SELECT MAX(COALESCE((SELECT MAX(offset) + 1 FROM record WHERE topic = ? AND partition = ?), 0), \
         COALESCE((SELECT next_offset FROM head WHERE topic = ? AND partition = ?), 0))",
        [topic.into(), partition.into(), topic.into(), partition.into()],
    )
}

fn topic_of(name: &str, prefix: &str) -> Option<Topic> {
    name.strip_prefix(prefix)?.parse().ok()
}

pub(crate) fn new_topic(name: &str, partitions: i32) -> Statement {
    with("INSERT INTO topic (name, partitions) VALUES (?, ?)", [name.into(), partitions.into()])
}

/// Puts rows at their offsets.
pub(crate) fn insert(prefix: &str, rows: Vec<(i64, Row)>, at: Timestamp) -> Statement {
    let sql = many(
        "INSERT INTO record (topic, partition, offset, key, value, at_us) VALUES ",
        "(?,?,?,?,?,?)",
        rows.len(),
    );
    let values = rows.into_iter().flat_map(|(offset, row)| {
        let topic = format!("{prefix}{}", row.topic);
        [
            topic.into(),
            row.partition.into(),
            offset.into(),
            row.key.into(),
            row.value.into(),
            at.as_micros().into(),
        ]
    });
    with(&sql, values)
}

pub(crate) fn upsert_head(topic: &str, partition: i32, next: i64) -> Statement {
    with(
        "INSERT INTO head (topic, partition, next_offset) VALUES (?, ?, ?) \
         ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset",
        [topic.into(), partition.into(), next.into()],
    )
}

pub(crate) fn upsert_positions(prefix: &str, positions: &Positions) -> Statement {
    let sql = many(
        "INSERT INTO group_offset (grp, topic, partition, offset) VALUES ",
        "(?,?,?,?)",
        positions.len(),
    ) + " ON CONFLICT (grp, topic, partition) DO UPDATE SET offset = excluded.offset";
    let values = positions.iter().flat_map(|((group, place), next)| {
        let topic = format!("{prefix}{}", place.topic);
        [group.to_string().into(), topic.into(), place.partition.into(), (*next).into()]
    });
    with(&sql, values)
}

pub(crate) fn position(group: &str, topic: &str, partition: i32) -> Statement {
    with(
        "SELECT offset FROM group_offset WHERE grp = ? AND topic = ? AND partition = ?",
        [group.into(), topic.into(), partition.into()],
    )
}

pub(crate) fn records(topic: &str, partition: i32, from: i64, limit: i64) -> Statement {
    with(
        "SELECT offset, key, value, at_us FROM record WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?",
        [topic.into(), partition.into(), from.into(), limit.into()],
    )
}

pub(crate) fn record(place: Place, row: &QueryResult) -> Result<Record, DbErr> {
    Ok(Record {
        topic: place.topic,
        partition: place.partition,
        offset: row.try_get_by_index(0)?,
        key: row.try_get_by_index(1)?,
        value: row.try_get_by_index(2)?,
        timestamp: Timestamp::from_micros(row.try_get_by_index(3)?),
    })
}

/// Per group: the records that are not settled.
pub(crate) fn unhandled(prefix: &str) -> Statement {
    with(
        "SELECT g.grp, COUNT(*) FROM group_offset AS g JOIN record AS r \
         ON r.topic = g.topic AND r.partition = g.partition AND r.offset >= g.offset \
         WHERE substr(g.topic, 1, ?) = ? GROUP BY g.grp",
        [(prefix.chars().count() as i64).into(), prefix.into()],
    )
}

/// The oldest offset of a partition that is not older than this instant.
pub(crate) fn first_kept(topic: &str, partition: i32, not_before: Timestamp) -> Statement {
    with(
        "SELECT offset FROM record WHERE topic = ? AND partition = ? AND at_us >= ? ORDER BY offset LIMIT 1",
        [topic.into(), partition.into(), not_before.as_micros().into()],
    )
}

/// Deletes at most `limit` records of a partition below this offset.
pub(crate) fn delete_below(place: (&str, i32), below: i64, limit: i64) -> Statement {
    let (topic, partition) = place;
    with(
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

/// Deletes a topic with all that belongs to it.
pub(crate) fn delete_topic(topic: &str) -> [Statement; 4] {
    [
        with("DELETE FROM record WHERE topic = ?", [topic.into()]),
        with("DELETE FROM head WHERE topic = ?", [topic.into()]),
        with("DELETE FROM group_offset WHERE topic = ?", [topic.into()]),
        with("DELETE FROM topic WHERE name = ?", [topic.into()]),
    ]
}

fn many(start: &str, row: &str, count: usize) -> String {
    format!("{start}{}", vec![row; count].join(","))
}

fn with(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

fn plain(sql: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, sql)
}
