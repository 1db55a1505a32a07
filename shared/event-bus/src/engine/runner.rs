//! The engine's loop: starts attempts, settles what is done, and stops in order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use lifecycle::Stop;
use metrics::{counter, histogram};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::attempt::{AttemptOutcome, attempt_record, may_park};
use super::lanes::{LaneKey, Lanes, QueuedRecord};
use super::offset_tracker::OffsetTracker;
use super::retry_policy::{Retry, RetryReason, plan_retry};
use super::{
    Assignment, CommandSender, ConsumerCommand, ConsumerGroup, REVOKE_TIMEOUT, RecordStream,
    TransportEvent, group_metrics, retry_delay,
};
use crate::{BusError, Parking};

/// Unsettled records of one partition at which reading it pauses. The watermarks are far apart and
/// high, because on Kafka every pause and resume can cost `fetch.wait.max.ms`.
const HIGH_WATERMARK: usize = 1024;
/// Unsettled records of one partition at which reading it resumes.
const LOW_WATERMARK: usize = 512;
/// Maximum number of records read past the oldest unsettled one of a partition.
const MAX_SPAN: usize = 65_536;

/// Maximum time for the transport's last commit.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time for aborted handlers to end.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Handles the records of a stream until stopped. Returns when running attempts are finished (or
/// aborted, after a hard stop) and everything settled is committed.
pub(crate) async fn run<P: Parking>(
    group: ConsumerGroup<P>,
    stream: RecordStream,
    soft: Stop,
    hard: Stop,
) -> Result<(), anyhow::Error> {
    let RecordStream { mut events, commands, reader } = stream;
    let mut reader_task = JoinSet::new();
    reader_task.spawn(reader);
    group_metrics::register(group.name, &group.routes.topics());
    let mut runner = Runner::new(group, commands);
    loop {
        runner.start_attempts();
        if runner.stopping && runner.attempts.is_empty() {
            break;
        }
        let due = runner.next_due();
        tokio::select! {
            biased;
            () = hard.stopped() => break,
            () = soft.stopped(), if !runner.stopping => runner.begin_stop(),
            Some(finished) = runner.attempts.join_next_with_id(), if !runner.attempts.is_empty() => {
                runner.finish_attempt(finished);
            }
            Some(event) = events.recv() => runner.handle_event(event),
            Some(ended) = reader_task.join_next() => return unexpected_end(ended),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => runner.handle_timers(),
        }
    }
    // Attempts that still run are aborted; a handler that blocks its thread cannot be waited for.
    let _ = timeout(ABORT_TIMEOUT, runner.attempts.shutdown()).await;
    drop(events);
    (runner.commands)(ConsumerCommand::Stop);
    match timeout(COMMIT_TIMEOUT, reader_task.join_next()).await {
        Ok(Some(ended)) => Ok(ended??),
        Ok(None) => Ok(()),
        Err(_) => {
            tracing::warn!(
                group = runner.group.name,
                "the last commit timed out; its records will be delivered again"
            );
            Ok(())
        }
    }
}

fn unexpected_end(ended: Result<Result<(), BusError>, JoinError>) -> Result<(), anyhow::Error> {
    ended??;
    Err(BusError::Closed.into())
}

#[derive(Default)]
struct PartitionState {
    offsets: OffsetTracker,
    paused: bool,
}

/// Revoked partitions of which attempts still run.
struct Revoking {
    assignments: Vec<Assignment>,
    drained: SyncSender<()>,
    deadline: Instant,
}

struct RunningAttempt {
    key: LaneKey,
    queued: QueuedRecord,
    started_at: Instant,
    abort: tokio::task::AbortHandle,
}

struct Runner<P> {
    group: Arc<ConsumerGroup<P>>,
    commands: CommandSender,
    lanes: Lanes,
    partitions: HashMap<Assignment, PartitionState>,
    attempts: JoinSet<AttemptOutcome>,
    running: HashMap<Id, RunningAttempt>,
    revoking: Vec<Revoking>,
    in_outage: bool,
    stopping: bool,
}

impl<P: Parking> Runner<P> {
    fn new(group: ConsumerGroup<P>, commands: CommandSender) -> Self {
        Self {
            lanes: Lanes::new(group.limits.lanes),
            group: Arc::new(group),
            commands,
            partitions: HashMap::new(),
            attempts: JoinSet::new(),
            running: HashMap::new(),
            revoking: Vec::new(),
            in_outage: false,
            stopping: false,
        }
    }

    /// Starts attempts until all lanes are busy.
    fn start_attempts(&mut self) {
        while let Some((key, queued)) = self.lanes.take_next() {
            let abort = self.attempts.spawn(attempt_record(
                Arc::clone(&self.group),
                Arc::clone(&queued.record),
                queued.failures.saturating_add(1),
                queued.parking_reason.clone(),
            ));
            let started_at = Instant::now();
            self.running.insert(abort.id(), RunningAttempt { key, queued, started_at, abort });
        }
    }

    fn begin_stop(&mut self) {
        self.stopping = true;
        self.lanes.discard_queued(|_| true);
    }

    fn handle_event(&mut self, event: TransportEvent) {
        match event {
            TransportEvent::Record(assignment, record) if !self.stopping => {
                let partition = self.partitions.entry(assignment).or_default();
                partition.offsets.track(record.offset);
                let full = partition.offsets.unsettled() >= HIGH_WATERMARK
                    || partition.offsets.span() >= MAX_SPAN;
                if full && !partition.paused {
                    partition.paused = true;
                    (self.commands)(ConsumerCommand::Pause(assignment));
                }
                self.lanes.push(QueuedRecord::new(assignment, record));
            }
            TransportEvent::Record(..) => {}
            TransportEvent::Revoked { assignments, drained } => {
                self.lanes.discard_queued(|assignment| assignments.contains(assignment));
                let deadline = Instant::now() + REVOKE_TIMEOUT;
                self.revoking.push(Revoking { assignments, drained, deadline });
                self.release_drained();
            }
        }
    }

