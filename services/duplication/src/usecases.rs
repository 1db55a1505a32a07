//! Operations of the service, one in each file.

pub(crate) mod accept_link;
pub(crate) mod apply_connection;
pub(crate) mod code_attempts;
pub(crate) mod copy_records;
pub(crate) mod create_invitation;
pub(crate) mod end_link;
pub(crate) mod erase;
pub(crate) mod expire_sources;
pub(crate) mod plan_copies;
pub(crate) mod prune_links;
pub(crate) mod queries;
pub(crate) mod redeem_invitation;
pub(crate) mod replay_sources;
pub(crate) mod revoke_invitation;
pub(crate) mod run_copy;

use std::sync::Arc;

use jobs::Queue;
use kernel::{Clock, Ids};
use lifecycle::Failpoints;
use object_store::ObjectStore;
use outbox::Database;
use strava_client::lease::LeaseClient;

use self::code_attempts::CodeAttempts;
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
    pub(crate) code_attempts: Arc<CodeAttempts>,
}
