//! The dependencies that every operation of this service shares.

use std::sync::Arc;

use kernel::{Ids, Timestamp};
use outbox::Database;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::SemaphorePermit;

use super::attempt_table::AttemptTable;
use super::hashing_queue::HashingQueue;
use crate::domain::account::Email;
use crate::domain::client::Client;
use crate::domain::password::{self, HashingMemory, PasswordError};
use crate::keys::SigningKeys;
use crate::settings::Settings;

/// A client, the address it tries, and the hash of that account's password.
pub(crate) type ClientOf = (Client, Email, Option<String>);

/// The dependencies that every operation of this service shares.
#[derive(Debug)]
pub(crate) struct ServiceContext {
    pub(crate) database: Database,
    pub(crate) keys: SigningKeys,
    /// The issuer that sessions name.
    pub(crate) issuer: String,
    pub(crate) settings: Settings,
    /// Attempts with addresses that have no account.
    pub(crate) unknown_emails: AttemptTable<Email>,
    /// Attempts of one client with one address, whether it has an account or not.
    pub(crate) clients: AttemptTable<ClientOf>,
    hashing: Arc<HashingQueue>,
}

impl ServiceContext {
    pub(crate) fn new(
        database: Database,
        keys: SigningKeys,
        issuer: String,
        settings: Settings,
    ) -> Self {
        let (unknown_emails, clients) = (AttemptTable::default(), AttemptTable::default());
        let hashing = Arc::new(HashingQueue::new());
        Self { database, keys, issuer, settings, unknown_emails, clients, hashing }
    }

    /// A place in the queue for hashing, as long as it is kept. None if the queue is full.
    pub(crate) fn enter_hashing_queue(&self) -> Option<SemaphorePermit<'_>> {
        self.hashing.enter()
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
        self.run_hashing(move |memory| {
            password::hash_password(password.expose_secret(), ids.as_ref(), memory)
        })
        .await
        .unwrap_or(Err(PasswordError::NotHashed))
    }

    /// Runs heavy work on passwords, a few at a time. None if the program is about to end.
    pub(crate) async fn run_hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashingMemory) -> T + Send + 'static,
    ) -> Option<T> {
        self.hashing.run(work).await
    }
}
