//! The baselines of comparisons: the least an actix server can do, in a process of its own.

use std::net::TcpListener;

use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context;
use clap::Args;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde::Deserialize;
use serde_json::json;

use crate::report::print_line;

/// Number of worker threads, as many as Paceline's public listener has.
const WORKERS: usize = 2;

/// Options of the bare intake loop.
#[derive(Clone, Debug, Args)]
pub(crate) struct IntakeOptions {
    /// Address of the broker.
    #[arg(long)]
    kafka: String,
    /// Topic to create, with as many partitions as Paceline's.
    #[arg(long)]
    topic: String,
}

/// Options of the constant answer.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConstantOptions {
    /// Length of the answer.
    #[arg(long)]
    bytes: usize,
}

/// A webhook event, parsed to find the key.
#[derive(Deserialize)]
struct WebhookEvent {
    owner_id: i64,
    #[serde(rename = "object_id")]
    _object_id: i64,
    #[serde(rename = "subscription_id")]
    _subscription_id: i64,
    #[serde(rename = "aspect_type")]
    _aspect_type: String,
    #[serde(rename = "object_type")]
    _object_type: String,
    #[serde(rename = "event_time")]
    _event_time: i64,
}

struct EventSink {
    producer: FutureProducer,
    topic: String,
}

/// Serves webhooks: parses the event, produces the body with `acks=all`, answers when the broker has.
pub(crate) async fn serve_intake(options: IntakeOptions) -> anyhow::Result<()> {
    create_topic(&options).await?;
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &options.kafka)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .create()?;
    let sink = Data::new(EventSink { producer, topic: options.topic });
    serve(move |config| {
        config.app_data(sink.clone()).route("/webhook", web::post().to(accept_event));
    })
    .await
}

async fn accept_event(sink: Data<EventSink>, body: Bytes) -> HttpResponse {
    let Ok(event) = serde_json::from_slice::<WebhookEvent>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    let key = format!("1:{}", event.owner_id);
    let record = FutureRecord::to(&sink.topic).key(&key).payload(&body[..]);
    let delivered = match sink.producer.send_result(record) {
        Ok(delivery) => matches!(delivery.await, Ok(Ok(_))),
        Err(_) => false,
    };
    if delivered {
        HttpResponse::Ok().finish()
    } else {
        HttpResponse::ServiceUnavailable().finish()
    }
}

/// Serves the same bytes to every request.
pub(crate) async fn serve_constant(options: ConstantOptions) -> anyhow::Result<()> {
    let body = Data::new(Bytes::from("x".repeat(options.bytes)));
    serve(move |config| {
        config.app_data(body.clone()).route("/", web::get().to(answer_constant));
    })
    .await
}

async fn answer_constant(body: Data<Bytes>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(Bytes::clone(&body))
}

async fn serve(
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = move || App::new().configure(configure.clone());
    let server = HttpServer::new(app).workers(WORKERS).disable_signals().listen(listener)?.run();
    print_line(json!({"ready": true, "url": url}));
    Ok(server.await?)
}

fn connect_admin(brokers: &str) -> anyhow::Result<AdminClient<DefaultClientContext>> {
    Ok(ClientConfig::new().set("bootstrap.servers", brokers).create()?)
}

async fn create_topic(options: &IntakeOptions) -> anyhow::Result<()> {
    let topic =
        NewTopic::new(&options.topic, contracts::DEFAULT_PARTITIONS, TopicReplication::Fixed(1));
    let admin = connect_admin(&options.kafka)?;
    let results = admin.create_topics([&topic], &AdminOptions::new()).await?;
    let result = results.into_iter().next().context("the broker's answer lacks the topic")?;
    result.map_err(|(name, code)| anyhow::anyhow!("cannot create the topic {name}: {code}"))?;
    Ok(())
}

/// Deletes the loop's topic.
pub(crate) async fn delete_topic(brokers: &str, topic: &str) -> anyhow::Result<()> {
    connect_admin(brokers)?.delete_topics(&[topic], &AdminOptions::new()).await?;
    Ok(())
}
