//! Responses kept in memory for as long as they are current.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::web::Bytes;
use kernel::Timestamp;
use outbox::StoreError;

use crate::usecases::ServiceContext;
use crate::usecases::published_stats::{Snapshot, current_snapshot};

/// Maximum age of a response that is used without asking the database. A commit of this process ends
/// it at once; this bounds how long a commit of another instance stays unseen.
const REVALIDATE_AFTER: Duration = Duration::from_secs(1);

/// One cached response.
#[derive(Debug, Default)]
pub(super) struct CachedResponse {
    entry: RwLock<Option<Arc<CacheEntry>>>,
    refreshing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct CacheEntry {
    /// None if there is nothing to show.
    body: Option<Bytes>,
    snapshot: Option<Snapshot>,
    changes: u64,
    checked_at: Timestamp,
}

impl CachedResponse {
    /// Returns the cached body if it is current, otherwise what `render` makes of the present numbers.
    /// None if there is nothing to show.
    pub(super) async fn get<F, Fut>(
        &self,
        ctx: &ServiceContext,
        render: F,
    ) -> Result<Option<Bytes>, StoreError>
    where
        F: FnOnce(Snapshot) -> Fut,
        Fut: Future<Output = Result<Bytes, StoreError>>,
    {
        if let Some(entry) = self.fresh_entry(ctx) {
            return Ok(entry.body.clone());
        }
        // One at a time: a hundred requests cause one look at the database.
        let _refreshing = self.refreshing.lock().await;
        if let Some(entry) = self.fresh_entry(ctx) {
            return Ok(entry.body.clone());
        }
        // Read before the numbers: a commit that comes in between makes this entry stale at once.
        let (changes, checked_at) = (ctx.published_changes(), ctx.now());
        let snapshot = current_snapshot(ctx).await?;
        let body = match (snapshot, self.entry()) {
            (None, _) => None,
            (Some(_), Some(entry)) if entry.snapshot == snapshot => entry.body.clone(),
            (Some(snapshot), _) => Some(render(snapshot).await?),
        };
        let entry = CacheEntry { body: body.clone(), snapshot, changes, checked_at };
        *self.entry.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(entry));
        Ok(body)
    }

    fn fresh_entry(&self, ctx: &ServiceContext) -> Option<Arc<CacheEntry>> {
        let changes = ctx.published_changes();
        self.entry().filter(|entry| {
            entry.changes == changes && ctx.now() < entry.checked_at.plus(REVALIDATE_AFTER)
        })
    }

    fn entry(&self) -> Option<Arc<CacheEntry>> {
        self.entry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
