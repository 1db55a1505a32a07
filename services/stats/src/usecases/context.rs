//! The dependencies that every operation of this service shares.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jobs::Queue;
use kernel::{AthleteId, Timestamp};
use lifecycle::Failpoints;
use object_store::ObjectStore;
use outbox::{Database, ParkedEvents};

/// The dependencies that every operation of this service shares.
#[derive(Debug)]
pub(crate) struct ServiceContext {
    pub(crate) database: Database,
    pub(crate) queue: Queue,
    /// Id of the database the service was started on.
    pub(crate) database_id: String,
    /// The database's file, if it is one.
    pub(crate) database_file: Option<PathBuf>,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) failpoints: Failpoints,
    /// The athlete whose numbers the predecessors' public routes show.
    pub(crate) published_athlete: Option<AthleteId>,
    published_changes: AtomicU64,
}

impl ServiceContext {
    pub(crate) fn new(
        database: Database,
        database_id: String,
        database_file: Option<PathBuf>,
        objects: Arc<dyn ObjectStore>,
        failpoints: Failpoints,
    ) -> Self {
        let published_changes = AtomicU64::new(0);
        let (clock, ids) = (Arc::clone(database.clock()), Arc::clone(database.ids()));
        Self {
            queue: Queue::new(database.clone(), clock, ids),
            database,
            database_id,
            database_file,
            objects,
            failpoints,
            published_athlete: None,
            published_changes,
        }
    }

    /// Lets the predecessors' public routes show the numbers of this athlete.
    pub(crate) fn publishing(mut self, athlete: Option<AthleteId>) -> Self {
        self.published_athlete = athlete;
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.database.clock().now()
    }

    /// Parked events of a consumer group.
    pub(crate) fn parked_events(&self, group: &'static str) -> ParkedEvents {
        ParkedEvents::new(self.database.clone()).for_group(group)
    }

    /// Number of commits of this process that changed what is published. A cached response of an
    /// older count may be stale.
    pub(crate) fn published_changes(&self) -> u64 {
        self.published_changes.load(Ordering::Acquire)
    }

    /// Counts a commit that changed an athlete's numbers or connections; to be called after it.
    pub(crate) fn count_change(&self, athlete: AthleteId) {
        if self.published_athlete == Some(athlete) {
            self.published_changes.fetch_add(1, Ordering::AcqRel);
        }
    }
}
