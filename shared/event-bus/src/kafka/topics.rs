//! Topics on the broker: created if missing, otherwise compared with the settings; deleted for tests.

use std::time::Duration;

use contracts::Topic;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::Producer as _;
use tokio::time::{Instant, sleep};

use super::config::LoggingContext;
use super::producer::Producer;
use super::requests::{ADMIN_TIMEOUT, run_blocking};
use super::{KafkaSettings, config};
use crate::{BusError, TopicReport};

const METADATA_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Creates the missing topics and reports differences of the others from the settings.
pub(crate) async fn ensure_topics(
    settings: &KafkaSettings,
    producer: &Producer,
    topics: &[Topic],
) -> Result<Vec<TopicReport>, BusError> {
    let admin = create_admin_client(settings)?;
    let config = topic_config(settings);
    let names: Vec<String> = topics.iter().map(|topic| settings.topic_name(*topic)).collect();
    let new: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| {
            let topic = NewTopic::new(
                name,
                settings.partitions,
                TopicReplication::Fixed(settings.replication),
            );
            config.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let results = admin
        .create_topics(&new, &admin_options())
        .await
        .map_err(BusError::kafka("creating topics"))?;
    let mut reports = Vec::new();
    for ((topic, name), result) in topics.iter().zip(&names).zip(results) {
        let created = match result {
            Ok(_) => true,
            Err((_, Code::TopicAlreadyExists)) => false,
            Err((_, code)) => {
                return Err(BusError::TopicSetup { topic: name.clone(), reason: code.to_string() });
            }
        };
        let partitions = wait_until_visible(producer, *topic).await?;
        let mut differences = Vec::new();
        if partitions != settings.partitions {
            differences.push(format!("{partitions} partitions instead of {}", settings.partitions));
        }
        reports.push(TopicReport { topic: *topic, created, partitions, differences });
    }
    add_config_differences(&admin, &config, &names, &mut reports).await?;
    Ok(reports)
}

/// Adds the differences of the existing topics' configuration to the reports.
async fn add_config_differences(
    admin: &AdminClient<LoggingContext>,
    wanted: &[(&'static str, String)],
    names: &[String],
    reports: &mut [TopicReport],
) -> Result<(), BusError> {
    let existing: Vec<(&String, &mut TopicReport)> =
        names.iter().zip(reports).filter(|(_, report)| !report.created).collect();
    if existing.is_empty() {
        return Ok(());
    }
    let specifiers: Vec<_> =
        existing.iter().map(|(name, _)| ResourceSpecifier::Topic(name)).collect();
    let results = admin
        .describe_configs(&specifiers, &admin_options())
        .await
        .map_err(BusError::kafka("asking for topic settings"))?;
    for ((_, report), result) in existing.into_iter().zip(results) {
        match result {
            Ok(resource) => report.differences.extend(config_differences(wanted, &resource)),
            Err(code) => report.differences.push(format!("its settings could not be read: {code}")),
        }
    }
    Ok(())
}

fn config_differences(wanted: &[(&'static str, String)], actual: &ConfigResource) -> Vec<String> {
    let differs = |(key, wanted): &(&'static str, String)| {
        let actual = actual.get(key).and_then(|entry| entry.value.as_deref()).unwrap_or("unset");
        (actual != wanted).then(|| format!("{key} is {actual} instead of {wanted}"))
    };
    wanted.iter().filter_map(differs).collect()
}

/// Builds the configuration of a new topic. Erasure includes the log, so retention is set explicitly.
fn topic_config(settings: &KafkaSettings) -> Vec<(&'static str, String)> {
    let mut config = vec![
        ("cleanup.policy", "delete".to_owned()),
        ("retention.ms", settings.retention.as_millis().to_string()),
        ("segment.ms", settings.segment.as_millis().to_string()),
    ];
    if settings.replication >= 3 {
        config.push(("min.insync.replicas", "2".to_owned()));
    }
    config
}

/// Waits until the brokers know the topic and the leaders of its partitions; returns their number.
async fn wait_until_visible(producer: &Producer, topic: Topic) -> Result<i32, BusError> {
    let deadline = Instant::now() + ADMIN_TIMEOUT;
    loop {
        match producer.topic_metadata(topic).await? {
            Some(metadata) if metadata.has_leaders => return Ok(metadata.partitions),
            _ if Instant::now() > deadline => return Err(BusError::UnknownTopic(topic)),
            _ => sleep(METADATA_POLL_INTERVAL).await,
        }
    }
}

/// Deletes every topic whose name begins with the prefix.
pub(crate) async fn delete_topics(
    settings: &KafkaSettings,
    producer: &Producer,
) -> Result<(), BusError> {
    let (client, prefix) = (producer.client(), settings.prefix.clone());
    let names = run_blocking("asking for the topics", move || {
        let metadata = client
            .client()
            .fetch_metadata(None, ADMIN_TIMEOUT)
            .map_err(BusError::kafka("asking for the topics"))?;
        let prefixed = metadata
            .topics()
            .iter()
            .map(|topic| topic.name())
            .filter(|name| name.starts_with(&prefix));
        Ok(prefixed.map(str::to_owned).collect::<Vec<_>>())
    })
    .await?;
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    create_admin_client(settings)?
        .delete_topics(&names, &admin_options())
        .await
        .map_err(BusError::kafka("deleting topics"))?;
    Ok(())
}

fn create_admin_client(settings: &KafkaSettings) -> Result<AdminClient<LoggingContext>, BusError> {
    config::client_config(settings)
        .create_with_context(LoggingContext)
        .map_err(BusError::kafka("creating an admin client"))
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT)).operation_timeout(Some(ADMIN_TIMEOUT))
}
