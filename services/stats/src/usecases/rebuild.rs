//! Recomputes an athlete's totals from the facts: to compare, or to put them right.

use std::collections::BTreeMap;

use kernel::AthleteId;
use outbox::{StoreError, again_if_contended};

use super::Core;
use crate::domain::fact::DayOf;
use crate::domain::sums::Sums;
use crate::store::{facts, totals};

/// One total that is not what its facts come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) day: DayOf,
    pub(crate) stored: Sums,
    pub(crate) recomputed: Sums,
}

/// The totals of an athlete that are not what their facts come to; none, unless something is broken.
pub(crate) async fn verify(core: &Core, athlete: AthleteId) -> Result<Vec<Difference>, StoreError> {
    again_if_contended(|| async {
        // Inside an effect: nobody changes facts or totals of the athlete meanwhile.
        let effect = core.store.database().effect(athlete).await?;
        let recomputed = recompute(facts::that_count(effect.conn(), athlete).await?);
        let stored: BTreeMap<DayOf, Sums> = totals::all(effect.conn(), athlete)
            .await?
            .into_iter()
            .map(|total| (DayOf { local_date: total.local_date, sport: total.sport }, total.sums))
            .collect();
        Ok(differences(&stored, &recomputed))
    })
    .await
}

/// Replaces an athlete's totals by what the facts come to, all at once. Tells how many were wrong.
pub(crate) async fn rebuild(core: &Core, athlete: AthleteId) -> Result<usize, StoreError> {
    let wrong = verify(core, athlete).await?.len();
    again_if_contended(|| async {
        let mut effect = core.store.database().effect(athlete).await?;
        let recomputed = recompute(facts::that_count(effect.conn(), athlete).await?);
        totals::clear(effect.conn(), athlete).await?;
        for (day, sums) in &recomputed {
            totals::put(effect.conn(), athlete, day, *sums).await?;
        }
        effect.bump_version();
        effect.commit().await
    })
    .await?;
    core.committed(athlete);
    Ok(wrong)
}

/// Recomputes everybody's totals.
pub(crate) async fn rebuild_all(core: &Core) -> Result<(), StoreError> {
    for athlete in totals::athletes(core.store.database().readers()).await? {
        rebuild(core, athlete).await?;
    }
    Ok(())
}

fn recompute(facts: Vec<(DayOf, Sums)>) -> BTreeMap<DayOf, Sums> {
    let mut days: BTreeMap<DayOf, Sums> = BTreeMap::new();
    for (day, sums) in facts {
        *days.entry(day).or_default() += sums;
    }
    days
}

fn differences(
    stored: &BTreeMap<DayOf, Sums>,
    recomputed: &BTreeMap<DayOf, Sums>,
) -> Vec<Difference> {
    let mut days: Vec<&DayOf> = stored.keys().chain(recomputed.keys()).collect();
    days.sort_unstable();
    days.dedup();
    days.into_iter()
        .map(|day| Difference {
            day: day.clone(),
            stored: stored.get(day).copied().unwrap_or_default(),
            recomputed: recomputed.get(day).copied().unwrap_or_default(),
        })
        .filter(|both| both.stored != both.recomputed)
        .collect()
}
