//! Operations of ingest: one per file, one transaction each.

pub(crate) mod accept_event;
pub(crate) mod answer_replay;
pub(crate) mod apply_connection_change;
pub(crate) mod backfill;
pub(crate) mod delete_objects;
pub(crate) mod ensure_subscription;
pub(crate) mod erase;
pub(crate) mod expire;
pub(crate) mod export;
pub(crate) mod fetch_activity;
pub(crate) mod forward_to_outbox;
pub(crate) mod job;
pub(crate) mod job_failure;
pub(crate) mod list_page;
pub(crate) mod make_polls_due;
pub(crate) mod poll_recent;
pub(crate) mod queries;
pub(crate) mod record_hint;
pub(crate) mod record_journal;
pub(crate) mod record_observation;
pub(crate) mod refresh;
pub(crate) mod request_fetch;
pub(crate) mod sweep;

use std::sync::Arc;

use jobs::{JobRequest, Queue};
use kernel::{ApplicationId, Clock, Ids, Timestamp};
use lifecycle::Failpoints;
use object_store::ObjectStore;
use outbox::{Database, StoreError, Tx};

use crate::clients::strava::Strava;
use crate::settings::Settings;

/// Dependencies shared by all operations.
#[derive(Clone, Debug)]
pub(crate) struct ServiceContext {
    pub(crate) database: Database,
    /// The same database for bulk work, which lets live work pass.
    pub(crate) bulk: Database,
    pub(crate) queue: Queue,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) strava: Strava,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) failpoints: Failpoints,
}

impl ServiceContext {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn application(&self) -> ApplicationId {
        ApplicationId::new(self.settings.application)
    }

    /// Enqueues jobs in a transaction of their own.
    pub(crate) async fn enqueue(&self, requests: &[JobRequest]) -> Result<(), StoreError> {
        let enqueue = |tx: Tx| async move {
            for request in requests {
                self.queue.enqueue(&tx, request).await?;
            }
            Ok(())
        };
        self.database.run_plain("enqueue_jobs", enqueue).await
    }

    /// Marks a place where a test may kill the process.
    pub(crate) fn failpoint(&self, name: &str) {
        self.failpoints.hit(name);
    }
}
