//! Forgets what an athlete withdrew, raises the fence, and says so.

use std::collections::BTreeSet;

use contracts::{Cause, Erasure, Topic, erasures::Erased};
use kernel::AthleteId;
use outbox::{OutboxMessage, StoreError, again_if_contended};

use super::Core;
use crate::store::{connections, facts, totals};

/// Erases, and answers even if it was erased before: whoever asks again has not heard the answer.
pub(crate) async fn erase(
    core: &Core,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<(), StoreError> {
    again_if_contended(|| once(core, athlete, erasure)).await?;
    core.committed(athlete);
    Ok(())
}

async fn once(core: &Core, athlete: AthleteId, erasure: Erasure) -> Result<(), StoreError> {
    let now = core.clock.now();
    let mut effect = core.store.database().effect(athlete).await?;
    effect.raise_fence(erasure).await?;
    effect.forget_fenced().await?;
    let touched = facts::blank(effect.conn(), athlete, erasure, now).await?;
    let mut rows = touched.len() as u64;
    for day in touched.into_iter().collect::<BTreeSet<_>>() {
        let sums = facts::sums_of(effect.conn(), athlete, &day).await?;
        totals::put(effect.conn(), athlete, &day, sums).await?;
    }
    rows += connections::forget(effect.conn(), athlete, erasure).await?;
    let (application, through) = match erasure {
        Erasure::Connection { application, through } => (application.get(), through.get()),
        Erasure::Everything => (0, 0),
    };
    effect
        .publish(OutboxMessage {
            topic: Topic::Erasures,
            athlete: Some(athlete),
            origins: Vec::new(),
            cause: Cause::Operator,
            replay: false,
            body: Erased {
                service: crate::Service::NAME.to_owned(),
                application,
                through_generation: through,
                erased_at_us: now.as_micros(),
                rows: rows as i64,
                objects: 0,
            },
        })
        .await?;
    if rows > 0 {
        effect.bump_version();
    }
    effect.commit().await
}
