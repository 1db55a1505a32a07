//! What ingest does: one operation per file, one transaction per operation.

pub(crate) mod answer_replay;
pub(crate) mod ask_replay;
pub(crate) mod follow_connection;
pub(crate) mod job;
pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod look_at_activity;
pub(crate) mod look_at_head;
pub(crate) mod note_hint;
pub(crate) mod pass_on;
pub(crate) mod read_past;
pub(crate) mod record;
pub(crate) mod refresh;
pub(crate) mod show;
pub(crate) mod subscribe;
pub(crate) mod sweep;
pub(crate) mod take_event;
pub(crate) mod trouble;

use std::sync::Arc;

use jobs::Queue;
use kernel::{ApplicationId, Clock, Ids, Timestamp};
use lifecycle::Failpoints;
use object_store::ObjectStore;
use outbox::Database;

use crate::clients::strava::Strava;
use crate::settings::Settings;

/// Everything a use case may need.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) database: Database,
    /// The same database, for work that must let live work pass.
    pub(crate) bulk: Database,
    pub(crate) queue: Queue,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) strava: Strava,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) failpoints: Failpoints,
}

impl Core {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn application(&self) -> ApplicationId {
        ApplicationId::new(self.settings.application)
    }

    /// A place where a test may kill the process.
    pub(crate) fn gap(&self, name: &str) {
        self.failpoints.hit(name);
    }
}
