//! Gauges that are read when somebody asks for them.

use std::fmt;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

/// Time after which a scrape goes on without the new values.
const COLLECT_TIMEOUT: Duration = Duration::from_secs(2);

type Collect = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Sets gauges at each scrape, so that they cost nothing while nobody looks.
#[derive(Clone)]
pub struct Collector {
    name: String,
    collect: Collect,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Collector {
    /// A collector with this name, for the log.
    pub fn new<F, Fut, E>(name: impl Into<String>, collect: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        let collect =
            move || collect().map(|result| result.map_err(|error| error.to_string())).boxed();
        Self { name: name.into(), collect: Arc::new(collect) }
    }

    /// Sets its gauges; after a failure they keep their former values.
    pub(crate) async fn collect(&self) {
        let failure = match tokio::time::timeout(COLLECT_TIMEOUT, (self.collect)()).await {
            Ok(result) => result.err(),
            Err(_elapsed) => Some(format!("no answer within {COLLECT_TIMEOUT:?}")),
        };
        if let Some(error) = failure {
            tracing::debug!(collector = self.name, error, "gauges keep their former values");
        }
    }
}
