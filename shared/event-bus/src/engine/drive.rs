//! The loop that starts tries, settles what is done and stops in good order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use lifecycle::Stop;
use metrics::{counter, histogram};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::attempt::{Outcome, attempt, may_park};
use super::lanes::{Item, Key, Lanes};
use super::ledger::Ledger;
use super::verdict::{Why, judge};
use super::{
    Assigned, Commands, Feed, FromLog, HIGH_WATERMARK, LOW_WATERMARK, REVOKE_PATIENCE, SPAN, ToLog,
    Work, pause,
};
use crate::{BusError, Parking};

/// How long the transport may take to commit at the end.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// How long dropped handlers are waited for.
const DROP_PATIENCE: Duration = Duration::from_secs(1);

/// Feeds the work until stopped. Returns when what was in hand is finished (or dropped, when hard) and
/// what is settled is committed.
pub(crate) async fn drive<P: Parking>(
    work: Work<P>,
    feed: Feed,
    soft: Stop,
    hard: Stop,
) -> Result<(), anyhow::Error> {
    let Feed { mut events, commands, reading } = feed;
    let mut reader = JoinSet::new();
    reader.spawn(reading);
    let mut drive = Drive::new(work, commands);
    loop {
        drive.start();
        if drive.stopping && drive.tries.is_empty() {
            break;
        }
        let due = drive.next_due();
        tokio::select! {
            biased;
            () = hard.stopped() => break,
            () = soft.stopped(), if !drive.stopping => drive.stop(),
            Some(done) = drive.tries.join_next_with_id(), if !drive.tries.is_empty() => drive.finished(done),
            Some(event) = events.recv() => drive.take(event),
            Some(ended) = reader.join_next() => return unexpected(ended),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => drive.wake(),
        }
    }
    // What still runs is dropped; a handler that blocks its thread cannot be waited for.
    let _ = timeout(DROP_PATIENCE, drive.tries.shutdown()).await;
    drop(events);
    (drive.commands)(ToLog::Stop);
    match timeout(COMMIT_PATIENCE, reader.join_next()).await {
        Ok(Some(ended)) => Ok(ended??),
        Ok(None) => Ok(()),
        Err(_) => {
            tracing::warn!(
                group = drive.work.group,
                "the log did not take the last commit in time; its records will come again"
            );
            Ok(())
        }
    }
}

fn unexpected(ended: Result<Result<(), BusError>, JoinError>) -> Result<(), anyhow::Error> {
    ended??;
    Err(BusError::Closed.into())
}

struct Partition {
    ledger: Ledger,
    paused: bool,
}

/// Partitions on their way to another member.
struct Leaving {
    gone: Vec<Assigned>,
    drained: SyncSender<()>,
    until: Instant,
}

struct Try {
    key: Key,
    item: Item,
    since: Instant,
    abort: tokio::task::AbortHandle,
}

struct Drive<P> {
    work: Arc<Work<P>>,
    commands: Commands,
    lanes: Lanes,
    partitions: HashMap<Assigned, Partition>,
    tries: JoinSet<Outcome>,
    running: HashMap<Id, Try>,
    leaving: Vec<Leaving>,
    outage: bool,
    stopping: bool,
}

impl<P: Parking> Drive<P> {
    fn new(work: Work<P>, commands: Commands) -> Self {
        Self {
            lanes: Lanes::new(work.limits.lanes),
            work: Arc::new(work),
            commands,
            partitions: HashMap::new(),
            tries: JoinSet::new(),
            running: HashMap::new(),
            leaving: Vec::new(),
            outage: false,
            stopping: false,
        }
    }

