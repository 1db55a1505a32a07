//! A child process for tests: publishes, handles or idles on the bus named by its arguments.
//!
//! `bus_child ADDRESS publish`: numbered records, one line `ACK n` per acknowledged one.
//! `bus_child ADDRESS handle FILE`: appends every handled number to the file.
//! `bus_child ADDRESS idle SECONDS`: reads eight topics in which nothing happens, then prints its CPU time in ms.
//! `bus_child ADDRESS latency COUNT`: publishes and handles one after the other, then prints the percentiles.
//!
//! ADDRESS is `file:PATH` or `kafka:HOST:PORT/PREFIX`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contracts::strava::Hint;
use contracts::{Cause, Envelope, Event, Topic};
use event_bus::{
    BuiltInLogSettings, Bus, HandleError, Handler, KafkaSettings, Parking, Publisher,
    PublisherKind, Received, Record, Subscription,
};
use kernel::{EventId, Ids, SystemClock, SystemIds, Timestamp};
use lifecycle::Stop;
use tokio::sync::mpsc;

const TOPIC: Topic = Topic::Activities;

#[tokio::main]
async fn main() -> Result<(), anyhow::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [address, "publish"] => publish(open_bus(address, 3).await?).await,
        [address, "handle", file] => handle(open_bus(address, 3).await?, file.into()).await,
        [address, "idle", seconds] => {
            measure_idle(open_bus(address, 12).await?, seconds.parse()?).await
        }
        [address, "latency", count] => {
            measure_latency(open_bus(address, 12).await?, count.parse()?).await
        }
        _ => bail!("ADDRESS publish | handle FILE | idle SECONDS | latency COUNT"),
    }
}

async fn open_bus(address: &str, partitions: i32) -> Result<Bus, anyhow::Error> {
    let bus = if let Some(file) = address.strip_prefix("file:") {
        Bus::open_built_in(BuiltInLogSettings {
            partitions,
            ..BuiltInLogSettings::new(file, Arc::new(SystemClock::new()))
        })
        .await?
    } else if let Some((brokers, prefix)) =
        address.strip_prefix("kafka:").and_then(|rest| rest.split_once('/'))
    {
        let settings =
            KafkaSettings { partitions, prefix: prefix.to_owned(), ..KafkaSettings::new(brokers) };
        Bus::open_kafka(settings).await?
    } else {
        bail!("{address} is neither file:PATH nor kafka:HOST:PORT/PREFIX");
    };
    bus.ensure_topics(&Topic::ALL).await?;
    bus.warm_up().await?;
    Ok(bus)
}

fn encode_hint(number: i64) -> Vec<u8> {
    let hint = Hint { application: 1, owner: number % 5, object_id: number, ..Hint::default() };
    let now = Timestamp::from_secs(1_790_000_000);
    Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(now)),
        occurred_at: now,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload: hint.into_payload(),
    }
    .encode()
}

async fn publish(bus: Bus) -> Result<(), anyhow::Error> {
    let publisher = bus.publisher(PublisherKind::Intake);
    // Four at once, so that the kill meets records under way.
    for round in 0.. {
        let one = |number: i64| publish_acknowledged(&publisher, number);
        let first = round * 4;
        let done = tokio::join!(one(first), one(first + 1), one(first + 2), one(first + 3));
        done.0.and(done.1).and(done.2).and(done.3)?;
    }
    Ok(())
}

async fn publish_acknowledged(publisher: &Publisher, number: i64) -> Result<(), anyhow::Error> {
    publisher.publish(TOPIC, &format!("owner-{}", number % 5), encode_hint(number)).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ACK {number}")?;
    out.flush()?;
    Ok(())
}

/// Nothing is parked in these programs.
struct NoParking;

impl Parking for NoParking {
    async fn park(&self, record: &Record, reason: &str) -> Result<(), anyhow::Error> {
        bail!("offset {} was to be parked: {reason}", record.offset)
    }
}

struct AppendToFile(PathBuf);

