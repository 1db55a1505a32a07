//! Reading the built-in log for a group: woken by the writer, never polling.

use std::collections::HashMap;
use std::sync::Arc;

use contracts::Topic;
use metrics::gauge;
use sea_orm::ConnectionTrait;
use tokio::sync::mpsc;

use super::shelf::{Place, Reading};
use super::{Log, schema};
use crate::BusError;
use crate::engine::{Assigned, Feed, FromLog, ToLog};

/// How many records are read at once.
const AT_ONCE: i64 = 256;
/// How many may lie between reader and engine.
const BETWEEN: usize = 256;

struct Reader {
    log: Log,
    group: Arc<str>,
    reading: Reading,
    places: Vec<(Place, Progress)>,
    events: mpsc::Sender<FromLog>,
}

#[derive(Debug)]
struct Progress {
    /// The next offset to read.
    next: i64,
    /// The next offset to handle.
    settled: i64,
    paused: bool,
}

pub(super) async fn open(log: &Log, group: &str, topics: &[Topic]) -> Result<Feed, BusError> {
    let reading = log
        .0
        .shelf
        .listen(group, topics)
        .ok_or_else(|| BusError::GroupBusy { group: group.to_owned() })?;
    let group: Arc<str> = Arc::from(group);
    log.flush().await?;
    let mut places = Vec::new();
    for topic in topics.iter().copied() {
        for partition in 0..log.0.shelf.partitions(topic).ok_or(BusError::UnknownTopic(topic))? {
            let place = Place { topic, partition };
            let row = log
                .0
                .readers
                .query_one_raw(schema::position(&group, &log.name(topic), partition))
                .await?;
            let known: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
            if known.is_none() {
                // From now on everything in the topic counts as unhandled by this group.
                log.0.shelf.settle(&group, place, 0);
            }
            let next = known.unwrap_or(0);
            places.push((place, Progress { next, settled: next, paused: false }));
        }
    }
    log.flush().await?;
    let (events, received) = mpsc::channel(BETWEEN);
    let (send, commands) = mpsc::unbounded_channel();
    let reader = Reader { log: log.clone(), group, reading, places, events };
    Ok(Feed {
        events: received,
        // A reader that ended needs no commands.
        commands: Box::new(move |command| {
            let _ = send.send(command);
        }),
        reading: Box::pin(reader.run(commands)),
    })
}

impl Reader {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<ToLog>) -> Result<(), BusError> {
        loop {
            let mut read = false;
            for index in 0..self.places.len() {
                read |= self.read(index).await?;
                while let Ok(command) = commands.try_recv() {
                    if self.obey(command) {
                        return self.end().await;
                    }
                }
            }
            if read {
                continue;
            }
            self.report_lag();
            tokio::select! {
                () = self.reading.wake.notified() => {}
                command = commands.recv() => if command.is_none_or(|command| self.obey(command)) {
                    return self.end().await;
                }
            }
        }
    }

    /// Reads on in one partition; says whether there was anything.
    async fn read(&mut self, index: usize) -> Result<bool, BusError> {
        let Some((place, progress)) = self.places.get_mut(index) else { return Ok(false) };
        // Taken before the read: what is published during it is not yet below this head.
        let head = self.log.0.shelf.head(*place);
        if progress.paused || progress.next >= head {
            return Ok(false);
        }
        let records = self.log.read(*place, progress.next, AT_ONCE).await?;
        let Some(last) = records.last() else {
            // Everything between here and that head is beyond its retention.
            progress.next = head;
            return Ok(false);
        };
        progress.next = last.offset + 1;
        for record in records {
            let from = Assigned { topic: place.topic, partition: place.partition, generation: 0 };
            if self.events.send(FromLog::Record(from, record)).await.is_err() {
                // The engine stopped; the command to end is on its way.
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Does what the engine says; true when it says stop.
    fn obey(&mut self, command: ToLog) -> bool {
        let (from, change): (_, fn(&mut Progress)) = match command {
            ToLog::Settled(from, offset) => {
                let place = Place { topic: from.topic, partition: from.partition };
                self.log.0.shelf.settle(&self.group, place, offset + 1);
                if let Some(progress) = self.progress(from) {
                    progress.settled = offset + 1;
                }
                return false;
            }
            ToLog::Pause(from) => (from, |progress| progress.paused = true),
            ToLog::Resume(from) => (from, |progress| progress.paused = false),
            ToLog::Stop => return true,
        };
        if let Some(progress) = self.progress(from) {
            change(progress);
        }
        false
    }

    fn progress(&mut self, from: Assigned) -> Option<&mut Progress> {
        let place = Place { topic: from.topic, partition: from.partition };
        self.places.iter_mut().find(|(at, _)| *at == place).map(|(_, progress)| progress)
    }

    async fn end(self) -> Result<(), BusError> {
        self.report_lag();
        self.log.flush().await
    }

    fn report_lag(&self) {
        let mut lags: HashMap<Topic, i64> = HashMap::new();
        for (place, progress) in &self.places {
            *lags.entry(place.topic).or_default() +=
                (self.log.0.shelf.head(*place) - progress.settled).max(0);
        }
        for (topic, lag) in lags {
            gauge!("bus_lag", "group" => self.group.to_string(), "topic" => topic.name())
                .set(lag as f64);
        }
    }
}
