//! Topics and databases of a test's own on shared servers, removed at its end.

use std::sync::Arc;

use contracts::{Envelope, Topic};
use event_bus::{BuiltInLogSettings, Bus, KafkaSettings};
use kernel::SystemClock;
use outbox::Target;
use testkit::{TestDatabase, kafka_brokers, topic_prefix};

use super::TestApp;

/// Topics and groups under a prefix of a test's own.
pub(crate) struct Topics {
    pub(crate) brokers: String,
    pub(crate) prefix: String,
}

impl Topics {
    pub(crate) fn new() -> Self {
        Self { brokers: kafka_brokers(), prefix: topic_prefix() }
    }

    async fn bus(&self) -> Bus {
        let mut settings = KafkaSettings::new(kafka_brokers());
        settings.prefix.clone_from(&self.prefix);
        Bus::open_kafka(settings).await.unwrap()
    }

    /// Every record's value, by topic.
    pub(crate) async fn records(&self) -> Vec<(Topic, Vec<u8>)> {
        records(&self.bus().await).await
    }

    pub(crate) async fn remove(self) {
        self.bus().await.delete_topics().await;
    }
}

/// A set of databases with a prefix of a test's own.
pub(crate) struct Databases {
    holder: TestDatabase,
    name: String,
    url: url::Url,
}

impl Databases {
    pub(crate) async fn new() -> Self {
        let holder = TestDatabase::mariadb().await;
        let Target::MySql { url, name } = holder.target() else { panic!("not a server") };
        // It exists, so that statements can be run from within it.
        drop(outbox::Database::open(&holder.target(), Vec::new()).await.unwrap());
        Self { holder, name, url }
    }

    /// URL for the program; the path is the prefix of every database's name.
    pub(crate) fn url(&self) -> String {
        let mut url = self.url.clone();
        url.set_path(&format!("{}_", self.name));
        url.into()
    }

    /// One service's database.
    pub(crate) fn target(&self, service: &str) -> Target {
        let name = format!("{}_paceline_{service}", self.name);
        Target::MySql { url: self.url.clone(), name }
    }

    /// Drops one service's database.
    pub(crate) async fn wipe(&self, service: &str) {
        self.holder
            .execute(&format!("DROP DATABASE IF EXISTS `{}_paceline_{service}`", self.name))
            .await;
    }

    pub(crate) async fn remove(self) {
        for service in ["token", "ingest", "stats", "duplication", "identity"] {
            self.wipe(service).await;
        }
    }
}

impl TestApp {
    /// The built-in log, while the program does not run.
    pub(crate) async fn log(&self) -> Bus {
        let clock = Arc::new(SystemClock::with_offset(self.clock_offset_s));
        Bus::open_built_in(BuiltInLogSettings::new(self.data().join("bus.db"), clock))
            .await
            .unwrap()
    }

    /// Every record's value of the built-in log, by topic; the program must not run.
    pub(crate) async fn records(&self) -> Vec<(Topic, Vec<u8>)> {
        records(&self.log().await).await
    }
}

async fn records(bus: &Bus) -> Vec<(Topic, Vec<u8>)> {
    let mut all = Vec::new();
    for topic in Topic::ALL {
        let found = bus.read_all(topic).await.unwrap();
        all.extend(found.into_iter().map(|record| (topic, record.value)));
    }
    all
}

/// The envelopes of a topic.
pub(crate) fn envelopes(records: &[(Topic, Vec<u8>)], of: Topic) -> Vec<Envelope> {
    let of_topic = records.iter().filter(|(topic, _)| *topic == of);
    of_topic.map(|(_, value)| Envelope::decode(value).unwrap()).collect()
}
