//! The services that run in this process, and what they need of each other: addresses only.

use std::collections::BTreeSet;

use actix_web::web::ServiceConfig;
use anyhow::Context;
use event_bus::Bus;
use http_kit::Probe;
use lifecycle::Tasks;
use outbox::{Database, ParkedEvents};
use secrecy::ExposeSecret;
use strava_client::lease::LeaseClient;
use url::Url;

use super::Foundation;

/// Which services run.
pub type ServiceNames = BTreeSet<&'static str>;

/// The running services.
#[derive(Clone)]
pub struct Services {
    /// Connections and leases.
    pub token: Option<token::Service>,
    /// Intake and activities.
    pub ingest: Option<ingest::Service>,
    /// Totals.
    pub stats: Option<stats::Service>,
    /// Copies.
    pub duplication: Option<duplication::Service>,
    /// Accounts.
    pub identity: Option<identity::Service>,
}

/// How the world and our own services reach this process.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// How browsers reach us; the listening address when nothing else is set.
    pub public: Url,
    /// Whether Strava reaches us there: only when the operator said so.
    pub reachable: bool,
    /// Where token's operations port is.
    pub token: Url,
}

/// Every service.
pub fn all() -> ServiceNames {
    [
        token::Service::NAME,
        ingest::Service::NAME,
        stats::Service::NAME,
        duplication::Service::NAME,
        identity::Service::NAME,
    ]
    .into()
}

impl Services {
    /// Opens the databases of the names services; no task runs yet.
    pub async fn start(
        foundation: &Foundation,
        bus: &Bus,
        names: &ServiceNames,
        addresses: &Addresses,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let want = |name: &str| names.contains(name);
        // Databases open side by side: a start takes as long as the slowest.
        let (token, ingest, stats, duplication, identity) = tokio::try_join!(
            optional(want(token::Service::NAME), || start_token(foundation, bus, addresses, tasks)),
            optional(want(ingest::Service::NAME), || start_ingest(foundation, bus, addresses)),
            optional(want(stats::Service::NAME), || start_stats(foundation, bus)),
            optional(want(duplication::Service::NAME), || start_duplication(
                foundation, bus, addresses
            )),
            optional(want(identity::Service::NAME), || start_identity(foundation, addresses)),
        )?;
        Ok(Self { token, ingest, stats, duplication, identity: identity.flatten() })
    }

    /// Local accounts alone, beside a program that may be running; none where another issuer is believed.
    pub async fn identity_alone(
        foundation: &Foundation,
        addresses: &Addresses,
    ) -> anyhow::Result<Option<identity::Service>> {
        start_identity(foundation, addresses).await
    }

    /// The routes of the public door.
    pub(crate) fn routes(&self, config: &mut ServiceConfig) {
        if let Some(service) = &self.token {
            config.configure(service.routes());
        }
        if let Some(service) = &self.ingest {
            config.configure(service.routes());
        }
        if let Some(service) = &self.stats {
            config.configure(service.routes());
        }
        if let Some(service) = &self.duplication {
            config.configure(service.routes());
        }
        if let Some(service) = &self.identity {
            config.configure(service.routes());
        }
    }

    /// The routes that only our own services call.
    pub(crate) fn internal_routes(&self, config: &mut ServiceConfig) {
        if let Some(service) = &self.token {
            config.configure(service.internal_routes());
        }
    }

    /// What must answer for the program to be ready.
    pub(crate) fn probes(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        probes.extend(self.token.iter().flat_map(token::Service::probes));
        probes.extend(self.ingest.iter().flat_map(ingest::Service::probes));
        probes.extend(self.stats.iter().flat_map(stats::Service::probes));
        probes.extend(self.duplication.iter().flat_map(duplication::Service::probes));
        probes.extend(self.identity.iter().flat_map(identity::Service::probes));
        probes
    }

    /// Starts consumers, workers and relays.
    pub fn spawn(&self, bus: &Bus, tasks: &Tasks) {
        self.identity.iter().for_each(|service| service.spawn(bus, tasks));
        self.token.iter().for_each(|service| service.spawn(tasks));
        self.ingest.iter().for_each(|service| service.spawn(tasks));
        self.stats.iter().for_each(|service| service.spawn(tasks));
        self.duplication.iter().for_each(|service| service.spawn(tasks));
    }

    /// The names of those that run.
    pub fn names(&self) -> Vec<String> {
        let names = [
            self.token.as_ref().map(|_| token::Service::NAME),
            self.ingest.as_ref().map(|_| ingest::Service::NAME),
            self.stats.as_ref().map(|_| stats::Service::NAME),
            self.duplication.as_ref().map(|_| duplication::Service::NAME),
            self.identity.as_ref().map(|_| identity::Service::NAME),
        ];
        names.into_iter().flatten().map(str::to_owned).collect()
    }

    /// The databases of those that handle events, by service.
    pub fn databases(&self) -> Vec<(&'static str, Database)> {
        let mut found = Vec::new();
        found.extend(
            self.token.iter().map(|service| (token::Service::NAME, service.database().clone())),
        );
        found.extend(
            self.ingest.iter().map(|service| (ingest::Service::NAME, service.database().clone())),
        );
        found.extend(self.stats.iter().map(|service| (stats::Service::NAME, service.database())));
        found.extend(
            self.duplication.iter().map(|service| (duplication::Service::NAME, service.database())),
        );
        found
    }

