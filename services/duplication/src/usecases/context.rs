//! The dependencies that every operation shares.

use std::sync::Arc;

use jobs::Queue;
use kernel::{Clock, CopyId, Ids, LinkId};
use lifecycle::Failpoints;
use object_store::ObjectStore;
use outbox::Database;
use strava_client::lease::LeaseClient;

use crate::settings::Settings;

/// Dependencies of every operation; cheap to clone.
#[derive(Clone)]
pub(crate) struct ServiceContext {
    pub(crate) database: Database,
    pub(crate) queue: Queue,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) strava: strava_client::Client,
    pub(crate) leases: LeaseClient,
    pub(crate) failpoints: Failpoints,
}

impl ServiceContext {
    pub(crate) fn new_link_id(&self) -> LinkId {
        LinkId::from_uuid(self.ids.uuid_v7(self.clock.now()))
    }

    pub(crate) fn new_copy_id(&self) -> CopyId {
        CopyId::from_uuid(self.ids.uuid_v7(self.clock.now()))
    }
}
