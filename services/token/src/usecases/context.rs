//! The state that all use cases share.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kernel::{ApplicationId, AthleteId, Clock, Ids, Timestamp};
use lifecycle::{Failpoints, Tasks};
use outbox::Database;
use strava_client::lease::Purpose;
use strava_client::{AppCredentials, Client};
use tokio::sync::{Notify, OwnedMutexGuard, oneshot};
use url::Url;

use crate::settings::Settings;
use crate::store::Keyring;

/// The state that all use cases share.
pub(crate) struct ServiceContext {
    pub(crate) database: Database,
    pub(crate) strava: Client,
    pub(crate) app: Option<AppCredentials>,
    pub(crate) keys: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: Settings,
    /// Our address as browsers see it.
    pub(crate) public_url: Url,
    pub(crate) failpoints: Failpoints,
    pub(crate) tasks: Tasks,
    /// Wakes the worker that checks connections.
    pub(crate) checks_wanted: Notify,
    /// Wakes the worker that writes the ledger of erasures.
    pub(crate) ledger_wanted: Notify,
    pub(crate) connection_locks: ConnectionLocks,
    pub(crate) recent_requesters: RecentRequesters,
}

impl ServiceContext {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Wakes the workers: a revoke may be due, an erasure may have been requested.
    pub(crate) fn wake_workers(&self) {
        self.checks_wanted.notify_one();
        self.ledger_wanted.notify_one();
    }

    /// The credentials of the application, if it is ours.
    pub(crate) fn app(&self, application: ApplicationId) -> Option<&AppCredentials> {
        self.app.as_ref().filter(|app| app.client_id == application)
    }

    /// The address Strava sends athletes back to.
    pub(crate) fn redirect_uri(&self) -> Url {
        self.settings.redirect_uri.clone().unwrap_or_else(|| {
            let mut url = self.public_url.clone();
            url.set_path("/strava/callback");
            url
        })
    }

    /// The page athletes end up on.
    pub(crate) fn frontend(&self) -> Url {
        self.settings.frontend_url.clone().unwrap_or_else(|| self.public_url.clone())
    }

    /// Runs work in a task of its own, so that it ends even if its caller is dropped or the program
    /// stops softly: an answer of Strava's that nobody stores may strand a connection. None if the
    /// work panicked.
    pub(crate) async fn run_detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.tasks.spawn("token.detached", async move {
            let _caller_is_gone = sender.send(work.await);
            Ok(())
        });
        receiver.await.ok()
    }
}

/// One lock per connection, within this process; the intent in a connection's row does the same
/// between processes.
#[derive(Default)]
pub(crate) struct ConnectionLocks(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl ConnectionLocks {
    /// Waits for the lock of this connection.
    pub(crate) async fn lock(&self, connection: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let known = locks.get(connection).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                locks.insert(connection.to_owned(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

/// The athletes that asked for bulk leases lately: fairness needs to know among how many.
#[derive(Default)]
pub(crate) struct RecentRequesters(
    Mutex<HashMap<(ApplicationId, Purpose), HashMap<AthleteId, Timestamp>>>,
);

impl RecentRequesters {
    const WINDOW: Duration = Duration::from_mins(1);

    /// Records a request of this athlete; returns how many athletes asked within the window.
    pub(crate) fn record_request(
        &self,
        application: ApplicationId,
        purpose: Purpose,
        athlete: AthleteId,
        now: Timestamp,
    ) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let requesters = all.entry((application, purpose)).or_default();
        requesters.insert(athlete, now);
        requesters.retain(|_, asked_at| now.since(*asked_at) < Self::WINDOW);
        requesters.len()
    }
}
