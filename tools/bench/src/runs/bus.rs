//! From publish to handled, one record at a time, on the built-in log and on Kafka.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use contracts::strava::{Aspect, Hint, ObjectType};
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Topic, record_key};
use event_bus::{
    BuiltInLogSettings, Bus, HandleError, Handler, Parking, PublisherKind, Received, Record,
    Subscription,
};
use kernel::{Clock, EventId, Ids, SystemClock, SystemIds};
use lifecycle::Tasks;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::Place;
use crate::numbers::Spread;
use crate::report::{Report, progress};
use crate::stage::Topics;

const WARM_UP: i64 = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// How `bus` is run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How many records are published, one after another.
    #[arg(long, default_value_t = 1000)]
    records: i64,
}

impl Options {
    pub(crate) fn at(place: &Place) -> Self {
        Self { place: place.clone(), records: 1000 }
    }
}

/// Notes when each record arrived.
struct Heard(mpsc::UnboundedSender<(i64, Instant)>);

impl Handler for Heard {
    type Event = Hint;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        // Nobody listens any more once the run is over.
        let _ = self.0.send((event.body.object_id, Instant::now()));
        Ok(())
    }
}

/// Nothing is parked here.
struct Nowhere;

impl Parking for Nowhere {
    async fn park(&self, _: &Record, reason: &str) -> Result<(), anyhow::Error> {
        anyhow::bail!("a record of the benchmark was not handled: {reason}")
    }
}

/// Runs it on both logs.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let folder = tempfile::Builder::new().prefix("paceline-bench-").tempdir()?;
    let settings =
        BuiltInLogSettings::new(folder.path().join("bus.db"), Arc::new(SystemClock::new()));
    let built_in = Bus::open_built_in(settings).await?;
    measure(options, &built_in, ("built-in log", 10.0), &mut report).await?;
    let topics = Topics::new(&options.place)?;
    let kafka = topics.bus().await?;
    let measured = measure(options, &kafka, ("Kafka", 20.0), &mut report).await;
    kafka.delete_topics().await;
    measured?;
    Ok(report)
}

async fn measure(
    options: &Options,
    bus: &Bus,
    (name, p99): (&str, f64),
    report: &mut Report,
) -> anyhow::Result<()> {
    bus.ensure_topics(&[Topic::StravaEvents]).await?;
    bus.warm_up().await?;
    let tasks = Tasks::new();
    let (heard, mut arrived) = mpsc::unbounded_channel();
    let subscription = Subscription::new("bench", Nowhere).on(Topic::StravaEvents, Heard(heard));
    let (reading, soft, hard) = (bus.clone(), tasks.soft(), tasks.hard());
    tasks.spawn("reader", async move { subscription.run(&reading, soft, hard).await });
    for kind in [PublisherKind::Intake, PublisherKind::Relay] {
        let times = one_by_one(options, bus, kind, &mut arrived).await?;
        let spread = Spread::of(&times);
        progress(format!("bus, {name}, {kind:?}: {spread}"));
        let intake = kind == PublisherKind::Intake;
        let goal = if intake { format!("2 / {p99} ms") } else { "none (it lingers)".to_owned() };
        let publisher = if intake { "intake's publisher" } else { "the relay's publisher" };
        report.figure(
            format!("publish → handled, {name}, {publisher}, {} records, p50 / p99", times.len()),
            &goal,
            spread.to_string(),
            intake.then(|| spread.within(2.0, p99)),
        );
    }
    tasks.join(Duration::from_secs(10)).await;
    Ok(())
}

async fn one_by_one(
    options: &Options,
    bus: &Bus,
    kind: PublisherKind,
    arrived: &mut mpsc::UnboundedReceiver<(i64, Instant)>,
) -> anyhow::Result<Vec<Duration>> {
    let publisher = bus.publisher(kind);
    let mut times = Vec::new();
    for number in 0..options.records + WARM_UP {
        let (key, value) = record(number);
        let began = Instant::now();
        publisher.publish(Topic::StravaEvents, &key, value).await?;
        // The first one waits for the group to form.
        let heard = timeout(Duration::from_secs(40), arrived.recv())
            .await
            .context("a record did not arrive")?;
        let (found, at) = heard.context("the reader ended")?;
        ensure!(found == number, "record {found} arrived instead of {number}");
        if number >= WARM_UP {
            times.push(at.duration_since(began));
        }
        sleep(PAUSE).await;
    }
    Ok(times)
}

fn record(number: i64) -> (String, Vec<u8>) {
    let now = SystemClock::new().now();
    let hint = Hint {
        application: 1,
        owner: 7000 + number % 50,
        object_type: ObjectType::Activity.into(),
        object_id: number,
        aspect: Aspect::Create.into(),
        event_time_s: now.as_micros() / 1_000_000,
        subscription: 1,
        ..Hint::default()
    };
    let payload = Payload::Hint(hint);
    let key = record_key(Topic::StravaEvents, None, &payload);
    let envelope = Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(now)),
        occurred_at: now,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload,
    };
    (key, envelope.encode())
}
