//! Reads the built-in log for a group: woken by the writer, never polling.

use std::collections::HashMap;
use std::sync::Arc;

use contracts::Topic;
use metrics::gauge;
use sea_orm::ConnectionTrait;
use tokio::sync::mpsc;

use super::log_state::ReaderRegistration;
use super::{BuiltInLog, schema};
use crate::BusError;
use crate::engine::{Assignment, ConsumerCommand, RecordStream, TransportEvent};
use crate::record::TopicPartition;

/// Maximum number of records read by one query.
const READ_LIMIT: i64 = 256;
/// Maximum number of records between reader and engine.
const EVENT_BUFFER: usize = 256;

struct GroupReader {
    log: BuiltInLog,
    group: Arc<str>,
    registration: ReaderRegistration,
    partitions: Vec<ReadPosition>,
    events: mpsc::Sender<TransportEvent>,
}

#[derive(Debug)]
struct ReadPosition {
    topic_partition: TopicPartition,
    /// The next offset to read.
    next: i64,
    /// The next offset to handle.
    settled: i64,
    paused: bool,
}

pub(super) async fn open(
    log: &BuiltInLog,
    group: &str,
    topics: &[Topic],
) -> Result<RecordStream, BusError> {
    let state = &log.0.state;
    let registration = state
        .register_reader(group, topics)
        .ok_or_else(|| BusError::GroupBusy { group: group.to_owned() })?;
    let group: Arc<str> = Arc::from(group);
    log.flush().await?;
    let mut partitions = Vec::new();
    for topic in topics.iter().copied() {
        let topic_name = log.0.settings.topic_name(topic);
        for partition in 0..log.partition_count(topic)? {
            let topic_partition = TopicPartition { topic, partition };
            let select = schema::select_group_offset(&group, &topic_name, partition);
            let row = log.0.readers.query_one_raw(select).await?;
            let stored: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
            if stored.is_none() {
                // From now on every record of the topic counts towards this group's lag.
                state.settle(&group, topic_partition, 0);
            }
            let next = stored.unwrap_or(0);
            partitions.push(ReadPosition { topic_partition, next, settled: next, paused: false });
        }
    }
    log.flush().await?;
    let (events, received) = mpsc::channel(EVENT_BUFFER);
    let (send, commands) = mpsc::unbounded_channel();
    let reader = GroupReader { log: log.clone(), group, registration, partitions, events };
    Ok(RecordStream {
        events: received,
        // A reader that ended needs no commands.
        commands: Box::new(move |command| {
            let _ = send.send(command);
        }),
        reader: Box::pin(reader.run(commands)),
    })
}

impl GroupReader {
    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<ConsumerCommand>,
    ) -> Result<(), BusError> {
        loop {
            let mut read = false;
            for index in 0..self.partitions.len() {
                read |= self.read_partition(index).await?;
                while let Ok(command) = commands.try_recv() {
                    if self.apply_command(command) {
                        return self.finish().await;
                    }
                }
            }
            if read {
                continue;
            }
            self.report_lag();
            tokio::select! {
                () = self.registration.wake.notified() => {}
                command = commands.recv() => {
                    if command.is_none_or(|command| self.apply_command(command)) {
                        return self.finish().await;
                    }
                }
            }
        }
    }

    /// Delivers the next records of a partition; returns true if there were any.
    async fn read_partition(&mut self, index: usize) -> Result<bool, BusError> {
        let Some(position) = self.partitions.get_mut(index) else { return Ok(false) };
        let topic_partition = position.topic_partition;
        // Taken before the read: a record published during the read is not below this head.
        let head = self.log.0.state.head(topic_partition);
        if position.paused || position.next >= head {
            return Ok(false);
        }
        let records = self.log.read_records(topic_partition, position.next, READ_LIMIT).await?;
        let Some(last) = records.last() else {
            // Everything between here and that head is beyond its retention.
            position.next = head;
            return Ok(false);
        };
        position.next = last.offset + 1;
        let assignment = Assignment { topic_partition, generation: 0 };
        for record in records {
            if self.events.send(TransportEvent::Record(assignment, record)).await.is_err() {
                // The engine stopped; the command to end is on its way.
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Applies a command of the engine; returns true if it is to stop.
    fn apply_command(&mut self, command: ConsumerCommand) -> bool {
        match command {
            ConsumerCommand::Settled(assignment, offset) => {
                let next = offset + 1;
                self.log.0.state.settle(&self.group, assignment.topic_partition, next);
                self.update_position(assignment, |position| position.settled = next);
            }
            ConsumerCommand::Pause(assignment) => {
                self.update_position(assignment, |position| position.paused = true);
            }
            ConsumerCommand::Resume(assignment) => {
                self.update_position(assignment, |position| position.paused = false);
            }
            ConsumerCommand::Stop => return true,
        }
        false
    }

    fn update_position(&mut self, assignment: Assignment, update: impl FnOnce(&mut ReadPosition)) {
        let mut positions = self.partitions.iter_mut();
        if let Some(position) =
            positions.find(|position| position.topic_partition == assignment.topic_partition)
        {
            update(position);
        }
    }

    async fn finish(self) -> Result<(), BusError> {
        self.report_lag();
        self.log.flush().await
    }

    fn report_lag(&self) {
        let mut lags: HashMap<Topic, i64> = HashMap::new();
        for position in &self.partitions {
            let head = self.log.0.state.head(position.topic_partition);
            *lags.entry(position.topic_partition.topic).or_default() +=
                (head - position.settled).max(0);
        }
        for (topic, lag) in lags {
            gauge!("bus_lag", "group" => self.group.to_string(), "topic" => topic.name())
                .set(lag as f64);
        }
    }
}
