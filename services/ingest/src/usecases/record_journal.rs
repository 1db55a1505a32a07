//! Journal entries: the steps an activity went through, in codes.

use contracts::Origin;
use kernel::EventId;
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use crate::domain::journal::JournalEntry;
use crate::domain::observation_key::ObservationKey;
use crate::store;

impl ServiceContext {
    /// Builds an entry of ingest itself. It is stored with the step it describes and not published.
    pub(crate) fn journal_entry(
        &self,
        key: &ObservationKey,
        step: &str,
        state: &str,
    ) -> JournalEntry {
        let now = self.now();
        JournalEntry {
            id: EventId::from_uuid(self.ids.uuid_v7(now)),
            athlete: key.athlete,
            activity: None,
            source: Some(key.source_key()),
            service: crate::settings::NAME.to_owned(),
            step: step.to_owned(),
            state: state.to_owned(),
            reason: String::new(),
            attempts: 0,
            next_try_us: 0,
            at: now,
        }
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
            return tx.unchanged(Ok(()));
        }
        store::journal::insert(tx.conn(), entry).await
    };
    ctx.database.run("store_published_entry", entry.athlete, store).await
}
