//! What Paceline is compared with: the least an actix server can do, in a process of its own.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context;
use clap::Args;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde::Deserialize;
use serde_json::json;

use crate::report::say;

/// As many as Paceline's door has.
const WORKERS: usize = 2;

/// The bare intake loop.
#[derive(Clone, Debug, Args)]
pub(crate) struct Intake {
    /// The broker.
    #[arg(long)]
    kafka: String,
    /// The topic, made with as many partitions as Paceline's.
    #[arg(long)]
    topic: String,
}

/// The constant answer.
#[derive(Clone, Debug, Args)]
pub(crate) struct Constant {
    /// How long it is.
    #[arg(long)]
    bytes: usize,
}

/// An event, read as far as a loop must read it to find the key.
#[derive(Deserialize)]
struct Event {
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

struct Sink {
    producer: FutureProducer,
    topic: String,
}

/// Parses the event, produces the body with `acks=all`, answers when the broker has.
pub(crate) async fn intake(options: Intake) -> anyhow::Result<()> {
    make_topic(&options).await?;
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &options.kafka)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .create()?;
    let sink = Data::new(Sink { producer, topic: options.topic });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let app = move || App::new().app_data(sink.clone()).route("/webhook", web::post().to(take));
    serve(HttpServer::new(app).workers(WORKERS).disable_signals().listen(listener)?.run(), address)
        .await
}

async fn take(sink: Data<Sink>, body: Bytes) -> HttpResponse {
    let Ok(event) = serde_json::from_slice::<Event>(&body) else {
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

/// Answers with the same bytes, whatever is asked.
pub(crate) async fn constant(options: Constant) -> anyhow::Result<()> {
    let body = Data::new(Bytes::from("x".repeat(options.bytes)));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let app = move || App::new().app_data(body.clone()).route("/", web::get().to(answer));
    serve(HttpServer::new(app).workers(WORKERS).disable_signals().listen(listener)?.run(), address)
        .await
}

async fn answer(body: Data<Bytes>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(Bytes::clone(&body))
}

async fn serve(server: Server, address: std::net::SocketAddr) -> anyhow::Result<()> {
    say(json!({"ready": true, "url": format!("http://{address}")}));
    Ok(server.await?)
}

async fn make_topic(options: &Intake) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &options.kafka).create()?;
    let topic =
        NewTopic::new(&options.topic, contracts::DEFAULT_PARTITIONS, TopicReplication::Fixed(1));
    let made = admin.create_topics([&topic], &AdminOptions::new()).await?;
    let one = made.into_iter().next().context("the broker says nothing of the topic")?;
    one.map_err(|(name, code)| anyhow::anyhow!("the topic {name} cannot be made: {code}"))?;
    Ok(())
}

/// Removes the loop's topic.
pub(crate) async fn remove_topic(brokers: &str, topic: &str) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    admin.delete_topics(&[topic], &AdminOptions::new()).await?;
    Ok(())
}
