//! Owned tasks: each has a name, and a failed one stops the program.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::{Stop, StopSignals};

/// Maximum time of a soft stop before it becomes a hard one.
const SOFT_STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The tasks of a program and their stop signals.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    dependencies: TaskTracker,
    hard: Stop,
    soft: Stop,
    dependency_stop: Stop,
    failed: Arc<AtomicBool>,
}

/// The result of waiting for all tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinOutcome {
    /// All tasks ended without an error.
    Clean,
    /// A task ended with an error, or did not end.
    Failed,
}

impl Tasks {
    /// Creates an empty set of tasks.
    pub fn new() -> Self {
        let hard = Stop::new();
        let (soft, dependency_stop) = (hard.child(), hard.child());
        Self { hard, soft, dependency_stop, ..Self::default() }
    }

    /// The signal to finish running work and end; a hard stop includes it.
    pub fn soft(&self) -> Stop {
        self.soft.clone()
    }

    /// The signal to drop all work and end.
    pub fn hard(&self) -> Stop {
        self.hard.clone()
    }

    /// The signal for tasks that others depend on to end: triggered once every other task has ended.
    pub fn dependency_stop(&self) -> Stop {
        self.dependency_stop.clone()
    }

    /// Spawns a task. An error or a panic is logged and stops the whole program softly.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.spawn_in(&self.tracker, name, task);
    }

    /// Spawns a task that others depend on: it ends after them, at [`Tasks::dependency_stop`].
    pub fn spawn_dependency<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.spawn_in(&self.dependencies, name, task);
    }

    fn spawn_in<F>(&self, tracker: &TaskTracker, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (soft, failed) = (self.soft.clone(), self.failed.clone());
        #[expect(clippy::disallowed_methods, reason = "this is where tasks are owned")]
        let running = tokio::spawn(task);
        tracker.spawn(async move {
            let error = match running.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("{error:#}"),
                Err(error) => error.to_string(),
            };
            tracing::error!(task = name, error, "a task failed; stopping");
            failed.store(true, Ordering::SeqCst);
            soft.trigger();
        });
    }

    /// Stops softly and waits for the tasks; after `timeout`, stops hard and waits five seconds more.
    pub async fn join(&self, timeout: Duration) -> JoinOutcome {
        self.soft.trigger();
        self.tracker.close();
        self.dependencies.close();
        let ended = async {
            self.tracker.wait().await;
            self.dependency_stop.trigger();
            self.dependencies.wait().await;
        };
        tokio::pin!(ended);
        if tokio::time::timeout(timeout, &mut ended).await.is_err() {
            tracing::warn!(?timeout, "tasks did not end in time; stopping hard");
            self.hard.trigger();
            if tokio::time::timeout(Duration::from_secs(5), &mut ended).await.is_err() {
                return JoinOutcome::Failed;
            }
        }
        if self.failed.load(Ordering::SeqCst) { JoinOutcome::Failed } else { JoinOutcome::Clean }
    }

    /// Runs until a signal or a failed task stops the program, then ends all tasks. A second signal stops
    /// hard. Returns the exit code.
    pub async fn run_until_signal(&self, mut signals: StopSignals) -> ExitCode {
        self.soft.run_until_stopped(signals.next()).await;
        tracing::info!("stopping");
        let hard = self.hard.clone();
        let outcome = tokio::select! {
            outcome = self.join(SOFT_STOP_TIMEOUT) => outcome,
            () = async { signals.next().await; hard.trigger(); std::future::pending().await } => JoinOutcome::Failed,
        };
        if outcome == JoinOutcome::Clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_task_stops_the_others_and_is_reported() {
        let tasks = Tasks::new();
        let soft = tasks.soft();
        tasks.spawn("waits", async move {
            soft.stopped().await;
            Ok(())
        });
        tasks.spawn("fails", async { anyhow::bail!("no more") });

        tasks.soft().stopped().await;

        assert_eq!(tasks.join(Duration::from_secs(5)).await, JoinOutcome::Failed);
    }

    #[tokio::test]
    async fn a_task_that_ignores_the_soft_stop_is_stopped_hard() {
        let tasks = Tasks::new();
        let hard = tasks.hard();
        tasks.spawn("stubborn", async move {
            hard.stopped().await;
            Ok(())
        });

        assert_eq!(tasks.join(Duration::from_millis(20)).await, JoinOutcome::Clean);
    }

    #[tokio::test]
    async fn a_task_that_others_depend_on_ends_after_them() {
        let tasks = Tasks::new();
        let (order, mut ended) = tokio::sync::mpsc::unbounded_channel();
        let (dependency_stop, soft) = (tasks.dependency_stop(), tasks.soft());
        let order_of_pool = order.clone();
        tasks.spawn_dependency("pool", async move {
            dependency_stop.stopped().await;
            Ok(order_of_pool.send("pool")?)
        });
        tasks.spawn("user of the pool", async move {
            soft.stopped().await;
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok(order.send("user")?)
        });

        assert_eq!(tasks.join(Duration::from_secs(5)).await, JoinOutcome::Clean);

        assert_eq!([ended.recv().await, ended.recv().await], [Some("user"), Some("pool")]);
    }
}
