//! The wish that work should end: softly (finish what is in hand) or hard (drop it).

use tokio_util::sync::CancellationToken;

/// A wish to stop that may come at any time; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Nobody wishes to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the stop.
    pub fn trigger(&self) {
        self.0.cancel();
    }

    /// Whether it was asked for.
    pub fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is asked for.
    pub async fn stopped(&self) {
        self.0.cancelled().await;
    }

    /// A stop of its own that this one includes.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Waits for the work, or for the stop, whichever comes first.
    pub async fn run_until_stopped<F: Future>(&self, work: F) -> Option<F::Output> {
        self.0.run_until_cancelled(work).await
    }
}
