//! What can be done with accounts: one operation a file.

pub(crate) mod add_user;
pub(crate) mod list_users;
pub(crate) mod remove_user;
pub(crate) mod set_password;
pub(crate) mod sign_in;
pub(crate) mod strangers;

use std::sync::Arc;

use kernel::{Clock, Ids};
use outbox::Database;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::domain::password::{self, PasswordError};
use crate::settings::Settings;
use strangers::Strangers;

/// What every operation works with.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) keys: crate::keys::SigningKeys,
    pub(crate) issuer: String,
    pub(crate) settings: Settings,
    pub(crate) strangers: Arc<Strangers>,
    /// How many passwords are worked on at a time: each takes 19 MB and tens of milliseconds.
    pub(crate) hashing: Arc<Semaphore>,
}

/// How many passwords are worked on at a time.
pub(crate) const HASHING: usize = 4;

impl Core {
    /// The password as it is kept, worked out away from the threads that serve others.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        let ids = Arc::clone(&self.ids);
        self.work(move || password::hash(password.expose_secret(), ids.as_ref()))
            .await
            .unwrap_or(Err(PasswordError::NotHashed))
    }

    /// Runs heavy work on passwords, a few at a time; nothing when we are about to end.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _turn = self.hashing.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

/// The client that local sessions are issued to.
pub(crate) const CLIENT: &str = "paceline";
