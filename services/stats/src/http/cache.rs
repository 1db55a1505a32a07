//! Answers kept in memory for as long as they are true.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::web::Bytes;
use kernel::{AthleteId, Timestamp};
use outbox::StoreError;

use crate::usecases::Core;
use crate::usecases::published::{self, Edition};

/// How long an answer is told without a look at the database. A commit of this process ends it at
/// once; this bounds how long a commit of another instance stays unseen.
const UNSEEN_FOR: Duration = Duration::from_secs(1);

/// One answer. Nothing: there is nothing to tell.
pub(super) type Body = Option<Bytes>;

/// The place of one answer.
#[derive(Debug, Default)]
pub(super) struct Slot {
    held: RwLock<Option<Arc<Held>>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    body: Body,
    edition: Option<Edition>,
    commits: u64,
    incarnation: Arc<str>,
    looked_at: Timestamp,
}

impl Slot {
    /// The answer: the one held if it is still true, else what `render` makes of the numbers as they are.
    pub(super) async fn get<F, Fut>(
        &self,
        core: &Core,
        athlete: AthleteId,
        render: F,
    ) -> Result<Body, StoreError>
    where
        F: FnOnce(Edition) -> Fut,
        Fut: Future<Output = Result<Bytes, StoreError>>,
    {
        if let Some(held) = self.fresh(core) {
            return Ok(held.body.clone());
        }
        // One at a time: a hundred askers cause one look at the database.
        let _turn = self.turn.lock().await;
        if let Some(held) = self.fresh(core) {
            return Ok(held.body.clone());
        }
        // Read before the numbers: a commit that comes in between ends this answer's life at once.
        let (commits, incarnation, looked_at) =
            (core.commits(), core.store.incarnation(), core.clock.now());
        if let Some(held) = self.held()
            && let Some(edition) = held.edition
            && (held.commits, &held.incarnation) == (commits, &incarnation)
            && published::still_holds(core, athlete, edition).await?
        {
            return Ok(self.hold(Held { looked_at, ..Held::clone(&held) }));
        }
        let edition = published::edition(core, athlete).await?;
        let body = match edition {
            None => None,
            Some(edition) => Some(render(edition).await?),
        };
        Ok(self.hold(Held { body, edition, commits, incarnation, looked_at }))
    }

    fn fresh(&self, core: &Core) -> Option<Arc<Held>> {
        let commits = core.commits();
        self.held().filter(|held| {
            held.commits == commits && core.clock.now() < held.looked_at.plus(UNSEEN_FOR)
        })
    }

    fn held(&self) -> Option<Arc<Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, held: Held) -> Body {
        let body = held.body.clone();
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(held));
        body
    }
}
