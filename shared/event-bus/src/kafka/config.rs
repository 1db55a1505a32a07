//! Settings of the cluster, and the configuration of each kind of client.

use std::path::PathBuf;
use std::time::Duration;

use contracts::Topic;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::{ClientConfig, ClientContext};
use secrecy::{ExposeSecret, SecretString};

use super::outage;
use crate::{BusError, PublisherKind};

/// Address of the cluster, and defaults of its topics.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Bootstrap brokers: `HOST:PORT,…`.
    pub brokers: String,
    /// Prefix of every topic's and group's name (set by tests; empty otherwise).
    pub prefix: String,
    /// Number of partitions of a new topic.
    pub partitions: i32,
    /// Number of replicas of a new topic. From 3 on, two of them must be in sync to take a record.
    pub replication: i32,
    /// Time for which a record is kept.
    pub retention: Duration,
    /// Time for which a segment is written: the broker deletes whole segments only.
    pub segment: Duration,
    /// Time an idle fetch waits at the broker. A small one costs CPU, a large one delays pausing a partition.
    pub fetch_wait: Duration,
    /// Encryption and authentication.
    pub security: Security,
}

impl KafkaSettings {
    /// Creates settings for these brokers: 12 partitions, one replica, 48 hours of retention, no TLS.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: String::new(),
            partitions: contracts::DEFAULT_PARTITIONS,
            replication: 1,
            retention: Duration::from_hours(48),
            segment: Duration::from_hours(6),
            fetch_wait: Duration::from_millis(500),
            security: Security::Plaintext,
        }
    }

    pub(crate) fn topic_name(&self, topic: Topic) -> String {
        format!("{}{topic}", self.prefix)
    }

    pub(crate) fn parse_topic(&self, name: &str) -> Option<Topic> {
        name.strip_prefix(self.prefix.as_str())?.parse().ok()
    }

    pub(crate) fn group_name(&self, group: &str) -> String {
        format!("{}{group}", self.prefix)
    }
}

/// Encryption and authentication of the clients. Amazon MSK's IAM signing is not supported; MSK takes SCRAM as well.
#[derive(Clone, Debug, Default)]
pub enum Security {
    /// No encryption and no authentication: for a laptop or a private network.
    #[default]
    Plaintext,
    /// TLS without client authentication.
    Tls {
        /// PEM file of the certificate authority; without one, the system's authorities are trusted.
        ca: Option<PathBuf>,
    },
    /// SASL/SCRAM authentication, over TLS or not.
    Scram(Scram),
}

impl Security {
    /// Checks that the authority's file can be read; librdkafka's error would not name it.
    pub(crate) fn check_ca_file(&self) -> Result<(), BusError> {
        let (Self::Tls { ca: Some(file) } | Self::Scram(Scram { ca: Some(file), .. })) = self
        else {
            return Ok(());
        };
        std::fs::File::open(file)
            .map(drop)
            .map_err(|source| BusError::File { file: file.clone(), source })
    }
}

/// Credentials of SASL/SCRAM.
#[derive(Clone, Debug)]
pub struct Scram {
    /// The hash function.
    pub mechanism: ScramMechanism,
    /// The user name.
    pub user: String,
    /// The password.
    pub password: SecretString,
    /// True if the connection is encrypted (required by MSK).
    pub tls: bool,
    /// PEM file of the certificate authority; without one, the system's authorities are trusted.
    pub ca: Option<PathBuf>,
}

/// The hash function of SCRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512 (MSK's).
    Sha512,
}

/// Builds the configuration common to all clients.
pub(crate) fn client_config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", "paceline")
        .set("allow.auto.create.topics", "false")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.ms", "50")
        // Ten seconds, the default, makes a restarted broker look like an outage.
        .set("reconnect.backoff.max.ms", "1000");
    match &settings.security {
        Security::Plaintext => {}
        Security::Tls { ca } => {
            config.set("security.protocol", "SSL");
            set_ca_file(&mut config, ca.as_ref());
        }
        Security::Scram(scram) => {
            config
                .set("security.protocol", if scram.tls { "SASL_SSL" } else { "SASL_PLAINTEXT" })
                .set(
                    "sasl.mechanism",
                    match scram.mechanism {
                        ScramMechanism::Sha256 => "SCRAM-SHA-256",
                        ScramMechanism::Sha512 => "SCRAM-SHA-512",
                    },
                )
                .set("sasl.username", &scram.user)
                .set("sasl.password", scram.password.expose_secret());
            if scram.tls {
                set_ca_file(&mut config, scram.ca.as_ref());
            }
        }
    }
    config
}

fn set_ca_file(config: &mut ClientConfig, ca: Option<&PathBuf>) {
    if let Some(ca) = ca {
        config.set("ssl.ca.location", ca.to_string_lossy());
    }
}

/// Builds the configuration of a producer.
pub(crate) fn producer_config(settings: &KafkaSettings, kind: PublisherKind) -> ClientConfig {
    let mut config = client_config(settings);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        // The same as in the Java clients and in the built-in log.
        .set("partitioner", "murmur2_random");
    match kind {
        PublisherKind::Intake => config
            .set("linger.ms", "0")
            .set("message.timeout.ms", "1200")
            .set("queue.buffering.max.messages", "10000")
            .set("queue.buffering.max.kbytes", "32768"),
        PublisherKind::Relay => config
            .set("linger.ms", "5")
            .set("compression.type", "zstd")
            .set("message.timeout.ms", "30000")
            .set("queue.buffering.max.messages", "50000")
            .set("queue.buffering.max.kbytes", "65536"),
    };
    config
}

/// Builds the configuration of a group's consumer. No static membership: a member replaced under another id
/// stalls the group.
pub(crate) fn consumer_config(settings: &KafkaSettings, group: &str) -> ClientConfig {
    let mut config = client_config(settings);
    config
        .set("group.id", settings.group_name(group))
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("enable.auto.offset.store", "false")
        // A killed member is replaced after ten seconds (45 by default); a revoke takes at most six.
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "3000")
        .set("fetch.wait.max.ms", settings.fetch_wait.as_millis().to_string())
        .set("queued.max.messages.kbytes", "2048")
        .set("statistics.interval.ms", "30000");
    config
}

/// Writes the client's errors to the log.
pub(crate) struct LoggingContext;

impl ClientContext for LoggingContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        outage::log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        outage::log_error("paceline", &error, reason);
    }

    fn stats(&self, _: Statistics) {}
}

impl ConsumerContext for LoggingContext {}
