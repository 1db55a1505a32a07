//! Lines of the journal: what happened to one activity, in codes.

use contracts::Origin;
use kernel::{ActivityId, EventId, Timestamp};
use outbox::{Effect, StoreError};

use super::Core;
use crate::domain::journal::Entry;
use crate::domain::observation::Key;
use crate::store;

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line<'a> {
    pub(crate) activity: Option<ActivityId>,
    pub(crate) step: &'a str,
    pub(crate) state: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) attempts: i64,
    pub(crate) next_try: Option<Timestamp>,
}

impl Core {
    /// The entry of this line.
    pub(crate) fn entry(&self, key: Key, line: Line<'_>) -> Entry {
        let now = self.now();
        Entry {
            id: EventId::from_uuid(self.ids.uuid_v7(now)),
            athlete: key.athlete,
            activity: line.activity,
            application: key.application,
            strava: key.strava,
            service: crate::NAME.to_owned(),
            step: line.step.to_owned(),
            state: line.state.to_owned(),
            reason: line.reason.to_owned(),
            attempts: line.attempts,
            next_try_us: line.next_try.map_or(0, Timestamp::as_micros),
            at: now,
        }
    }

    /// Writes a line of our own straight into the table, with the effect it tells of: it need not travel.
    pub(crate) async fn note(
        &self,
        effect: &Effect,
        key: Key,
        line: Line<'_>,
    ) -> Result<(), StoreError> {
        store::journal::keep(effect.conn(), &self.entry(key, line)).await.map(drop)
    }

    /// Writes a line that goes with no effect.
    pub(crate) async fn note_alone(&self, key: Key, line: Line<'_>) -> Result<(), StoreError> {
        store::journal::keep(self.database.writer(), &self.entry(key, line)).await.map(drop)
    }
}

/// Keeps an entry that somebody published; one that comes again is kept once.
pub(crate) async fn keep_entry(
    core: &Core,
    entry: &Entry,
    origins: &[Origin],
) -> Result<(), StoreError> {
    let effect = core.database.effect(entry.athlete).await?;
    if effect.is_gone() || effect.is_fenced(origins) {
        return Ok(());
    }
    store::journal::keep(effect.conn(), entry).await?;
    effect.commit().await
}
