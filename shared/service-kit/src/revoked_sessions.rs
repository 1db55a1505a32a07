//! Revoked sessions of a service: its consumer stores them, its verifier reads them.

use std::sync::Arc;

use auth::{SessionRevocations, Verifier};
use contracts::accounts::{AccountChanged, account_changed::Change};
use event_bus::{HandleError, Handler, Received};
use kernel::{AthleteId, Timestamp};
use outbox::{Database, StoreError, Tx, revoked_sessions};

/// Stores revoked sessions in the database of a service.
#[derive(Clone, Debug)]
pub struct RevokedSessions(Database);

impl RevokedSessions {
    /// In this database.
    pub fn new(database: &Database) -> Self {
        Self(database.clone())
    }

    /// The verifier that refuses what is revoked here.
    pub fn verifier(&self, verifier: &Verifier) -> Arc<Verifier> {
        Arc::new(verifier.with_revocations(Arc::new(self.clone())))
    }
}

impl Handler for RevokedSessions {
    type Event = AccountChanged;
    /// A revocation is stored in the end.
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AccountChanged>) -> Result<(), HandleError> {
        let (Some(athlete), Some(Change::SessionsRevoked(revoked))) =
            (event.athlete, &event.body.change)
        else {
            return Ok(());
        };
        let not_before = Timestamp::from_micros(revoked.not_before_us);
        let store = |tx: Tx| async move {
            if !revoked_sessions::revoke_before(&tx, athlete, not_before).await? {
                tx.unchanged(());
            }
            Ok::<_, StoreError>(())
        };
        Ok(self.0.run_plain("record_revoked_sessions", store).await?)
    }
}

impl SessionRevocations for RevokedSessions {
    fn not_before(&self, athlete: AthleteId) -> auth::NotBefore<'_> {
        Box::pin(
            async move { Ok(revoked_sessions::not_before_of(self.0.readers(), athlete).await?) },
        )
    }
}
