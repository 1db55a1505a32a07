//! Journal entries: the steps an activity went through, in codes.

use contracts::Origin;
use kernel::{ActivityId, EventId, Timestamp};
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use crate::domain::journal::JournalEntry;
use crate::domain::observation::ActivityKey;
use crate::store;

/// One step of the processing of an activity.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct JournalStep<'a> {
    pub(crate) activity: Option<ActivityId>,
    pub(crate) step: &'a str,
    pub(crate) state: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) attempts: i64,
    pub(crate) next_try: Option<Timestamp>,
}

impl ServiceContext {
    /// Builds the entry of a step.
    pub(crate) fn journal_entry(&self, key: ActivityKey, step: JournalStep<'_>) -> JournalEntry {
        let now = self.now();
        JournalEntry {
            id: EventId::from_uuid(self.ids.uuid_v7(now)),
            athlete: key.athlete,
            activity: step.activity,
            application: key.application,
            strava: key.strava,
            service: crate::NAME.to_owned(),
            step: step.step.to_owned(),
            state: step.state.to_owned(),
            reason: step.reason.to_owned(),
            attempts: step.attempts,
            next_try_us: step.next_try.map_or(0, Timestamp::as_micros),
            at: now,
        }
    }

    /// Inserts the entry of a step of ingest itself, in the transaction of the step. It is not published.
    pub(crate) async fn record_step(
        &self,
        tx: &AthleteTx,
        key: ActivityKey,
        step: JournalStep<'_>,
    ) -> Result<(), StoreError> {
        store::journal::insert(tx.conn(), &self.journal_entry(key, step)).await
    }

    /// Inserts the entry of a step that changed nothing else.
    pub(crate) async fn record_step_alone(
        &self,
        key: ActivityKey,
        step: JournalStep<'_>,
    ) -> Result<(), StoreError> {
        store::journal::insert(self.database.writer(), &self.journal_entry(key, step)).await
    }
}

/// Stores an entry published by another service; a redelivered one is stored once.
pub(crate) async fn store_published_entry(
    ctx: &ServiceContext,
    entry: &JournalEntry,
    origins: &[Origin],
) -> Result<(), StoreError> {
    let store = |tx: AthleteTx| async move {
        if tx.is_gone() || tx.is_fenced(origins) {
            return Ok(tx.unchanged(()));
        }
        store::journal::insert(tx.conn(), entry).await
    };
    ctx.database.run("store_published_entry", entry.athlete, store).await
}
