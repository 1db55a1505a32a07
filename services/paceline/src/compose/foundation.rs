//! Dependencies of every service: clock, ids, log, keys, clients.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use auth::{KeySource, Permission, ServiceCredential, Verifier, VerifierSettings};
use event_bus::{BuiltInLogSettings, Bus, KafkaSettings, Scram, ScramMechanism, Security};
use identity::SigningKeys;
use kernel::{Clock, Ids, SystemClock, SystemIds};
use lifecycle::Failpoints;
use object_store::ObjectStore;
use outbox::{StoreFaults, Target};
use secrecy::SecretString;
use service_kit::{DatabaseSettings, Runtime};
use url::Url;

use crate::generated_secrets;
use crate::settings::Settings;

/// The issuer of local sessions.
const LOCAL_ISSUER: &str = "urn:paceline:local";
/// Time limit of one request to Strava.
const STRAVA_TIMEOUT: Duration = Duration::from_secs(30);

/// Dependencies of every service.
#[derive(Clone)]
pub struct Foundation {
    /// Settings.
    pub settings: Settings,
    /// Data directory.
    pub data: PathBuf,
    /// Clock, ids and failpoints.
    pub runtime: Runtime,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) local_keys: Option<SigningKeys>,
    pub(crate) credential: ServiceCredential,
    pub(crate) webhook_secret: SecretString,
    pub(crate) verify_token: SecretString,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) strava: strava_client::Client,
    pub(crate) http: reqwest::Client,
    _lock: Option<Arc<std::fs::File>>,
}

impl Foundation {
    /// Builds it without the lock of the data directory, beside a program that may be running.
    pub fn build_unlocked(settings: Settings) -> anyhow::Result<Self> {
        Self::assemble(settings, true, None)
    }

    /// Builds it and locks the data directory. `alone`: all services run in this process, so that
    /// secrets between them may be generated here.
    pub fn build(settings: Settings, alone: bool) -> anyhow::Result<Self> {
        let lock = super::data_dir::open(&settings.data.dir)?;
        Self::assemble(settings, alone, Some(Arc::new(lock)))
    }

    fn assemble(
        settings: Settings,
        alone: bool,
        lock: Option<Arc<std::fs::File>>,
    ) -> anyhow::Result<Self> {
        let data = settings.data.dir.clone();
        let ids: Arc<dyn Ids> = Arc::new(SystemIds);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::with_offset(settings.clock.offset_s));
        if !alone && settings.internal.credential.is_none() {
            bail!(
                "internal.credential is not set: services in processes of their own need the same one"
            );
        }
        let load_or_generate = |given: Option<&SecretString>, name| {
            generated_secrets::load_or_generate(given, &data, name, ids.as_ref())
        };
        let credential = ServiceCredential::new(load_or_generate(
            settings.internal.credential.as_ref(),
            generated_secrets::INTERNAL_CREDENTIAL,
        )?);
        let webhook_secret =
            load_or_generate(settings.ingest.webhook_secret.as_ref(), "webhook-secret")?;
        let verify_token = load_or_generate(settings.strava.verify_token.as_ref(), "verify-token")?;
        let http = telemetry::http_client(STRAVA_TIMEOUT)?;
        let strava = strava_client::Client::new(&settings.strava.url, http.clone())?;
        let (verifier, local_keys) = build_verifier(&settings, &data, &clock, &http)?;
        let failpoints = match (&settings.failpoint.name, &settings.failpoint.marker) {
            (Some(name), Some(marker)) => Failpoints::armed(name, marker.clone()),
            _ => Failpoints::none(),
        };
        let objects = super::objects::open(settings.objects.url.as_deref(), &data)?;
        Ok(Self {
            settings,
            data,
            runtime: Runtime { clock, ids, failpoints },
            verifier,
            local_keys,
            credential,
            webhook_secret,
            verify_token,
            objects,
            strava,
            http,
            _lock: lock,
        })
    }

    /// The log that the settings name.
    pub async fn bus(&self) -> anyhow::Result<Bus> {
        match &self.settings.kafka.brokers {
            Some(brokers) => Ok(Bus::open_kafka(kafka_settings(&self.settings, brokers)).await?),
            None => self.built_in_log().await,
        }
    }

    /// The built-in log.
    pub async fn built_in_log(&self) -> anyhow::Result<Bus> {
        let mut settings =
            BuiltInLogSettings::new(self.log_file(), Arc::clone(&self.runtime.clock));
        settings.partitions = self.settings.kafka.partitions;
        Ok(Bus::open_built_in(settings).await?)
    }

    /// The file in which every erasure is written down.
    pub fn erasure_ledger(&self) -> PathBuf {
        let default = || self.data.join("erasures.jsonl");
        self.settings.erasure.ledger.clone().unwrap_or_else(default)
    }

    /// File of the built-in log.
    pub fn log_file(&self) -> PathBuf {
        log_file(&self.data)
    }

    /// The database of a service.
    pub fn database(&self, service: &str) -> DatabaseSettings {
        DatabaseSettings {
            target: database_target(&self.settings, service),
            migrate: self.settings.database.migrate,
            faults: StoreFaults::default(),
        }
    }

    /// The issuer that local sessions name.
    pub(crate) fn issuer(&self) -> String {
        self.settings.auth.issuer.clone().unwrap_or_else(|| LOCAL_ISSUER.to_owned())
    }
}

