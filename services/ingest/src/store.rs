//! The tables of ingest. Only this folder contains SQL.

pub(crate) mod activities;
pub(crate) mod backfills;
pub(crate) mod connections;
pub(crate) mod exports;
pub(crate) mod identities;
pub(crate) mod journal;
pub(crate) mod migrations;
pub(crate) mod observations;
mod row;
pub(crate) mod subscriptions;
pub(crate) mod unpublished;

use kernel::AthleteId;
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Deletes up to `limit` rows of a table of the athlete, by one column of its key, and returns their number.
pub(crate) async fn delete_batch(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    (table, key): (&str, &str),
    limit: u64,
) -> Result<u64> {
    #[derive(FromQueryResult)]
    struct KeyRow {
        key_value: String,
    }
    let select = format!("SELECT {key} AS key_value FROM {table} WHERE athlete = ? LIMIT ?");
    let athlete = athlete.to_string();
    let keys: Vec<KeyRow> =
        sql::fetch_all(conn, &select, [athlete.clone().into(), limit.into()]).await?;
    if keys.is_empty() {
        return Ok(0);
    }
    let delete = format!(
        "DELETE FROM {table} WHERE athlete = ? AND {key} IN ({})",
        sql::placeholders(keys.len())
    );
    let keys = keys.into_iter().map(|row| row.key_value.into());
    sql::execute(conn, &delete, std::iter::once(athlete.into()).chain(keys)).await
}

/// Deletes the rows of a table of the athlete, and returns their number.
pub(crate) async fn delete_all(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    table: &str,
) -> Result<u64> {
    let delete = format!("DELETE FROM {table} WHERE athlete = ?");
    sql::execute(conn, &delete, [athlete.to_string().into()]).await
}
