//! Messages that are not published yet.

use kernel::AthleteId;
use outbox::sql;
use sea_orm::{ConnectionTrait, Value};

use super::Result;

/// Counts the messages of these athletes that the relay has not published yet.
pub(crate) async fn count(conn: &impl ConnectionTrait, athletes: &[AthleteId]) -> Result<i64> {
    if athletes.is_empty() {
        return Ok(0);
    }
    let select = format!(
        "SELECT COUNT(*) FROM outbox WHERE published_at_us = 0 AND athlete IN ({})",
        sql::placeholders(athletes.len())
    );
    let values = athletes.iter().map(|athlete| Value::from(athlete.to_string()));
    Ok(sql::fetch_scalar(conn, &select, values).await?.unwrap_or(0))
}
