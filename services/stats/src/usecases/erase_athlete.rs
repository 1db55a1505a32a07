//! Erases what an athlete withdrew, raises the fence, and publishes the answer.

use std::collections::BTreeSet;

use contracts::{Cause, Erasure, Topic, erasures::Erased};
use kernel::{AthleteId, Timestamp};
use outbox::{AthleteTx, OutboxMessage, StoreError};

use super::ServiceContext;
use crate::store::{connections, facts, totals};

/// Erases, and answers also a repeated request: whoever repeats it has not received the answer.
pub(crate) async fn erase_athlete(
    ctx: &ServiceContext,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<(), StoreError> {
    let now = ctx.now();
    ctx.database
        .run("erase_athlete", athlete, |tx| async move { try_erase(&tx, erasure, now).await })
        .await?;
    ctx.count_change(athlete);
    Ok(())
}

async fn try_erase(tx: &AthleteTx, erasure: Erasure, now: Timestamp) -> Result<(), StoreError> {
    let athlete = tx.athlete();
    tx.raise_fence(erasure).await?;
    tx.delete_fenced_records().await?;
    let touched = facts::erase(tx.conn(), athlete, erasure, now).await?;
    let mut rows = touched.len() as u64;
    for key in touched.into_iter().collect::<BTreeSet<_>>() {
        let sums = facts::sum_day(tx.conn(), athlete, &key).await?;
        totals::replace(tx.conn(), athlete, &key, sums).await?;
    }
    rows += connections::delete_erased(tx.conn(), athlete, erasure).await?;
    let (application, through_generation) = match erasure {
        Erasure::Connection { application, through } => (application.get(), through.get()),
        Erasure::Everything => (0, 0),
    };
    tx.publish(OutboxMessage {
        topic: Topic::Erasures,
        athlete: Some(athlete),
        origins: Vec::new(),
        cause: Cause::Operator,
        replay: false,
        body: Erased {
            service: crate::settings::NAME.to_owned(),
            application,
            through_generation,
            erased_at_us: now.as_micros(),
            rows: rows as i64,
            objects: 0,
        },
    })
    .await?;
    if rows > 0 {
        tx.bump_version();
    }
    Ok(())
}
