//! The service: its dependencies, routes and tasks.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use event_bus::{Bus, PublisherKind};
use http_kit::Probe;
use kernel::{Clock, Ids};
use lifecycle::{Failpoints, Tasks};
use object_store::ObjectStore;
use outbox::{Database, Relay, ReplayMonitor, StoreError};
use strava_client::lease::LeaseClient;
use utoipa::OpenApi;

use crate::Settings;
use crate::events;
use crate::http::{Api, HttpState};
use crate::store::migrations;
use crate::usecases::ServiceContext;
use crate::usecases::replay_sources::REPLAY_SOURCES;
use crate::workers::copy_worker;

/// Interval at which a replay that is needed and not being answered is requested.
const REPLAY_INTERVAL: Duration = Duration::from_mins(5);

/// Dependencies of the service.
pub struct Dependencies {
    /// Location of its database.
    pub database: outbox::Target,
    /// The log.
    pub bus: Bus,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of new ids.
    pub ids: Arc<dyn Ids>,
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
    /// Places where a test may kill the process.
    pub failpoints: Failpoints,
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
    bus: Bus,
    http: HttpState,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("name", &Self::NAME).finish_non_exhaustive()
    }
}

impl Service {
    /// Name of the service in topics, tables and on the command line.
    pub const NAME: &'static str = "duplication";

    /// Opens the database and migrates it; nothing runs yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let Dependencies { database: target, bus, clock, ids, verifier, settings, .. } =
            dependencies;
        let mut migrations = jobs::migrations();
        migrations.extend(migrations::all());
        let database = if settings.migrate {
            Database::open(&target, migrations).await?
        } else {
            Database::open_migrated(&target, migrations).await?
        };
        let database = database.with(Arc::clone(&clock), Arc::clone(&ids));
        let queue = jobs::Queue::new(database.clone(), Arc::clone(&clock), Arc::clone(&ids));
        let ctx = ServiceContext {
            database,
            queue,
            clock,
            ids,
            settings: Arc::new(settings),
            objects: dependencies.objects,
            strava: dependencies.strava,
            leases: dependencies.leases,
            failpoints: dependencies.failpoints,
        };
        Ok(Self { http: HttpState::new(ctx.clone(), verifier), ctx, bus })
    }

    /// Returns the routes of the public listener.
    pub fn routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let http = self.http.clone();
        move |config| http.configure(config)
    }

    /// Returns the routes of the operations listener: none.
    pub fn internal_routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        |_| {}
    }

    /// Returns the probes that must succeed for it to be ready.
    pub fn probes(&self) -> Vec<Probe> {
        let database = self.ctx.database.clone();
        vec![Probe::new("duplication.database", move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|error| error.to_string()) }
        })]
    }

    /// Returns its database, for `paceline parked` and the like.
    pub fn database(&self) -> Database {
        self.ctx.database.clone()
    }

    /// Starts the consumer, the relay, the workers and the replay monitor.
    pub fn spawn(&self, tasks: &Tasks) {
        let (bus, soft, hard) = (self.bus.clone(), tasks.soft(), tasks.hard());
        let replays = ReplayMonitor::new(
            self.ctx.database.clone(),
            bus.clone(),
            Self::NAME,
            &[Self::NAME],
            REPLAY_SOURCES,
        );
        let subscription = events::build_subscription(&self.ctx, &replays);
        tasks.spawn("duplication.events", async move { subscription.run(&bus, soft, hard).await });
        let publisher = self.bus.publisher(PublisherKind::Relay);
        let relay = Relay::new(self.ctx.database.clone(), publisher, Arc::clone(&self.ctx.clock))
            .with_failpoints(self.ctx.failpoints.clone());
        let soft = tasks.soft();
        tasks.spawn("duplication.relay", async move { relay.run(soft).await });
        tasks.spawn(
            "duplication.copies",
            copy_worker::run(self.ctx.clone(), tasks.soft(), tasks.hard()),
        );
        let soft = tasks.soft();
        tasks.spawn("duplication.replays", async move { replays.run(REPLAY_INTERVAL, soft).await });
    }

    /// Returns the OpenAPI description of its public routes.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        Api::openapi()
    }
}
