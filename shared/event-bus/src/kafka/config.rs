//! What the clients are told: where the cluster is, and how each client behaves.

use std::path::PathBuf;
use std::time::Duration;

use contracts::Topic;
use rdkafka::ClientConfig;
use secrecy::{ExposeSecret, SecretString};

use crate::{BusError, PublisherKind};

/// Where the cluster is and how it is used.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// `HOST:PORT,…`.
    pub brokers: String,
    /// Put before every topic's and group's name (a test's own; empty otherwise).
    pub prefix: String,
    /// How many partitions a new topic gets.
    pub partitions: i32,
    /// How many copies a new topic has. From 3 on, two of them must be in sync to take a record.
    pub replication: i32,
    /// How long a record is kept.
    pub retention: Duration,
    /// How long a segment is written: the broker forgets by whole segments.
    pub segment: Duration,
    /// How long an idle fetch waits at the broker. Small costs CPU, large makes a pause of a partition longer.
    pub fetch_wait: Duration,
    /// How the clients speak to the brokers.
    pub security: Security,
}

impl KafkaSettings {
    /// These brokers, 12 partitions, one copy, 48 hours, no TLS.
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

    pub(crate) fn name(&self, topic: Topic) -> String {
        format!("{}{topic}", self.prefix)
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        name.strip_prefix(self.prefix.as_str())?.parse().ok()
    }

    pub(crate) fn group(&self, group: &str) -> String {
        format!("{}{group}", self.prefix)
    }
}

/// How the clients speak to the brokers. Amazon MSK's IAM signing is not among them; it takes SCRAM as well.
#[derive(Clone, Debug, Default)]
pub enum Security {
    /// No encryption, no name: a laptop, or a private network.
    #[default]
    Plaintext,
    /// TLS; without a file the system's certificate authorities count.
    Tls {
        /// The certificate authority's file (PEM).
        ca: Option<PathBuf>,
    },
    /// TLS and a name with a password.
    Scram(Scram),
}

impl Security {
    /// Whether the authority's file can be read: librdkafka would not name it.
    pub(crate) fn check(&self) -> Result<(), BusError> {
        let (Self::Tls { ca: Some(file) } | Self::Scram(Scram { ca: Some(file), .. })) = self
        else {
            return Ok(());
        };
        std::fs::File::open(file)
            .map(drop)
            .map_err(|source| BusError::File { file: file.clone(), source })
    }
}

/// A name and a password, given over TLS.
#[derive(Clone, Debug)]
pub struct Scram {
    /// The hash.
    pub mechanism: ScramMechanism,
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretString,
    /// Whether the connection is encrypted (MSK insists).
    pub tls: bool,
    /// The certificate authority's file (PEM); none: the system's.
    pub ca: Option<PathBuf>,
}

/// The hash SCRAM uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512 (MSK's).
    Sha512,
}

/// What every client is told.
pub(crate) fn client(settings: &KafkaSettings) -> ClientConfig {
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
            authority(&mut config, ca.as_ref());
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
                authority(&mut config, scram.ca.as_ref());
            }
        }
    }
    config
}

fn authority(config: &mut ClientConfig, ca: Option<&PathBuf>) {
    if let Some(ca) = ca {
        config.set("ssl.ca.location", ca.to_string_lossy());
    }
}

/// What a producer of this kind is told.
pub(crate) fn producer(settings: &KafkaSettings, kind: PublisherKind) -> ClientConfig {
    let mut config = client(settings);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        // As Java's clients and the built-in log.
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

/// What a group's consumer is told. No static membership: a member replaced under another id stalls the group.
pub(crate) fn consumer(settings: &KafkaSettings, group: &str) -> ClientConfig {
    let mut config = client(settings);
    config
        .set("group.id", settings.group(group))
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("enable.auto.offset.store", "false")
        // A killed member is missed after ten seconds (45 by default); a revoke takes at most six.
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "3000")
        .set("fetch.wait.max.ms", settings.fetch_wait.as_millis().to_string())
        .set("queued.max.messages.kbytes", "2048")
        .set("statistics.interval.ms", "30000");
    config
}
