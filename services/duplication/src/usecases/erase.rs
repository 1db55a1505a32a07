//! Erasure of an athlete's data: fence, rows, and the receipt for token.

use contracts::erasures::Erased;
use contracts::{Cause, Erasure, Origin, Topic};
use kernel::{ApplicationId, AthleteId, Generation};
use outbox::{AthleteTx, OutboxMessage, StoreError};

use super::ServiceContext;
use crate::domain::copy::{Copy, CopyState};
use crate::domain::reason;
use crate::store::{connections, copies, links};

/// Raises the fence, deletes the rows it shuts out, and publishes a receipt.
pub(crate) async fn erase_data(
    ctx: &ServiceContext,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<(), StoreError> {
    ctx.database
        .run("erase", athlete, |tx| async move {
            tx.raise_fence(erasure).await?;
            let mut rows = match erasure {
                Erasure::Connection { application, through } => {
                    erase_connection(ctx, &tx, application, through).await?
                }
                Erasure::Everything => erase_everything(ctx, &tx).await?,
            };
            rows += tx.delete_fenced_records().await?;
            tx.bump_version();
            tx.publish(erasure_receipt(ctx, athlete, erasure, rows)).await?;
            Ok(())
        })
        .await
}

/// Clears the source of the guardian's copies and the upload of the child's. The copies themselves
/// stay, or they would be made again.
async fn erase_connection(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    application: ApplicationId,
    through: Generation,
) -> Result<u64, StoreError> {
    let athlete = tx.athlete();
    let is_withdrawn =
        |origin: &Origin| origin.application == application && origin.generation <= through;
    let mut rows = connections::delete_through(tx.conn(), athlete, application, through).await?;
    for mut copy in copies::lock_by_athlete(tx.conn(), athlete).await? {
        if copy.guardian == athlete && copy.source.origins.iter().any(is_withdrawn) {
            clear_source(&mut copy);
        } else if copy.child == athlete && copy.target.as_ref().is_some_and(is_withdrawn) {
            clear_upload(&mut copy);
            copy.updated_at = ctx.clock.now();
        } else {
            continue;
        }
        copies::update(tx.conn(), &copy).await?;
        rows += 1;
    }
    Ok(rows)
}

fn clear_source(copy: &mut Copy) {
    copy.source.name.clear();
    copy.source.sport.clear();
    copy.source.streams_key.clear();
    copy.source.distance_dm = 0;
    copy.source.origins.clear();
    copy.detail.clear();
    if copy.state == CopyState::Planned {
        copy.set_state(CopyState::Skipped, reason::SOURCE_WITHDRAWN);
    }
}

fn clear_upload(copy: &mut Copy) {
    copy.target = None;
    copy.upload = None;
    copy.made = None;
    copy.detail.clear();
    if !copy.state.is_final() {
        copy.set_state(CopyState::Failed, reason::NOT_CONNECTED);
    }
}

async fn erase_everything(ctx: &ServiceContext, tx: &AthleteTx) -> Result<u64, StoreError> {
    let athlete = tx.athlete();
    Ok(connections::delete_by_athlete(tx.conn(), athlete).await?
        + copies::delete_by_athlete(tx.conn(), athlete).await?
        + links::delete_by_athlete(tx.conn(), athlete).await?
        + ctx.queue.delete_for_athlete(tx, athlete).await?)
}

fn erasure_receipt(
    ctx: &ServiceContext,
    athlete: AthleteId,
    erasure: Erasure,
    rows: u64,
) -> OutboxMessage<Erased> {
    let (application, through_generation) = match erasure {
        Erasure::Connection { application, through } => (application.get(), through.get()),
        Erasure::Everything => (0, 0),
    };
    let body = Erased {
        service: crate::settings::NAME.to_owned(),
        application,
        through_generation,
        erased_at_us: ctx.clock.now().as_micros(),
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
        objects: 0,
    };
    OutboxMessage {
        topic: Topic::Erasures,
        athlete: Some(athlete),
        origins: Vec::new(),
        cause: Cause::Unspecified,
        replay: false,
        body,
    }
}
