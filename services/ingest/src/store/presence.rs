//! When we were last there: a long absence means that webhooks were missed.

use kernel::Timestamp;
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::row::get;

const NAME: &str = "ingest";

/// When we were last there; none on the first start.
pub(crate) async fn last<C: ConnectionTrait>(conn: &C) -> Result<Option<Timestamp>, StoreError> {
    let row = sql::one(conn, "SELECT at_us FROM presence WHERE name = ?", [NAME.into()]).await?;
    row.map(|row| Ok(Timestamp::from_micros(get(&row, "at_us")?))).transpose()
}

/// We are here.
pub(crate) async fn note<C: ConnectionTrait>(conn: &C, now: Timestamp) -> Result<(), StoreError> {
    let at = now.as_micros();
    if sql::execute(conn, "UPDATE presence SET at_us = ? WHERE name = ?", [at.into(), NAME.into()]).await? > 0 {
        return Ok(());
    }
    match sql::execute(conn, "INSERT INTO presence (name, at_us) VALUES (?, ?)", [NAME.into(), at.into()]).await {
        Err(error) if !error.is_unique() => Err(error),
        _ => Ok(()),
    }
}
