//! The contract between the program and its services.
//!
//! A service is a library crate with one type that implements [`Service`]. The program lists these
//! types once; everything it does for every service (migrate, serve, consume, relay, probe, describe)
//! goes through this trait.
#![warn(missing_docs)]

mod revoked_sessions;

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use event_bus::{Bus, PublisherKind, Subscription};
use http_kit::{Collector, Probe};
use kernel::{Clock, Ids};
use lifecycle::{Failpoints, Tasks};
use outbox::{
    Database, EpochKeeper, ParkedEvents, Recover, Relay, StoreError, StoreFaults, Target,
};
use sea_orm_migration::MigrationTrait;
use telemetry::Metric;
use utoipa::openapi::OpenApi;

pub use revoked_sessions::RevokedSessions;

/// Migrations in order.
pub type Migrations = Vec<Box<dyn MigrationTrait>>;

/// One service. A value of it has its database open; nothing runs before [`spawn`].
pub trait Service: Send + Sync + 'static {
    /// Name of the service: of its database, consumer group, settings section and command-line word.
    const NAME: &'static str;

    /// Its section of the settings.
    type Settings;

    /// The migrations of its database, in order.
    fn migrations() -> Migrations;

    /// The description of its public routes.
    fn openapi() -> OpenApi;

    /// The descriptions of its metrics.
    fn metrics() -> Vec<Metric> {
        Vec::new()
    }

    /// Its database.
    fn database(&self) -> &Database;

    /// Registers its routes on the public listener.
    fn routes(&self, routes: &mut ServiceConfig);

    /// Registers its routes on the operations listener.
    fn internal_routes(&self, _routes: &mut ServiceConfig) {}

    /// Its consumers, one for each consumer group.
    fn consumers(&self) -> Vec<Subscription<ParkedEvents>>;

    /// What it does when its database turns out to be an older one, beyond asking for everything again.
    fn recover_from_older_database(&self) -> Recover {
        Box::new(|| Box::pin(async { Ok(()) }))
    }

    /// Starts its workers.
    fn spawn_workers(&self, _tasks: &Tasks) {}

    /// The checks of its readiness: its database can be written.
    fn probes(&self) -> Vec<Probe> {
        vec![database_probe(Self::NAME, self.database())]
    }

    /// Its gauges that are set at each scrape: those of its database.
    fn collectors(&self) -> Vec<Collector> {
        vec![database_collector(Self::NAME, self.database())]
    }
}

/// Sets the gauges of a service's database.
pub fn database_collector(service: &'static str, database: &Database) -> Collector {
    let database = database.clone();
    Collector::new(service, move || {
        let database = database.clone();
        async move { outbox::set_gauges(service, &database).await }
    })
}

/// Clock, ids and failpoints, which every service gets.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn Ids>,
    /// Places where a test may kill the process.
    pub failpoints: Failpoints,
}

/// The database of a service: its place, and the treatment of missing migrations.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// The place of the database.
    pub target: Target,
    /// True: missing migrations are applied. False: they are refused.
    pub migrate: bool,
    /// Faults that a test injects once the database is open.
    pub faults: StoreFaults,
}

/// Opens the database of a service and writes to it once.
///
/// # Errors
///
/// [`StoreError`] if it cannot be opened, migrated or written, or lacks a migration that may not be applied.
pub async fn open_database<S: Service>(
    settings: &DatabaseSettings,
    runtime: &Runtime,
) -> Result<Database, StoreError> {
    let database = if settings.migrate {
        Database::open(&settings.target, S::migrations()).await?
    } else {
        Database::open_migrated(&settings.target, S::migrations()).await?
    };
    let database = database.with(Arc::clone(&runtime.clock), Arc::clone(&runtime.ids));
    database.write_health_check().await?;
    Ok(database.with_faults(settings.faults.clone()))
}

/// Starts the consumers, the relay and the workers of a service.
pub fn spawn<S: Service>(service: &S, bus: &Bus, runtime: &Runtime, tasks: &Tasks) {
    for consumer in service.consumers() {
        let (bus, soft, hard) = (bus.clone(), tasks.soft(), tasks.hard());
        tasks.spawn(S::NAME, async move { consumer.run(&bus, soft, hard).await });
    }
    let publisher = bus.publisher(PublisherKind::Relay);
    let relay = Relay::new(service.database().clone(), publisher, Arc::clone(&runtime.clock))
        .with_failpoints(runtime.failpoints.clone());
    tasks.spawn(S::NAME, relay.run(tasks.soft()));
    let recover = service.recover_from_older_database();
    let epochs = EpochKeeper::new(service.database().clone(), bus.clone(), S::NAME, recover);
    tasks.spawn(S::NAME, epochs.run(tasks.soft()));
    service.spawn_workers(tasks);
}

/// A probe that checks that a service's database can be written.
pub fn database_probe(service: &'static str, database: &Database) -> Probe {
    let database = database.clone();
    Probe::new(format!("{service}.database"), move || {
        let database = database.clone();
        async move { database.check_writable().await }
    })
}

/// The public routes of a service, for an HTTP server of its own.
pub fn public_routes<S: Service + Clone>(
    service: &S,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let service = service.clone();
    move |routes| service.routes(routes)
}

/// The internal routes of a service, for an HTTP server of its own.
pub fn internal_routes<S: Service + Clone>(
    service: &S,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let service = service.clone();
    move |routes| service.internal_routes(routes)
}
