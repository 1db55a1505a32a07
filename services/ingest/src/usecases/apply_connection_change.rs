//! Applies connection changes published by token: a connect starts a backfill, a withdrawal ends the jobs, an erase
//! is final.

use contracts::Erasure;
use contracts::athletes::{self as wire, AthleteChanged, athlete_changed::Change};
use jobs::priority;
use kernel::{ApplicationId, AthleteId, Generation, Source, StravaAthleteId, Timestamp};
use outbox::{AthleteTx, StoreError};

use super::{ServiceContext, job};
use crate::domain::backfill::{Backfill, BackfillState};
use crate::domain::connection::{Connection, ConnectionState, RecentPoll, ReconcileCursor};
use crate::store;

/// Applies the change of the message.
pub(crate) async fn apply_connection_change(
    ctx: &ServiceContext,
    athlete: AthleteId,
    message: &AthleteChanged,
) -> Result<(), StoreError> {
    let Some(change) = &message.change else { return Ok(()) };
    let apply = |tx: AthleteTx| async move {
        match change {
            Change::Connection(changed) => {
                let connection = connection_from_wire(athlete, changed, message.revision);
                apply_connection(ctx, &tx, connection).await
            }
            Change::Erase(erase) => {
                let through = Generation::new(erase.through_generation);
                let application = ApplicationId::new(erase.application);
                erase_connection(ctx, &tx, application, through).await
            }
            Change::Gone(_) => erase_athlete(ctx, &tx).await,
        }
    };
    ctx.database.run("apply_connection_change", athlete, apply).await
}

async fn apply_connection(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    mut connection: Connection,
) -> Result<(), StoreError> {
    let (athlete, application) = (connection.athlete, connection.application);
    let stored = store::connections::find(tx.conn(), athlete, application).await?;
    let is_outdated = stored.as_ref().is_some_and(|stored| stored.revision >= connection.revision);
    if is_outdated || tx.is_fenced(&[connection.origin()]) {
        return tx.unchanged(Ok(()));
    }
    let is_stored = stored.is_some();
    if let Some(stored) = stored {
        connection.recent_poll = stored.recent_poll;
        connection.reconcile = stored.reconcile;
    }
    store::connections::save(tx.conn(), &connection, is_stored).await?;
    if !connection.is_connected() {
        ctx.queue.delete_for_source(tx, athlete, connection.source()).await?;
        return Ok(());
    }
    let stored = store::backfills::find(tx.conn(), athlete, application).await?;
    let current = stored.as_ref().filter(|stored| stored.generation >= connection.generation);
    if current.is_none() {
        let new = Backfill::new(athlete, application, connection.generation, ctx.now());
        store::backfills::save(tx.conn(), &new, stored.is_some()).await?;
        tx.bump_version();
        tracing::info!(athlete.id = %athlete, "the import of an athlete's history begins");
    }
    // A backfill interrupted by a withdrawal is resumed.
    if current.is_none_or(|current| current.state != BackfillState::Done) {
        let request =
            job::connection_request(job::BACKFILL, &connection, priority::BACKFILL, ctx.now());
        ctx.queue.enqueue(tx, &request).await?;
    }
    Ok(())
}

/// Raises the fence, ends the connection's jobs and requests the erasure of its data.
async fn erase_connection(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    application: ApplicationId,
    through: Generation,
) -> Result<(), StoreError> {
    ctx.erasures().request(tx, Erasure::Connection { application, through }).await?;
    let (athlete, source) = (tx.athlete(), Source::Strava(application));
    let stored = store::connections::find(tx.conn(), athlete, application).await?;
    if stored.as_ref().is_none_or(|stored| stored.generation <= through) {
        ctx.queue.delete_for_source(tx, athlete, source).await?;
        if let Some(stored) = stored {
            let withdrawn = Connection { state: ConnectionState::Disconnected, ..stored };
            store::connections::save(tx.conn(), &withdrawn, true).await?;
        }
    }
    tx.bump_version();
    Ok(())
}

/// Raises the fence, ends the athlete's jobs and requests the erasure of everything.
async fn erase_athlete(ctx: &ServiceContext, tx: &AthleteTx) -> Result<(), StoreError> {
    ctx.erasures().request(tx, Erasure::Everything).await?;
    ctx.queue.delete_for_athlete(tx, tx.athlete()).await?;
    tx.bump_version();
    Ok(())
}

fn connection_from_wire(
    athlete: AthleteId,
    changed: &wire::Connection,
    revision: i64,
) -> Connection {
    use wire::ConnectionState as WireState;
    Connection {
        athlete,
        application: ApplicationId::new(changed.application),
        strava_athlete: StravaAthleteId::new(changed.strava_athlete),
        generation: Generation::new(changed.generation),
        state: match changed.state() {
            WireState::Connected => ConnectionState::Connected,
            WireState::ReconnectNeeded => ConnectionState::ReconnectNeeded,
            WireState::Disconnected | WireState::Unspecified => ConnectionState::Disconnected,
        },
        scopes: changed.scopes.clone(),
        connected_at: Timestamp::from_micros(changed.connected_at_us),
        reason: changed.reason.clone(),
        revision,
        recent_poll: RecentPoll::default(),
        reconcile: ReconcileCursor::default(),
    }
}
