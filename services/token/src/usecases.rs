//! What this service can do, one operation per file.

mod announce;
pub(crate) mod answer_replay;
pub(crate) mod begin_authorize;
pub(crate) mod complete_authorize;
pub(crate) mod disconnect;
pub(crate) mod grant_lease;
pub(crate) mod list_connections;
pub(crate) mod means;
pub(crate) mod note_hint;
pub(crate) mod refresh;
pub(crate) mod report_lease;
pub(crate) mod reseal;
pub(crate) mod work_off_checks;

pub(crate) use means::Means;
