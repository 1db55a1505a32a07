//! The tables of ingest. Only this folder contains SQL.

pub(crate) mod activities;
pub(crate) mod backfills;
pub(crate) mod connections;
pub(crate) mod identities;
pub(crate) mod journal;
pub(crate) mod migrations;
pub(crate) mod observations;
mod row;
pub(crate) mod subscriptions;
pub(crate) mod unpublished;

use kernel::AthleteId;
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Deletes the rows of an athlete. The identities stay: a later connection finds the same ids again.
pub(crate) async fn delete_athlete(conn: &impl ConnectionTrait, athlete: AthleteId) -> Result<()> {
    for table in ["observation", "activity", "backfill", "journal", "connection"] {
        let delete = format!("DELETE FROM {table} WHERE athlete = ?");
        sql::execute(conn, &delete, [athlete.to_string().into()]).await?;
    }
    Ok(())
}