    /// Where those that handle events keep what they could not handle.
    pub fn parked(&self) -> Vec<(&'static str, ParkedEvents)> {
        self.databases()
            .into_iter()
            .map(|(name, database)| (name, ParkedEvents::new(database)))
            .collect()
    }
}

/// Starts a service if it is names. Boxed: five starts side by side would be one large future.
async fn optional<T, F>(names: bool, start: impl FnOnce() -> F) -> anyhow::Result<Option<T>>
where
    F: Future<Output = anyhow::Result<T>>,
{
    if names { Box::pin(start()).await.map(Some) } else { Ok(None) }
}

fn leases(foundation: &Foundation, addresses: &Addresses) -> LeaseClient {
    LeaseClient::new(
        addresses.token.clone(),
        foundation.credential.secret().clone(),
        foundation.http.clone(),
    )
}

async fn start_token(
    foundation: &Foundation,
    bus: &Bus,
    addresses: &Addresses,
    tasks: &Tasks,
) -> anyhow::Result<token::Service> {
    let mut settings = foundation.settings.token.clone();
    let strava = &foundation.settings.strava;
    settings.client_id = strava.client_id;
    settings.client_secret.clone_from(&strava.client_secret);
    settings.redirect_uri.clone_from(&strava.redirect_uri);
    settings.frontend_url.clone_from(&foundation.settings.server.frontend_url);
    let keys = settings
        .keyring(&crate::generated_secrets::folder(&foundation.data), foundation.ids.as_ref())?;
    let parts = token::Dependencies {
        database: foundation.database(token::Service::NAME),
        bus: bus.clone(),
        clock: foundation.clock.clone(),
        ids: foundation.ids.clone(),
        verifier: foundation.verifier.clone(),
        internal: foundation.credential.clone(),
        strava: foundation.strava.clone(),
        keys,
        public_url: addresses.public.clone(),
        migrate: foundation.settings.database.migrate,
        failpoints: foundation.failpoints.clone(),
        tasks: tasks.clone(),
        settings,
    };
    token::Service::start(parts).await.context("token does not start")
}

async fn start_ingest(
    foundation: &Foundation,
    bus: &Bus,
    addresses: &Addresses,
) -> anyhow::Result<ingest::Service> {
    let mut settings = foundation.settings.ingest.clone();
    let strava = &foundation.settings.strava;
    settings.application = strava.client_id.unwrap_or_default();
    settings.client_secret.clone_from(&strava.client_secret);
    settings.public_url = addresses.reachable.then(|| addresses.public.clone());
    settings.webhook_secret = Some(foundation.webhook_secret.expose_secret().into());
    settings.verify_token = Some(foundation.verify_token.expose_secret().into());
    settings.signature_key.clone_from(&strava.signature_key);
    settings.published_athlete = foundation.settings.stats.published_athlete;
    let parts = ingest::Dependencies {
        database: foundation.database(ingest::Service::NAME),
        bus: bus.clone(),
        clock: foundation.clock.clone(),
        ids: foundation.ids.clone(),
        verifier: foundation.verifier.clone(),
        objects: foundation.objects.clone(),
        strava: foundation.strava.clone(),
        leases: leases(foundation, addresses),
        migrate: foundation.settings.database.migrate,
        failpoints: foundation.failpoints.clone(),
        settings,
    };
    ingest::Service::start(parts).await.context("ingest does not start")
}

async fn start_stats(foundation: &Foundation, bus: &Bus) -> anyhow::Result<stats::Service> {
    let parts = stats::Dependencies {
        database: foundation.database(stats::Service::NAME),
        bus: bus.clone(),
        clock: foundation.clock.clone(),
        ids: foundation.ids.clone(),
        verifier: foundation.verifier.clone(),
        migrate: foundation.settings.database.migrate,
        failpoints: foundation.failpoints.clone(),
        settings: foundation.settings.stats.clone(),
    };
    stats::Service::start(parts).await.context("stats does not start")
}

async fn start_duplication(
    foundation: &Foundation,
    bus: &Bus,
    addresses: &Addresses,
) -> anyhow::Result<duplication::Service> {
    let parts = duplication::Dependencies {
        database: foundation.database(duplication::Service::NAME),
        bus: bus.clone(),
        clock: foundation.clock.clone(),
        ids: foundation.ids.clone(),
        verifier: foundation.verifier.clone(),
        settings: duplication::Settings {
            migrate: foundation.settings.database.migrate,
            ..foundation.settings.duplication.clone()
        },
        objects: foundation.objects.clone(),
        strava: foundation.strava.clone(),
        leases: leases(foundation, addresses),
        failpoints: foundation.failpoints.clone(),
    };
    duplication::Service::start(parts).await.context("duplication does not start")
}

/// Local accounts; none where another issuer is believed.
async fn start_identity(
    foundation: &Foundation,
    addresses: &Addresses,
) -> anyhow::Result<Option<identity::Service>> {
    let Some(keys) = foundation.local_keys.clone() else { return Ok(None) };
    let parts = identity::Dependencies {
        database: foundation.database(identity::Service::NAME),
        clock: foundation.clock.clone(),
        ids: foundation.ids.clone(),
        keys,
        issuer: foundation.issuer(),
        verifier: foundation.verifier.clone(),
        secure: addresses.public.scheme() == "https",
        settings: identity::Settings {
            migrate: foundation.settings.database.migrate,
            ..foundation.settings.identity.clone()
        },
    };
    identity::Service::start(parts).await.map(Some).context("identity does not start")
}