impl Handler for AppendToFile {
    type Event = Hint;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        let write = || -> std::io::Result<()> {
            let line = format!("{} {}\n", event.body.owner, event.body.object_id);
            OpenOptions::new().create(true).append(true).open(&self.0)?.write_all(line.as_bytes())
        };
        tokio::time::sleep(Duration::from_millis(2)).await;
        write().map_err(|error| HandleError::Unavailable(error.into()))
    }
}

async fn handle(bus: Bus, file: PathBuf) -> Result<(), anyhow::Error> {
    let never = Stop::new();
    Subscription::new("child", NoParking)
        .on(TOPIC, AppendToFile(file))
        .run(&bus, never.clone(), never)
        .await
}

struct InstantSender(mpsc::UnboundedSender<Instant>);

impl Handler for InstantSender {
    type Event = Hint;

    async fn handle(&self, _: &Received<Hint>) -> Result<(), HandleError> {
        self.0.send(Instant::now()).map_err(|error| HandleError::Rejected(error.into()))
    }
}

async fn measure_idle(bus: Bus, seconds: u64) -> Result<(), anyhow::Error> {
    let stop = Stop::new();
    let (send, _received) = mpsc::unbounded_channel();
    let groups = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut readers = tokio::task::JoinSet::new();
    for (group, topic) in groups.into_iter().zip(Topic::ALL) {
        let (bus, stop, send) = (bus.clone(), stop.clone(), send.clone());
        readers.spawn(async move {
            Subscription::new(group, NoParking)
                .on(topic, InstantSender(send))
                .run(&bus, stop.clone(), stop)
                .await
        });
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = cpu_time_ms()?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    println!("CPU {} ms in {seconds} s", cpu_time_ms()? - before);
    stop.trigger();
    while let Some(ended) = readers.join_next().await {
        ended??;
    }
    delete_topics(&bus).await;
    Ok(())
}

/// Deletes the topics on a broker; the built-in log's file is deleted by the caller.
async fn delete_topics(bus: &Bus) {
    if !bus.is_built_in() {
        bus.delete_topics().await;
    }
}

/// Returns the CPU time of this process so far, in ms (Linux).
fn cpu_time_ms() -> Result<u64, anyhow::Error> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| {
        fields.get(at).context("no such field").and_then(|field| Ok(field.parse::<u64>()?))
    };
    Ok((ticks(11)? + ticks(12)?) * 10)
}

async fn measure_latency(bus: Bus, count: usize) -> Result<(), anyhow::Error> {
    let stop = Stop::new();
    let (send, mut handled) = mpsc::unbounded_channel();
    let mut reader = tokio::task::JoinSet::new();
    let (group, stops) = (bus.clone(), stop.clone());
    reader.spawn(async move {
        Subscription::new("latency", NoParking)
            .on(TOPIC, InstantSender(send))
            .run(&group, stops.clone(), stops)
            .await
    });
    let publisher = bus.publisher(PublisherKind::Intake);
    let (mut acknowledged, mut handled_after) = (Vec::new(), Vec::new());
    for number in 0..count + 50 {
        let started = Instant::now();
        publisher
            .publish(TOPIC, &format!("owner-{}", number % 100), encode_hint(number as i64))
            .await?;
        let acknowledged_after = started.elapsed();
        let end = handled.recv().await.context("the reader ended")?;
        // The first ones pay for joining the group.
        if number >= 50 {
            acknowledged.push(acknowledged_after);
            handled_after.push(end.saturating_duration_since(started));
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    println!("publish → acknowledged {}", format_percentiles(acknowledged));
    println!("publish → handled {}", format_percentiles(handled_after));
    stop.trigger();
    while let Some(ended) = reader.join_next().await {
        ended??;
    }
    delete_topics(&bus).await;
    Ok(())
}

fn format_percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or_default()
    };
    format!("p50 {:?} p99 {:?} max {:?} of {}", at(50), at(99), at(100), times.len())
}