/// The settings of a Kafka log.
pub(crate) fn kafka_settings(settings: &Settings, brokers: &str) -> KafkaSettings {
    let kafka = &settings.kafka;
    let mut settings = KafkaSettings::new(brokers);
    settings.prefix.clone_from(&kafka.prefix);
    settings.partitions = kafka.partitions;
    settings.replication = kafka.replication;
    settings.security = match (&kafka.username, &kafka.password) {
        (Some(user), Some(password)) => Security::Scram(Scram {
            mechanism: ScramMechanism::Sha512,
            user: user.clone(),
            password: password.clone(),
            tls: kafka.tls,
            ca: kafka.ca_file.clone(),
        }),
        _ if kafka.tls => Security::Tls { ca: kafka.ca_file.clone() },
        _ => Security::Plaintext,
    };
    settings
}

/// File of the built-in log in a data directory.
pub(crate) fn log_file(data: &Path) -> PathBuf {
    data.join("bus.db")
}

/// The place of a service's database.
pub(crate) fn database_target(settings: &Settings, service: &str) -> Target {
    let Some(url) = &settings.database.url else {
        return Target::Sqlite { file: settings.data.dir.join(format!("{service}.db")) };
    };
    // The path is a prefix of the database names, for tests that share a server.
    let prefix = url.path().trim_matches('/').to_owned();
    let mut server = url.clone();
    server.set_path("");
    Target::MySql { url: server, name: format!("{prefix}paceline_{service}") }
}

fn build_verifier(
    settings: &Settings,
    data: &Path,
    clock: &Arc<dyn Clock>,
    http: &reqwest::Client,
) -> anyhow::Result<(Arc<Verifier>, Option<SigningKeys>)> {
    let groups = BTreeMap::from([
        (settings.auth.admin_group.clone(), Permission::Admin),
        (settings.auth.user_group.clone(), Permission::User),
    ]);
    let Some(issuer) = &settings.auth.issuer else {
        let keys = SigningKeys::open(&generated_secrets::identity_key(data), clock.now())?;
        let verifier_settings = VerifierSettings {
            issuer: LOCAL_ISSUER.to_owned(),
            clients: vec![identity::Service::CLIENT.to_owned()],
            groups,
            max_life_s: settings.auth.max_token_life_s.max(settings.identity.session_s),
        };
        let verifier =
            Verifier::new(verifier_settings, KeySource::Fixed(keys.key_set()?), Arc::clone(clock));
        return Ok((Arc::new(verifier), Some(keys)));
    };
    let url = match &settings.auth.jwks_url {
        Some(url) => url.clone(),
        None => Url::parse(&format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')))
            .with_context(|| {
                format!("auth.issuer is {issuer:?}; it should be an address, or set auth.jwks_url")
            })?,
    };
    let source = KeySource::Fetched {
        url,
        http: http.clone(),
        // As long as tokens that name made-up keys may keep a new key out.
        min_refetch_interval: Duration::from_secs(10),
    };
    let verifier_settings = VerifierSettings {
        issuer: issuer.clone(),
        clients: settings.auth.clients.clone(),
        groups,
        max_life_s: settings.auth.max_token_life_s,
    };
    Ok((Arc::new(Verifier::new(verifier_settings, source, Arc::clone(clock))), None))
}
