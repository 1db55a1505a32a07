//! Every task is owned, has a name, and its death stops the program.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::Stop;

/// How long a soft stop may take before it becomes a hard one.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tasks of a program, and the stops they listen to.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    lasting: TaskTracker,
    hard: Stop,
    soft: Stop,
    last: Stop,
    failed: Arc<AtomicBool>,
}

/// How the tasks ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinOutcome {
    /// All ended, none with an error.
    Clean,
    /// One ended with an error, or did not end.
    Failed,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        let hard = Stop::new();
        let (soft, last) = (hard.child(), hard.child());
        Self { hard, soft, last, ..Self::default() }
    }

    /// The wish to finish what is in hand and end; a hard stop includes it.
    pub fn soft(&self) -> Stop {
        self.soft.clone()
    }

    /// The wish to drop everything and end.
    pub fn hard(&self) -> Stop {
        self.hard.clone()
    }

    /// The wish that what others depend on ends too: it comes when every other task has ended.
    pub fn dependency_stop(&self) -> Stop {
        self.last.clone()
    }

    /// Runs a task until it ends. An error or a panic is logged and stops the whole program softly.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.spawn_in(&self.tracker, name, task);
    }

    /// Runs a task that others depend on: it is not waited for until they have ended, and listens
    /// to [`Tasks::dependency_stop`].
    pub fn spawn_dependency<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.spawn_in(&self.lasting, name, task);
    }

    fn spawn_in<F>(&self, tracker: &TaskTracker, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (soft, failed) = (self.soft.clone(), self.failed.clone());
        #[expect(clippy::disallowed_methods, reason = "this is where tasks are owned")]
        let running = tokio::spawn(task);
        tracker.spawn(async move {
            let fault = match running.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("{error:#}"),
                Err(error) => error.to_string(),
            };
            tracing::error!(task = name, fault, "a task ended with an error; stopping");
            failed.store(true, Ordering::SeqCst);
            soft.trigger();
        });
    }

    /// Waits for the tasks after a soft stop; when `patience` ends, stops hard and waits a little more.
    pub async fn join(&self, patience: Duration) -> JoinOutcome {
        self.soft.trigger();
        self.tracker.close();
        self.lasting.close();
        let ended = async {
            self.tracker.wait().await;
            self.last.trigger();
            self.lasting.wait().await;
        };
        tokio::pin!(ended);
        if tokio::time::timeout(patience, &mut ended).await.is_err() {
            tracing::warn!(?patience, "tasks did not end in time; dropping what they hold");
            self.hard.trigger();
            if tokio::time::timeout(Duration::from_secs(5), &mut ended).await.is_err() {
                return JoinOutcome::Failed;
            }
        }
        if self.failed.load(Ordering::SeqCst) { JoinOutcome::Failed } else { JoinOutcome::Clean }
    }

    /// Runs until a signal or a failed task asks for the stop, then ends everything. A second signal
    /// stops hard.
    pub async fn run_until_signal(&self) -> ExitCode {
        self.soft.run_until_stopped(signal()).await;
        tracing::info!("stopping");
        let hard = self.hard.clone();
        let outcome = tokio::select! {
            outcome = self.join(PATIENCE) => outcome,
            () = async { signal().await; hard.trigger(); std::future::pending().await } => JoinOutcome::Failed,
        };
        if outcome == JoinOutcome::Clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

async fn signal() {
    let interrupted = tokio::signal::ctrl_c();
    let Ok(mut terminated) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    else {
        let _ = interrupted.await;
        return;
    };
    tokio::select! {
        _ = interrupted => {}
        _ = terminated.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_death_of_a_task_stops_the_others_and_is_told() {
        let tasks = Tasks::new();
        let soft = tasks.soft();
        tasks.spawn("waits", async move {
            soft.stopped().await;
            Ok(())
        });
        tasks.spawn("dies", async { anyhow::bail!("no more") });

        tasks.soft().stopped().await;

        assert_eq!(tasks.join(Duration::from_secs(5)).await, JoinOutcome::Failed);
    }

    #[tokio::test]
    async fn a_task_that_ignores_the_soft_stop_is_asked_hard() {
        let tasks = Tasks::new();
        let hard = tasks.hard();
        tasks.spawn("stubborn", async move {
            hard.stopped().await;
            Ok(())
        });

        assert_eq!(tasks.join(Duration::from_millis(20)).await, JoinOutcome::Clean);
    }

    #[tokio::test]
    async fn what_others_depend_on_ends_after_them() {
        let tasks = Tasks::new();
        let (order, mut ended) = tokio::sync::mpsc::unbounded_channel();
        let (last, soft) = (tasks.dependency_stop(), tasks.soft());
        let tell = order.clone();
        tasks.spawn_dependency("pool", async move {
            last.stopped().await;
            Ok(tell.send("pool")?)
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
