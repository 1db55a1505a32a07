//! Latency from publish to handled, one record at a time, on the built-in log and on Kafka.

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

use crate::options::CommonOptions;
use crate::report::{Report, print_progress};
use crate::statistics::LatencySummary;
use crate::testbed::{LogKind, RunTopics};

const WARM_UP: i64 = 100;
const PAUSE: Duration = Duration::from_millis(5);
/// Maximum time until a record arrives; the first one waits for the group to form.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(40);
const GOAL_P50_MS: f64 = 2.0;

/// Options of `bus`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: CommonOptions,
    /// Number of records, one after another.
    #[arg(long, default_value_t = 1000)]
    records: i64,
}

/// The arrival of a record.
struct Arrival {
    number: i64,
    time: Instant,
}

/// Reports the arrival of each record.
struct ArrivalHandler(mpsc::UnboundedSender<Arrival>);

impl Handler for ArrivalHandler {
    type Event = Hint;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        // the receiver is gone once the run is over
        let _ = self.0.send(Arrival { number: event.body.object_id, time: Instant::now() });
        Ok(())
    }
}

/// Fails instead of parking a record.
struct NoParking;

impl Parking for NoParking {
    async fn park(&self, _: &Record, reason: &str) -> Result<(), anyhow::Error> {
        anyhow::bail!("a record of the benchmark was not handled: {reason}")
    }
}

/// Executes the run on both logs.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let folder = tempfile::Builder::new().prefix("paceline-bench-").tempdir()?;
    let settings =
        BuiltInLogSettings::new(folder.path().join("bus.db"), Arc::new(SystemClock::new()));
    let built_in = Bus::open_built_in(settings).await?;
    measure_log(options, &built_in, LogKind::BuiltIn, &mut report).await?;
    let topics = RunTopics::new(&options.common)?;
    let kafka = topics.connect().await?;
    let measured = measure_log(options, &kafka, LogKind::Kafka, &mut report).await;
    kafka.delete_topics().await;
    measured?;
    Ok(report)
}

async fn measure_log(
    options: &Options,
    bus: &Bus,
    log: LogKind,
    report: &mut Report,
) -> anyhow::Result<()> {
    bus.ensure_topics(&[Topic::StravaEvents]).await?;
    bus.warm_up().await?;
    let tasks = Tasks::new();
    let (sender, mut arrivals) = mpsc::unbounded_channel();
    let subscription =
        Subscription::new("bench", NoParking).on(Topic::StravaEvents, ArrivalHandler(sender));
    let (reader, soft, hard) = (bus.clone(), tasks.soft(), tasks.hard());
    tasks.spawn("reader", async move { subscription.run(&reader, soft, hard).await });
    let goal_p99_ms = if log == LogKind::Kafka { 20.0 } else { 10.0 };
    for kind in [PublisherKind::Intake, PublisherKind::Relay] {
        let times = publish_each(options, bus, kind, &mut arrivals).await?;
        let count = times.len();
        let summary = LatencySummary::from_times(&times);
        print_progress(format!("bus, {log}, {kind:?}: {summary}"));
        let (publisher, goal, met) = if kind == PublisherKind::Intake {
            let met = summary.meets(GOAL_P50_MS, goal_p99_ms);
            ("intake's publisher", format!("2 / {goal_p99_ms} ms"), Some(met))
        } else {
            ("the relay's publisher", "none (it lingers)".to_owned(), None)
        };
        report.add_figure(
            format!("publish → handled, {log}, {publisher}, {count} records, p50 / p99"),
            &goal,
            summary.to_string(),
            met,
        );
    }
    tasks.join(Duration::from_secs(10)).await;
    Ok(())
}

async fn publish_each(
    options: &Options,
    bus: &Bus,
    kind: PublisherKind,
    arrivals: &mut mpsc::UnboundedReceiver<Arrival>,
) -> anyhow::Result<Vec<Duration>> {
    let publisher = bus.publisher(kind);
    let mut times = Vec::new();
    for number in 0..options.records + WARM_UP {
        let (key, value) = build_record(number);
        let began = Instant::now();
        publisher.publish(Topic::StravaEvents, &key, value).await?;
        let arrival = timeout(ARRIVAL_TIMEOUT, arrivals.recv())
            .await
            .context("a record did not arrive")?
            .context("the reader ended")?;
        ensure!(arrival.number == number, "record {} arrived instead of {number}", arrival.number);
        if number >= WARM_UP {
            times.push(arrival.time.duration_since(began));
        }
        sleep(PAUSE).await;
    }
    Ok(times)
}

fn build_record(number: i64) -> (String, Vec<u8>) {
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
