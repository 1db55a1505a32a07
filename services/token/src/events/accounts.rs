//! Removed accounts and revoked sessions.

use std::sync::Arc;

use contracts::accounts::{AccountChanged, account_changed::Change};
use event_bus::{HandleError, Handler, Received};
use service_kit::RevokedSessions;

use crate::domain::erasure::ErasureReason;
use crate::usecases::{ServiceContext, delete_account::delete_account};

/// Deletes the athletes whose accounts were removed, and stores revoked sessions.
pub(crate) struct AccountHandler {
    pub(crate) ctx: Arc<ServiceContext>,
    pub(crate) sessions: RevokedSessions,
}

impl Handler for AccountHandler {
    type Event = AccountChanged;
    /// An erasure is retried until it is done.
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AccountChanged>) -> Result<(), HandleError> {
        match (event.athlete, &event.body.change) {
            (Some(athlete), Some(Change::Removed(_))) => {
                Ok(delete_account(&self.ctx, athlete, ErasureReason::AccountRemoved).await?)
            }
            _ => self.sessions.handle(event).await,
        }
    }
}