    fn finish_attempt(&mut self, finished: Result<(Id, AttemptOutcome), JoinError>) {
        let id = match &finished {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(RunningAttempt { key, mut queued, started_at, .. }) = self.running.remove(&id)
        else {
            return;
        };
        let topic = queued.record.topic.name();
        histogram!("bus_handle_seconds", "group" => self.group.name, "topic" => topic)
            .record(started_at.elapsed().as_secs_f64());
        let outcome = match finished {
            Ok((_, outcome)) => Some(outcome),
            Err(error) if error.is_panic() => Some(AttemptOutcome::Failed {
                reason: "the handler panicked".to_owned(),
                may_park: may_park(&self.group, &queued.record),
            }),
            Err(_) => None,
        };
        let may_retry = !self.stopping && !self.is_revoking(queued.assignment);
        match outcome {
            Some(
                outcome @ (AttemptOutcome::Handled
                | AttemptOutcome::Skipped
                | AttemptOutcome::Parked),
            ) => {
                self.lanes.finish(&key);
                self.settle(&queued, &outcome);
            }
            Some(outcome) if may_retry => {
                match plan_retry(&mut queued, outcome, self.group.limits, Instant::now()) {
                    Some(retry) => {
                        self.report_retry(&queued, &retry);
                        self.lanes.back_off(key, queued, retry.backoff);
                    }
                    None => self.lanes.finish(&key),
                }
            }
            // Not settled: it is delivered again, to the next reader of the partition.
            _ => self.lanes.finish(&key),
        }
        self.release_drained();
    }

    fn settle(&mut self, queued: &QueuedRecord, outcome: &AttemptOutcome) {
        let (group, topic) = (self.group.name, queued.record.topic.name());
        let outcome = match outcome {
            AttemptOutcome::Parked => "parked",
            AttemptOutcome::Skipped => "skipped",
            _ => "handled",
        };
        counter!("bus_settled_total", "group" => group, "topic" => topic, "outcome" => outcome)
            .increment(1);
        if std::mem::take(&mut self.in_outage) {
            tracing::info!(group, "the outage is over: a record was handled again");
            self.lanes.wake_early(Instant::now() + retry_delay::MAX_DELAY_AFTER_RECOVERY);
        }
        let assignment = queued.assignment;
        let Some(partition) = self.partitions.get_mut(&assignment) else { return };
        if let Some(up_to) = partition.offsets.settle(queued.record.offset) {
            (self.commands)(ConsumerCommand::Settled(assignment, up_to));
        }
        if partition.paused
            && partition.offsets.unsettled() <= LOW_WATERMARK
            && partition.offsets.span() < MAX_SPAN
        {
            partition.paused = false;
            (self.commands)(ConsumerCommand::Resume(assignment));
        }
    }

    /// Counts and logs a record that is tried again.
    fn report_retry(&mut self, queued: &QueuedRecord, retry: &Retry) {
        let group = self.group.name;
        let record = &queued.record;
        let (topic, partition, offset) = (record.topic.name(), record.partition, record.offset);
        let reason = retry.error.as_str();
        let why = retry.reason.label();
        counter!("bus_retried_total", "group" => group, "topic" => topic, "why" => why)
            .increment(1);
        match retry.reason {
            // Logged once per outage: all unsettled records wait for the same dependency.
            RetryReason::Unavailable if std::mem::replace(&mut self.in_outage, true) => {}
            RetryReason::Unavailable => tracing::warn!(
                group,
                topic,
                partition,
                offset,
                reason,
                "a dependency is unavailable; retrying until it is back"
            ),
            RetryReason::Failed => {
                let attempt = queued.failures;
                tracing::warn!(group, topic, partition, offset, reason, attempt, "a record failed");
            }
            RetryReason::Park => {
                tracing::error!(group, topic, partition, offset, reason, "a record is parked");
            }
        }
    }

    fn is_revoking(&self, assignment: Assignment) -> bool {
        self.revoking.iter().any(|revoking| revoking.assignments.contains(&assignment))
    }

    /// Releases revoked partitions of which no attempt runs any more.
    fn release_drained(&mut self) {
        let Self { revoking, running, partitions, .. } = self;
        revoking.retain(|Revoking { assignments, drained, .. }| {
            let busy =
                running.values().any(|attempt| assignments.contains(&attempt.queued.assignment));
            if !busy {
                partitions.retain(|assignment, _| !assignments.contains(assignment));
                // The reader may have stopped waiting; then the signal is not needed.
                let _ = drained.try_send(());
            }
            busy
        });
    }

    fn next_due(&self) -> Option<Instant> {
        let deadline = self.revoking.iter().map(|revoking| revoking.deadline).min();
        [self.lanes.next_due(), deadline].into_iter().flatten().min()
    }

    fn handle_timers(&mut self) {
        let now = Instant::now();
        self.lanes.wake_due(now);
        for revoking in self.revoking.iter_mut().filter(|revoking| revoking.deadline <= now) {
            // The abort arrives as a finished attempt.
            for attempt in self
                .running
                .values()
                .filter(|attempt| revoking.assignments.contains(&attempt.queued.assignment))
            {
                attempt.abort.abort();
            }
            revoking.deadline = now + REVOKE_TIMEOUT;
        }
    }
}

#[cfg(test)]
mod tests;
