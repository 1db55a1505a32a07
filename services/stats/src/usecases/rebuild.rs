//! Recomputes an athlete's totals from the facts: to compare them, or to replace them.

use std::collections::{BTreeMap, BTreeSet};

use kernel::AthleteId;
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use crate::domain::activity_change::TotalKey;
use crate::domain::sums::Sums;
use crate::store::{facts, totals};

type Totals = BTreeMap<TotalKey, Sums>;

/// Returns the number of an athlete's totals that differ from their facts: 0, unless something is
/// broken.
pub(crate) async fn verify(ctx: &ServiceContext, athlete: AthleteId) -> Result<usize, StoreError> {
    // In a transaction of the athlete: nobody changes facts or totals meanwhile.
    ctx.database
        .run("verify_totals", athlete, |tx| async move {
            let (stored, recomputed) = (stored_totals(&tx).await?, recompute_totals(&tx).await?);
            Ok(tx.unchanged(count_differences(&stored, &recomputed)))
        })
        .await
}

/// Replaces an athlete's totals by the sums of the facts. Returns the number of those that differed.
pub(crate) async fn rebuild(ctx: &ServiceContext, athlete: AthleteId) -> Result<usize, StoreError> {
    let differences = ctx
        .database
        .run("rebuild_totals", athlete, |tx| async move {
            let (stored, recomputed) = (stored_totals(&tx).await?, recompute_totals(&tx).await?);
            totals::delete_for_athlete(tx.conn(), athlete).await?;
            for (key, sums) in &recomputed {
                totals::replace(tx.conn(), athlete, key, *sums).await?;
            }
            tx.bump_version();
            Ok::<_, StoreError>(count_differences(&stored, &recomputed))
        })
        .await?;
    ctx.count_change(athlete);
    Ok(differences)
}

/// Rebuilds the totals of every athlete.
pub(crate) async fn rebuild_all(ctx: &ServiceContext) -> Result<(), StoreError> {
    for athlete in totals::list_athletes(ctx.database.readers()).await? {
        rebuild(ctx, athlete).await?;
    }
    Ok(())
}

async fn stored_totals(tx: &AthleteTx) -> Result<Totals, StoreError> {
    let totals = totals::list(tx.conn(), tx.athlete()).await?;
    Ok(totals
        .into_iter()
        .map(|total| (TotalKey { local_date: total.local_date, sport: total.sport }, total.sums))
        .collect())
}

async fn recompute_totals(tx: &AthleteTx) -> Result<Totals, StoreError> {
    let mut totals = Totals::new();
    for (key, sums) in facts::list_sums(tx.conn(), tx.athlete()).await? {
        *totals.entry(key).or_default() += sums;
    }
    Ok(totals)
}

fn count_differences(stored: &Totals, recomputed: &Totals) -> usize {
    let keys: BTreeSet<&TotalKey> = stored.keys().chain(recomputed.keys()).collect();
    keys.into_iter().filter(|key| stored.get(key) != recomputed.get(key)).count()
}