    /// Starts as many tries as there are lanes.
    fn start(&mut self) {
        while let Some((key, item)) = self.lanes.take() {
            let number = item.failures.saturating_add(1);
            let work = Arc::clone(&self.work);
            let abort = self.tries.spawn(attempt(
                work,
                Arc::clone(&item.record),
                number,
                item.park_for.clone(),
            ));
            self.running.insert(abort.id(), Try { key, item, since: Instant::now(), abort });
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.lanes.forget(|_| true);
    }

    fn take(&mut self, event: FromLog) {
        match event {
            FromLog::Record(from, record) if !self.stopping => {
                let partition = self
                    .partitions
                    .entry(from)
                    .or_insert_with(|| Partition { ledger: Ledger::default(), paused: false });
                partition.ledger.take(record.offset);
                let enough =
                    partition.ledger.in_hand() >= HIGH_WATERMARK || partition.ledger.span() >= SPAN;
                if enough && !partition.paused {
                    partition.paused = true;
                    (self.commands)(ToLog::Pause(from));
                }
                self.lanes.push(Item::new(from, record));
            }
            FromLog::Record(..) => {}
            FromLog::Revoked { gone, drained } => {
                self.lanes.forget(|from| gone.contains(from));
                self.leaving.push(Leaving {
                    gone,
                    drained,
                    until: Instant::now() + REVOKE_PATIENCE,
                });
                self.let_go();
            }
        }
    }

    fn finished(&mut self, done: Result<(Id, Outcome), JoinError>) {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(Try { key, mut item, since, .. }) = self.running.remove(&id) else { return };
        let group = self.work.group;
        let topic = item.record.topic.name();
        histogram!("bus_handle_seconds", "group" => group, "topic" => topic)
            .record(since.elapsed().as_secs_f64());
        let outcome = match done {
            Ok((_, outcome)) => Some(outcome),
            Err(error) if error.is_panic() => Some(Outcome::Failed {
                reason: "the handler panicked".to_owned(),
                may_park: may_park(&self.work, &item.record),
            }),
            Err(_) => None,
        };
        let keeps = !self.stopping && !self.is_leaving(item.from);
        let settles =
            matches!(outcome, Some(Outcome::Handled | Outcome::Skipped | Outcome::Parked));
        match outcome {
            Some(outcome) if settles => {
                self.lanes.finish(&key);
                self.settled(&item, &outcome);
            }
            Some(outcome) if keeps => {
                match judge(&mut item, outcome, self.work.limits, Instant::now()) {
                    Some((why, reason, rest)) => {
                        self.report(&item, why, &reason);
                        self.lanes.rest(key, item, rest);
                    }
                    None => self.lanes.finish(&key),
                }
            }
            // Not settled: it comes again, to whoever reads then.
            _ => self.lanes.finish(&key),
        }
        self.let_go();
    }

    fn settled(&mut self, item: &Item, outcome: &Outcome) {
        let (group, topic) = (self.work.group, item.record.topic.name());
        let outcome = match outcome {
            Outcome::Parked => "parked",
            Outcome::Skipped => "skipped",
            _ => "handled",
        };
        counter!("bus_settled_total", "group" => group, "topic" => topic, "outcome" => outcome)
            .increment(1);
        if std::mem::take(&mut self.outage) {
            tracing::info!(group, "what was away is back");
            self.lanes.hurry(Instant::now() + pause::BACK);
        }
        let Some(partition) = self.partitions.get_mut(&item.from) else { return };
        if let Some(up_to) = partition.ledger.settle(item.record.offset) {
            (self.commands)(ToLog::Settled(item.from, up_to));
        }
        if partition.paused
            && partition.ledger.in_hand() <= LOW_WATERMARK
            && partition.ledger.span() < SPAN
        {
            partition.paused = false;
            (self.commands)(ToLog::Resume(item.from));
        }
    }

    /// Says what happened to a record that is tried again.
    fn report(&mut self, item: &Item, why: Why, reason: &str) {
        let group = self.work.group;
        let (topic, partition, offset) =
            (item.record.topic.name(), item.record.partition, item.record.offset);
        counter!("bus_retried_total", "group" => group, "topic" => topic, "why" => why.name())
            .increment(1);
        match why {
            // Once per outage: everything in hand waits for the same.
            Why::Away if std::mem::replace(&mut self.outage, true) => {}
            Why::Away => tracing::warn!(
                group,
                topic,
                partition,
                offset,
                reason,
                "something is away; waiting for it"
            ),
            Why::Failed => {
                tracing::warn!(
                    group,
                    topic,
                    partition,
                    offset,
                    reason,
                    attempt = item.failures,
                    "a record failed"
                );
            }
            Why::Park => {
                tracing::error!(group, topic, partition, offset, reason, "a record is parked");
            }
        }
    }

    fn is_leaving(&self, from: Assigned) -> bool {
        self.leaving.iter().any(|leaving| leaving.gone.contains(&from))
    }

    /// Lets go of revoked partitions of which nothing runs any more.
    fn let_go(&mut self) {
        let Self { leaving, running, partitions, .. } = self;
        leaving.retain(|leaving| {
            let busy = running.values().any(|running| leaving.gone.contains(&running.item.from));
            if !busy {
                partitions.retain(|assigned, _| !leaving.gone.contains(assigned));
                // The reader may have stopped waiting; then nobody needs to know.
                let _ = leaving.drained.try_send(());
            }
            busy
        });
    }

    fn next_due(&self) -> Option<Instant> {
        let leaving = self.leaving.iter().map(|leaving| leaving.until).min();
        [self.lanes.next_due(), leaving].into_iter().flatten().min()
    }

    fn wake(&mut self) {
        let now = Instant::now();
        self.lanes.wake(now);
        for leaving in self.leaving.iter_mut().filter(|leaving| leaving.until <= now) {
            // Past its deadline: what still runs is dropped; the abort arrives as a finished try.
            for running in
                self.running.values().filter(|running| leaving.gone.contains(&running.item.from))
            {
                running.abort.abort();
            }
            leaving.until = now + REVOKE_PATIENCE;
        }
    }
}

#[cfg(test)]
mod tests;
