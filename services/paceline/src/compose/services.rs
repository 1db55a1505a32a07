//! The services of the program, listed once.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::web::ServiceConfig;
use event_bus::Bus;
use http_kit::{Collector, Probe};
use lifecycle::Tasks;
use outbox::ParkedEvents;
use service_kit::{Migrations, Runtime, Service};
use telemetry::Metric;
use utoipa::openapi::OpenApi;

use super::running_service::RunningService;
use super::start;
use super::start_context::{Start, StartContext};
use crate::settings::Settings;

/// Names of services.
pub type ServiceNames = BTreeSet<&'static str>;

/// Every service of the program. Commands, routes, API description, probes and checks follow from it.
pub(crate) static SERVICES: [ServiceEntry; 5] = [
    ServiceEntry::new::<token::Service>(start::token),
    ServiceEntry::new::<ingest::Service>(start::ingest),
    ServiceEntry::new::<stats::Service>(start::stats),
    ServiceEntry::new::<duplication::Service>(start::duplication),
    ServiceEntry::new::<identity::Service>(start::identity).enabled_if(local_accounts),
];

/// A service that the program can run.
pub(crate) struct ServiceEntry {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its migrations.
    pub(crate) migrations: fn() -> Migrations,
    /// The description of its public routes.
    pub(crate) openapi: fn() -> OpenApi,
    /// The descriptions of its metrics.
    pub(crate) metrics: fn() -> Vec<Metric>,
    start: StartFn,
    is_enabled: fn(&Settings) -> bool,
}

type StartFn = for<'a> fn(StartContext<'a>) -> Start<'a>;

impl ServiceEntry {
    const fn new<S: Service>(start: StartFn) -> Self {
        Self {
            name: S::NAME,
            migrations: S::migrations,
            openapi: S::openapi,
            metrics: S::metrics,
            start,
            is_enabled: |_| true,
        }
    }

    const fn enabled_if(mut self, is_enabled: fn(&Settings) -> bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    /// True if the settings let it run.
    pub(crate) fn is_enabled(&self, settings: &Settings) -> bool {
        (self.is_enabled)(settings)
    }
}

/// Local accounts exist only where no other issuer is set.
fn local_accounts(settings: &Settings) -> bool {
    settings.auth.issuer.is_none()
}

/// The services whose answers complete an erasure: those that the settings name, or all of this installation.
pub(crate) fn erasure_services(settings: &Settings) -> Vec<String> {
    if let Some(services) = &settings.erasure.services {
        return services.clone();
    }
    let enabled = SERVICES.iter().filter(|entry| entry.is_enabled(settings));
    enabled.map(|entry| entry.name.to_owned()).collect()
}

/// The names of all services.
pub fn all() -> ServiceNames {
    SERVICES.iter().map(|entry| entry.name).collect()
}

/// The started services of this process.
#[derive(Clone)]
pub struct Services(Vec<Arc<dyn RunningService>>);

impl Services {
    /// Opens the databases of the named services; no task runs yet.
    pub(crate) async fn start(
        names: &ServiceNames,
        with: StartContext<'_>,
    ) -> anyhow::Result<Self> {
        let settings = &with.foundation.settings;
        let entries = SERVICES.iter().filter(|entry| names.contains(entry.name));
        // Databases are opened side by side: a start takes as long as the slowest.
        let starts =
            entries.filter(|entry| entry.is_enabled(settings)).map(|entry| (entry.start)(with));
        Ok(Self(futures::future::try_join_all(starts).await?))
    }

    /// Registers the routes of the public listener.
    pub(crate) fn routes(&self, routes: &mut ServiceConfig) {
        for service in &self.0 {
            service.routes(routes);
        }
    }

    /// Registers the routes that only our own services call.
    pub(crate) fn internal_routes(&self, routes: &mut ServiceConfig) {
        for service in &self.0 {
            service.internal_routes(routes);
        }
    }

    /// The checks of the program's readiness.
    pub(crate) fn probes(&self) -> Vec<Probe> {
        self.0.iter().flat_map(|service| service.probes()).collect()
    }

    /// The gauges that are set at each scrape.
    pub(crate) fn collectors(&self) -> Vec<Collector> {
        self.0.iter().flat_map(|service| service.collectors()).collect()
    }

    /// The parked events of a service; none if it does not run here.
    pub(crate) fn parked(&self, service: &str) -> Option<ParkedEvents> {
        let service = self.0.iter().find(|running| running.name() == service)?;
        Some(service.parked())
    }

    /// Starts consumers, workers and relays.
    pub(crate) fn spawn(&self, bus: &Bus, runtime: &Runtime, tasks: &Tasks) {
        for service in &self.0 {
            service.spawn(bus, runtime, tasks);
        }
    }

    /// The names of the running services.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|service| service.name().to_owned()).collect()
    }
}
