//! Operations of the service, one in each file.

pub(crate) mod accept_link;
pub(crate) mod apply_connection;
mod context;
pub(crate) mod copy_records;
pub(crate) mod end_link;
pub(crate) mod erase;
pub(crate) mod plan_copies;
pub(crate) mod propose_link;
pub(crate) mod queries;
pub(crate) mod replay_sources;
pub(crate) mod run_copy;

pub(crate) use context::ServiceContext;
