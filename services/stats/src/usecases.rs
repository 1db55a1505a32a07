//! What this service does, one operation per file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::{AthleteId, Clock, Ids};
use lifecycle::Failpoints;
use outbox::ParkedEvents;

use crate::store::Store;

pub(crate) mod apply_activity;
pub(crate) mod ask_again;
pub(crate) mod check_store;
pub(crate) mod erase;
pub(crate) mod forget_erased;
pub(crate) mod note_connection;
pub(crate) mod published;
pub(crate) mod rebuild;
pub(crate) mod summarize;

/// What every operation needs.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) failpoints: Failpoints,
    /// Whose numbers the predecessors' public routes tell.
    pub(crate) published: Option<AthleteId>,
    commits: AtomicU64,
}

impl Core {
    pub(crate) fn new(
        store: Store,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
        failpoints: Failpoints,
        published: Option<AthleteId>,
    ) -> Self {
        Self { store, clock, ids, failpoints, published, commits: AtomicU64::new(0) }
    }

    /// Where a group keeps what it could not handle.
    pub(crate) fn parked(&self, group: &'static str) -> ParkedEvents {
        ParkedEvents::new(self.store.database()).for_group(group)
    }

    /// How often this process has changed the published athlete's numbers: whoever keeps something
    /// made of them compares this, so that nothing stale is told after a commit.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// Called after every commit that changed an athlete's numbers.
    pub(crate) fn committed(&self, athlete: AthleteId) {
        if self.published == Some(athlete) {
            self.commits.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Called when the database itself was exchanged or lost its rows.
    pub(crate) fn everything_changed(&self) {
        self.commits.fetch_add(1, Ordering::AcqRel);
    }
}
