//! Erases what an athlete withdrew: facts in batches, their totals, connections.

use std::sync::Arc;

use contracts::Erasure;
use erasure::{BATCH_SIZE, Batch, ErasableData, Erasures};
use kernel::{AthleteId, Clock};
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use crate::store::facts::EraseBatch;
use crate::store::{connections, facts, totals};

/// Raises the fence and requests the erasure; also of what was erased before, for whoever repeats it has not received
/// the answer.
pub(crate) async fn erase_athlete(
    ctx: &ServiceContext,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<(), StoreError> {
    let erasures = &ctx.erasures();
    ctx.database
        .run("erase_athlete", athlete, |tx| async move {
            erasures.request(&tx, erasure).await?;
            if connections::delete_erased(tx.conn(), athlete, erasure).await? > 0 {
                tx.bump_version();
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    ctx.count_change(athlete);
    Ok(())
}

/// The facts and totals of an athlete, as erasures see them.
#[derive(Clone, Debug)]
pub(crate) struct StatsData {
    clock: Arc<dyn Clock>,
}

impl ServiceContext {
    /// The erasures of stats.
    pub(crate) fn erasures(&self) -> Erasures<StatsData> {
        let data = StatsData { clock: Arc::clone(self.database.clock()) };
        Erasures::new(&self.database, &self.queue, data)
    }
}

impl ErasableData for StatsData {
    const SERVICE: &'static str = crate::settings::NAME;

    async fn erase_batch(
        &self,
        tx: &AthleteTx,
        erasure: Erasure,
        after: &str,
    ) -> Result<Batch, StoreError> {
        let athlete = tx.athlete();
        let batch =
            EraseBatch { athlete, erasure, after, limit: BATCH_SIZE, now: self.clock.now() };
        let erased = facts::erase_batch(tx.conn(), &batch).await?;
        for key in erased.totals {
            let sums = facts::sum_day(tx.conn(), athlete, &key).await?;
            totals::replace(tx.conn(), athlete, &key, sums).await?;
        }
        Ok(Batch { rows: erased.rows, next: erased.next })
    }
}
