//! The service: its dependencies, routes and tasks.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use event_bus::{Bus, Subscription};
use lifecycle::Tasks;
use object_store::ObjectStore;
use outbox::{Database, ParkedEvents, ReplayMonitor, StoreError};
use service_kit::{DatabaseSettings, Migrations, RevokedSessions, Runtime, open_database};
use strava_client::lease::LeaseClient;
use telemetry::Metric;
use utoipa::OpenApi;

use crate::Settings;
use crate::events;
use crate::http::{Api, HttpState};
use crate::settings::NAME;
use crate::store::migrations;
use crate::usecases::ServiceContext;
use crate::usecases::replay_sources::REPLAY_SOURCES;
use crate::workers::{copy_worker, link_pruner};

/// Interval at which a replay that is needed and not being answered is requested.
const REPLAY_INTERVAL: Duration = Duration::from_mins(5);

/// Dependencies of the service.
pub struct Dependencies {
    /// Its database.
    pub database: DatabaseSettings,
    /// Clock, ids and failpoints.
    pub runtime: Runtime,
    /// The log.
    pub bus: Bus,
    /// Verifier of access tokens.
    pub verifier: Arc<auth::Verifier>,
    /// Its section of the settings.
    pub settings: Settings,
    /// Store of the streams objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Client of Strava's API.
    pub strava: strava_client::Client,
    /// Client of the lease service, asked before each call of Strava.
    pub leases: LeaseClient,
}

/// Failure to start the service.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error("the database of duplication could not be opened")]
    Store(#[from] StoreError),
}

/// The service that copies a guardian's activities into a child's account, if both agreed to it.
#[derive(Clone)]
pub struct Service {
    ctx: ServiceContext,
    replays: ReplayMonitor,
    http: HttpState,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("name", &NAME).finish_non_exhaustive()
    }
}

impl Service {
    /// Opens the database and migrates it; nothing runs yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let Dependencies { database, runtime, bus, verifier, .. } = dependencies;
        let database = open_database::<Self>(&database, &runtime).await?;
        let Runtime { clock, ids, failpoints } = runtime;
        let replays = ReplayMonitor::new(database.clone(), bus, NAME, &[NAME], REPLAY_SOURCES);
        let ctx = ServiceContext {
            queue: jobs::Queue::new(database.clone(), Arc::clone(&clock), Arc::clone(&ids)),
            database,
            clock,
            ids,
            settings: Arc::new(dependencies.settings),
            objects: dependencies.objects,
            strava: dependencies.strava,
            leases: dependencies.leases,
            failpoints,
            code_attempts: Arc::default(),
        };
        let verifier = RevokedSessions::new(&ctx.database).verifier(&verifier);
        Ok(Self { http: HttpState::new(ctx.clone(), verifier), ctx, replays })
    }
}

impl service_kit::Service for Service {
    const NAME: &'static str = NAME;
    type Settings = Settings;

    fn migrations() -> Migrations {
        let mut migrations = jobs::migrations();
        migrations.extend(migrations::all());
        migrations
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        Api::openapi()
    }

    fn metrics() -> Vec<Metric> {
        vec![
            Metric::counter(
                "duplication_copies_total",
                "Changes of copies, by the state they reach.",
            )
            .with(&[("state", &["planned", "sending", "processing", "done", "failed", "skipped"])]),
        ]
    }

    fn database(&self) -> &Database {
        &self.ctx.database
    }

    fn routes(&self, routes: &mut ServiceConfig) {
        self.http.configure(routes);
    }

    fn consumers(&self) -> Vec<Subscription<ParkedEvents>> {
        vec![events::build_subscription(&self.ctx, &self.replays)]
    }

    fn spawn_workers(&self, tasks: &Tasks) {
        let copies = copy_worker::run(self.ctx.clone(), tasks.soft(), tasks.hard());
        tasks.spawn("duplication.copies", copies);
        let erasures = self.ctx.erasures().run(tasks.soft(), tasks.hard());
        tasks.spawn("duplication.erasures", erasures);
        tasks.spawn("duplication.link-pruner", link_pruner::run(self.ctx.clone(), tasks.soft()));
        let replays = self.replays.clone().run(REPLAY_INTERVAL, tasks.soft());
        tasks.spawn("duplication.replay-monitor", replays);
    }
}
