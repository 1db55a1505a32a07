//! The dependencies that every operation of this service shares.

use std::sync::Arc;

use kernel::{Ids, Timestamp};
use outbox::Database;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::unknown_email_lockout::UnknownEmailLockout;
use crate::domain::password::{self, PasswordError};
use crate::keys::SigningKeys;
use crate::settings::Settings;

/// Number of passwords that are hashed at a time: each takes 19 MB and tens of milliseconds.
const MAX_CONCURRENT_HASHES: usize = 4;
/// Number of passwords that are hashed or wait for it; more are refused, for the last would wait too long.
const MAX_QUEUED_HASHES: usize = 64;

/// The dependencies that every operation of this service shares.
#[derive(Debug)]
pub(crate) struct ServiceContext {
    pub(crate) database: Database,
    pub(crate) keys: SigningKeys,
    /// The issuer that sessions name.
    pub(crate) issuer: String,
    pub(crate) settings: Settings,
    pub(crate) unknown_email_lockout: UnknownEmailLockout,
    hashing: Semaphore,
    hashing_queue: Semaphore,
}

impl ServiceContext {
    pub(crate) fn new(
        database: Database,
        keys: SigningKeys,
        issuer: String,
        settings: Settings,
    ) -> Self {
        let unknown_email_lockout = UnknownEmailLockout::default();
        let hashing = Semaphore::new(MAX_CONCURRENT_HASHES);
        let hashing_queue = Semaphore::new(MAX_QUEUED_HASHES);
        Self { database, keys, issuer, settings, unknown_email_lockout, hashing, hashing_queue }
    }

    /// A place in the queue for hashing, as long as it is kept. None if the queue is full.
    pub(crate) fn enter_hashing_queue(&self) -> Option<SemaphorePermit<'_>> {
        self.hashing_queue.try_acquire().ok()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.database.clock().now()
    }

    pub(crate) fn ids(&self) -> &dyn Ids {
        self.database.ids().as_ref()
    }

    /// Hashes a password, away from the threads that serve requests.
    pub(crate) async fn hash_password(
        &self,
        password: SecretString,
    ) -> Result<String, PasswordError> {
        let ids = Arc::clone(self.database.ids());
        self.run_hashing(move || password::hash_password(password.expose_secret(), ids.as_ref()))
            .await
            .unwrap_or(Err(PasswordError::NotHashed))
    }

    /// Runs heavy work on passwords, a few at a time. None if the program is about to end.
    pub(crate) async fn run_hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _permit = self.hashing.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}
