//! What the service does: one operation for each file.

pub(crate) mod accept_link;
pub(crate) mod apply_connection;
pub(crate) mod catch_up;
pub(crate) mod end_link;
pub(crate) mod erase;
pub(crate) mod ledger;
pub(crate) mod plan_copies;
pub(crate) mod propose_link;
pub(crate) mod run_copy;
pub(crate) mod see;

use std::sync::Arc;

use jobs::Queue;
use kernel::{Clock, CopyId, Ids, LinkId};
use lifecycle::Failpoints;
use object_store::ObjectStore;
use outbox::Database;
use strava_client::lease::LeaseClient;

use crate::settings::Settings;

/// What every operation works with.
#[derive(Clone)]
pub(crate) struct Kit {
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

impl Kit {
    pub(crate) fn new_link_id(&self) -> LinkId {
        LinkId::from_uuid(self.ids.uuid_v7(self.clock.now()))
    }

    pub(crate) fn new_copy_id(&self) -> CopyId {
        CopyId::from_uuid(self.ids.uuid_v7(self.clock.now()))
    }
}
