//! What can be done with accounts: one operation a file.

pub(crate) mod add_user;
pub(crate) mod list_users;
pub(crate) mod remove_user;
pub(crate) mod sign_in;

use std::sync::Arc;

use kernel::{Clock, Ids};
use outbox::Database;

use crate::settings::Settings;

/// What every operation works with.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) keys: crate::keys::Keys,
    pub(crate) issuer: String,
    pub(crate) settings: Settings,
}

/// The client that local sessions are issued to.
pub(crate) const CLIENT: &str = "paceline";
