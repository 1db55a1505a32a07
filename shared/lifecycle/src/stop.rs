//! Stop signals: soft (finish running work) or hard (drop it).

use tokio_util::sync::CancellationToken;

/// A stop signal, shared by its clones.
#[derive(Clone, Debug, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Creates a signal that is not triggered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Triggers the signal.
    pub fn trigger(&self) {
        self.0.cancel();
    }

    /// Returns true once it is triggered.
    pub fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is triggered.
    pub async fn stopped(&self) {
        self.0.cancelled().await;
    }

    /// Creates a signal that is triggered by this one or on its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Runs the work until it ends or the signal is triggered; none in the latter case.
    pub async fn run_until_stopped<F: Future>(&self, work: F) -> Option<F::Output> {
        self.0.run_until_cancelled(work).await
    }
}
