//! Notices a database that was wiped, wholly or in part.

use outbox::{ReplayMonitor, StoreError};

use super::ServiceContext;
use super::rebuild::{rebuild, rebuild_all};
use crate::store::{database_id, facts, totals};

/// The database is not the one the service was started on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database of stats was wiped or replaced under the running service ({reason}); \
     start the program again: it asks for a replay of everything and comes up whole"
)]
pub(crate) struct DatabaseReplaced {
    reason: &'static str,
}

/// Checks that the database is still the one the service was started on.
///
/// Nothing is concluded from an error of the store: it is returned.
pub(crate) async fn check_database(
    ctx: &ServiceContext,
) -> Result<Option<DatabaseReplaced>, StoreError> {
    let replaced = |reason| Ok(Some(DatabaseReplaced { reason }));
    if let Some(file) = &ctx.database_file
        && matches!(tokio::fs::try_exists(file).await, Ok(false))
    {
        return replaced("its file is gone");
    }
    let conn = ctx.database.readers();
    match database_id::find(conn).await {
        Ok(Some(id)) if id == ctx.database_id => Ok(None),
        Ok(Some(_)) => replaced("it has another id"),
        Ok(None) => replaced("its id is gone"),
        Err(error) if error.is_unknown_database() => replaced("it is gone"),
        Err(StoreError::Other(_)) if !database_id::table_exists(conn).await? => {
            replaced("its tables are gone")
        }
        Err(error) => Err(error),
    }
}

/// Repairs a database that lost its facts or totals while the service was down.
///
/// Runs before anything is counted, which would hide the loss.
pub(crate) async fn repair_database(
    ctx: &ServiceContext,
    replays: &ReplayMonitor,
) -> Result<(), StoreError> {
    let conn = ctx.database.readers();
    if !facts::any_exist(conn).await? {
        // All of them may have been erased and purged: then one replay too many is requested.
        if facts::any_ever_existed(conn).await? {
            tracing::warn!("no facts are stored of athletes that had some; requesting a replay");
            replays.request_everything().await?;
            rebuild_all(ctx).await?;
        }
    } else if !totals::any_exist(conn).await? && facts::any_counted_exist(conn).await? {
        tracing::warn!("facts are stored, but no totals; rebuilding them");
        rebuild_all(ctx).await?;
    }
    // Also those whose rebuild failed or was interrupted at an earlier start.
    for athlete in totals::list_athletes_without(conn).await? {
        tracing::warn!(%athlete, "facts of an athlete are stored, but no totals; rebuilding them");
        rebuild(ctx, athlete).await?;
    }
    Ok(())
}
