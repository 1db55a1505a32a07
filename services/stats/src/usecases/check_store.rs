//! Notices that the database was wiped under the running service, and begins anew.

use outbox::StoreError;

use super::Core;
use super::ask_again::ask_for_everything;
use super::rebuild::rebuild_all;
use crate::store::facts::Stock;
use crate::store::{facts, incarnation, standing, totals};

/// How the database was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// As it should be.
    Whole,
    /// Rows were gone; everything was asked for again.
    Emptied,
    /// Totals were gone; they were made again from the facts.
    WithoutTotals,
    /// The file, the database or a table is gone: it must be opened anew.
    Lost,
}

/// What an earlier look did, so that one loss causes one question.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Everything was asked for because there were no facts, and there are none yet.
    asked_for_want_of_facts: bool,
}

/// Looks, and puts right what can be put right in place.
pub(crate) async fn check_store(core: &Core, seen: &mut Seen) -> Result<Found, StoreError> {
    let found = match look(core, *seen).await {
        // Not away, and yet it does not understand us: a table or the whole database is gone.
        Err(StoreError::Other(error)) => {
            tracing::warn!(%error, "the database has lost its tables");
            Found::Lost
        }
        looked => looked?,
    };
    match found {
        Found::Whole | Found::Lost => {}
        Found::Emptied => {
            tracing::warn!("the database was emptied; asking for everything again");
            core.store.begin_again().await?;
            ask_for_everything(core).await?;
            rebuild_all(core).await?;
            core.everything_changed();
        }
        Found::WithoutTotals => {
            tracing::warn!("the totals were emptied; making them again");
            rebuild_all(core).await?;
            core.everything_changed();
        }
    }
    if found != Found::Lost {
        let empty = facts::stock(core.store.database().readers()).await? == Stock::Nothing;
        seen.asked_for_want_of_facts =
            empty && (seen.asked_for_want_of_facts || found == Found::Emptied);
    }
    Ok(found)
}

/// Opens the database anew after it was lost, and asks for everything.
pub(crate) async fn begin_anew(core: &Core) -> Result<(), StoreError> {
    core.store.reopen().await?;
    core.everything_changed();
    ask_for_everything(core).await
}

async fn look(core: &Core, seen: Seen) -> Result<Found, StoreError> {
    if let Some(file) = core.store.file()
        && matches!(tokio::fs::try_exists(file).await, Ok(false))
    {
        tracing::warn!("the database's file is gone");
        return Ok(Found::Lost);
    }
    let database = core.store.database();
    let conn = database.readers();
    match incarnation::read(conn).await? {
        None => return Ok(Found::Emptied),
        Some(name) if *name != *core.store.incarnation() => {
            // Another instance began anew and asked.
            core.store.begin_again().await?;
            core.everything_changed();
        }
        Some(_) => {}
    }
    Ok(match facts::stock(conn).await? {
        // Whoever has a version had facts. All of them may have been erased and forgotten since;
        // then one question too many is asked.
        Stock::Nothing
            if !seen.asked_for_want_of_facts && standing::anybody_counted(conn).await? =>
        {
            Found::Emptied
        }
        Stock::Counting if !totals::any(conn).await? => Found::WithoutTotals,
        _ => Found::Whole,
    })
}
