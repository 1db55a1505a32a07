//! Messages that are not published yet.

use kernel::AthleteId;
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::row::get;

/// Counts the messages of these athletes that the relay has not published yet.
pub(crate) async fn count<C: ConnectionTrait>(
    conn: &C,
    athletes: &[AthleteId],
) -> Result<i64, StoreError> {
    if athletes.is_empty() {
        return Ok(0);
    }
    let query = format!(
        "SELECT COUNT(*) AS n FROM outbox WHERE published_at_us = 0 AND athlete IN ({})",
        sql::placeholders(athletes.len())
    );
    let values: Vec<sea_orm::Value> =
        athletes.iter().map(|athlete| athlete.to_string().into()).collect();
    match sql::one(conn, &query, values).await? {
        Some(row) => get(&row, "n"),
        None => Ok(0),
    }
}
