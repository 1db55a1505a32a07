//! What the use cases work with.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use kernel::{ApplicationId, AthleteId, Clock, Ids, Timestamp};
use lifecycle::Failpoints;
use outbox::Database;
use strava_client::lease::Purpose;
use strava_client::{AppCredentials, Client};
use tokio::sync::{Notify, OwnedMutexGuard, mpsc, oneshot};
use url::Url;

use crate::settings::Settings;
use crate::store::Keyring;

/// What the use cases work with.
pub(crate) struct Means {
    pub(crate) database: Database,
    pub(crate) strava: Client,
    pub(crate) app: Option<AppCredentials>,
    pub(crate) keys: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: Settings,
    /// Where we are reached from outside.
    pub(crate) public_url: Url,
    pub(crate) failpoints: Failpoints,
    /// Rings when a connection wants to be looked at.
    pub(crate) due: Notify,
    pub(crate) turns: Turns,
    pub(crate) askers: Askers,
    pub(crate) owned: OwnedWork,
}

impl Means {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The application of this id, if it is ours.
    pub(crate) fn app(&self, application: ApplicationId) -> Option<&AppCredentials> {
        self.app.as_ref().filter(|app| app.client_id == application)
    }

    /// Where Strava sends athletes back.
    pub(crate) fn redirect_uri(&self) -> Url {
        self.settings.redirect_uri.clone().unwrap_or_else(|| {
            let mut url = self.public_url.clone();
            url.set_path("/strava/callback");
            url
        })
    }

    /// Where athletes end up.
    pub(crate) fn frontend(&self) -> Url {
        self.settings.frontend_url.clone().unwrap_or_else(|| self.public_url.clone())
    }
}

/// One turn at a time per connection within this process; the intent in its row does the same
/// between processes.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the turn of this connection.
    pub(crate) async fn of(&self, connection: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(connection).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(connection.to_owned(), Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}

/// Who asked for leases in bulk lately: fairness needs to know among how many.
#[derive(Default)]
pub(crate) struct Askers(Mutex<HashMap<(ApplicationId, Purpose), HashMap<AthleteId, Timestamp>>>);

impl Askers {
    const LATELY: Duration = Duration::from_mins(1);

    /// Notes that this athlete asks, and says how many did lately.
    pub(crate) fn note(
        &self,
        of: (ApplicationId, Purpose),
        athlete: AthleteId,
        now: Timestamp,
    ) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let askers = all.entry(of).or_default();
        askers.insert(athlete, now);
        askers.retain(|_, asked_at| now.since(*asked_at) < Self::LATELY);
        askers.len()
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that must not end with the request that wanted it: an answer of Strava's that nobody
/// stores may strand a connection.
#[derive(Default)]
pub(crate) struct OwnedWork(OnceLock<mpsc::UnboundedSender<Work>>);

impl OwnedWork {
    /// From now on work goes to whoever reads the other end.
    pub(crate) fn open(&self) -> Option<mpsc::UnboundedReceiver<Work>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0.set(sender).ok().map(|()| receiver)
    }

    /// Has the work done to its end; none when the program stops before.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let Some(sender) = self.0.get() else { return Some(work.await) };
        let (done, answer) = oneshot::channel();
        let work = Box::pin(async move {
            // Whoever asked may have gone; the work is done all the same.
            let _gone = done.send(work.await);
        });
        sender.send(work).ok()?;
        answer.await.ok()
    }
}
