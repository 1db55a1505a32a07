//! Topics on the broker: made when missing, compared when there, deleted for tests.

use std::time::Duration;

use contracts::Topic;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::Producer as _;
use tokio::time::{Instant, sleep};

use super::producer::{Producer, Quiet};
use super::{ADMIN_PATIENCE, KafkaSettings, blocking, config};
use crate::{BusError, TopicReport};

const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(crate) async fn ensure(
    settings: &KafkaSettings,
    via: &Producer,
    topics: &[Topic],
) -> Result<Vec<TopicReport>, BusError> {
    let admin = admin(settings)?;
    let wanted = wanted(settings);
    let names: Vec<String> = topics.iter().map(|topic| settings.name(*topic)).collect();
    let new: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| {
            let topic = NewTopic::new(
                name,
                settings.partitions,
                TopicReplication::Fixed(settings.replication),
            );
            wanted.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let answers =
        admin.create_topics(&new, &options()).await.map_err(BusError::kafka("making topics"))?;
    let mut reports = Vec::new();
    for ((topic, name), answer) in topics.iter().zip(&names).zip(answers) {
        let created = match answer {
            Ok(_) => true,
            Err((_, Code::TopicAlreadyExists)) => false,
            Err((_, code)) => {
                return Err(BusError::TopicSetup { topic: name.clone(), reason: code.to_string() });
            }
        };
        let partitions = visible(via, *topic).await?;
        let mut differences = Vec::new();
        if partitions != settings.partitions {
            differences.push(format!("{partitions} partitions instead of {}", settings.partitions));
        }
        reports.push(TopicReport { topic: *topic, created, partitions, differences });
    }
    compare(&admin, &wanted, &names, &mut reports).await?;
    Ok(reports)
}

/// Adds how the existing topics' configuration differs.
async fn compare(
    admin: &AdminClient<Quiet>,
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
    let answers = admin
        .describe_configs(&specifiers, &options())
        .await
        .map_err(BusError::kafka("asking for topic settings"))?;
    for ((_, report), answer) in existing.into_iter().zip(answers) {
        match answer {
            Ok(resource) => report.differences.extend(differences(wanted, &resource)),
            Err(code) => report.differences.push(format!("its settings could not be read: {code}")),
        }
    }
    Ok(())
}

fn differences(wanted: &[(&'static str, String)], found: &ConfigResource) -> Vec<String> {
    let differs = |(key, want): &(&'static str, String)| {
        let have = found.get(key).and_then(|entry| entry.value.as_deref()).unwrap_or("unset");
        (have != want).then(|| format!("{key} is {have} instead of {want}"))
    };
    wanted.iter().filter_map(differs).collect()
}

/// What a topic of ours is made with: forgetting includes the log, so retention is a promise.
fn wanted(settings: &KafkaSettings) -> Vec<(&'static str, String)> {
    let mut wanted = vec![
        ("cleanup.policy", "delete".to_owned()),
        ("retention.ms", settings.retention.as_millis().to_string()),
        ("segment.ms", settings.segment.as_millis().to_string()),
    ];
    if settings.replication >= 3 {
        wanted.push(("min.insync.replicas", "2".to_owned()));
    }
    wanted
}

/// Waits until the brokers know the topic and who leads it; answers with its partitions.
async fn visible(via: &Producer, topic: Topic) -> Result<i32, BusError> {
    let deadline = Instant::now() + ADMIN_PATIENCE;
    loop {
        match via.partitions(topic).await? {
            Some(partitions) => return Ok(partitions),
            None if Instant::now() > deadline => return Err(BusError::UnknownTopic(topic)),
            None => sleep(LOOK_AGAIN).await,
        }
    }
}

/// Deletes every topic whose name begins with the prefix.
pub(crate) async fn delete(settings: &KafkaSettings, via: &Producer) -> Result<(), BusError> {
    let (client, prefix) = (via.client(), settings.prefix.clone());
    let names = blocking("metadata", move || {
        let metadata = client
            .client()
            .fetch_metadata(None, ADMIN_PATIENCE)
            .map_err(BusError::kafka("asking for the topics"))?;
        let ours = metadata
            .topics()
            .iter()
            .map(|topic| topic.name())
            .filter(|name| name.starts_with(&prefix));
        Ok(ours.map(str::to_owned).collect::<Vec<_>>())
    })
    .await?;
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    admin(settings)?
        .delete_topics(&names, &options())
        .await
        .map_err(BusError::kafka("deleting topics"))?;
    Ok(())
}

fn admin(settings: &KafkaSettings) -> Result<AdminClient<Quiet>, BusError> {
    config::client(settings)
        .create_with_context(Quiet)
        .map_err(BusError::kafka("making an admin client"))
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ADMIN_PATIENCE))
        .operation_timeout(Some(ADMIN_PATIENCE))
}
