//! Composition of ingest: builds its routes and tasks from its dependencies.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use auth::Verifier;
use contracts::Topic;
use event_bus::{Bus, PublisherKind};
use http_kit::Probe;
use jobs::{Queue, run_workers};
use kernel::{Clock, Ids};
use lifecycle::{Failpoints, Tasks};
use object_store::ObjectStore;
use outbox::{Database, ParkedEvents, Relay, ReplayMonitor, ReplaySource, StoreError, Target};
use strava_client::Client;
use strava_client::lease::LeaseClient;

use crate::clients::strava::Strava;
use crate::settings::Settings;
use crate::usecases::accept_event::Intake;
use crate::usecases::{ServiceContext, job};
use crate::workers::activity_worker::ActivityWorker;
use crate::workers::{subscriber, sweeper};
use crate::{events, http, store};

/// Places where a test may kill the process: between an effect and the record of it.
pub const FAILPOINTS: [&str; 10] = [
    "ingest.hint-published",
    "ingest.hint-noted",
    "ingest.ticket-drawn",
    "ingest.activity-fetched",
    "ingest.streams-put",
    "ingest.activity-uncommitted",
    "ingest.activity-committed",
    "ingest.page-fetched",
    "ingest.page-committed",
    "ingest.head-committed",
];

/// States that ingest requests a replay of when it may have missed messages.
const REPLAY_SOURCES: [ReplaySource; 1] = [ReplaySource::new(Topic::Athletes, Topic::Athletes)];

/// Dependencies of ingest.
#[derive(Debug)]
pub struct Dependencies {
    /// The target of its database.
    pub database: Target,
    /// The log.
    pub bus: Bus,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator of ids.
    pub ids: Arc<dyn Ids>,
    /// The verifier of sign-in tokens.
    pub verifier: Arc<Verifier>,
    /// The store of streams.
    pub objects: Arc<dyn ObjectStore>,
    /// The client of Strava.
    pub strava: Client,
    /// The client of token's leases.
    pub leases: LeaseClient,
    /// True to apply missing migrations, false to refuse to start without them.
    pub migrate: bool,
    /// The armed failpoint, in tests.
    pub failpoints: Failpoints,
    /// Its settings.
    pub settings: Settings,
}

/// Error of starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened, or lacks a migration.
    #[error("the database of ingest cannot be used")]
    Store(#[from] StoreError),
}

/// The service.
#[derive(Clone, Debug)]
pub struct Service {
    ctx: ServiceContext,
    bus: Bus,
    intake: Intake,
    verifier: Arc<Verifier>,
    parked: ParkedEvents,
}

impl Service {
    /// The name of the service, its database and its consumer group.
    pub const NAME: &'static str = crate::NAME;

    /// Opens the database. Runs nothing yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let mut migrations = jobs::migrations();
        migrations.extend(store::migrations::all());
        let database = if dependencies.migrate {
            Database::open(&dependencies.database, migrations).await?
        } else {
            Database::open_migrated(&dependencies.database, migrations).await?
        };
        let database =
            database.with(Arc::clone(&dependencies.clock), Arc::clone(&dependencies.ids));
        let ctx = ServiceContext {
            bulk: database.for_bulk(),
            queue: Queue::new(
                database.clone(),
                Arc::clone(&dependencies.clock),
                Arc::clone(&dependencies.ids),
            ),
            objects: dependencies.objects,
            strava: Strava { client: dependencies.strava, leases: dependencies.leases },
            clock: dependencies.clock,
            ids: dependencies.ids,
            settings: Arc::new(dependencies.settings),
            failpoints: dependencies.failpoints,
            database,
        };
        let intake = Intake::new(ctx.clone(), dependencies.bus.publisher(PublisherKind::Intake));
        intake.reload_subscriptions().await?;
        let parked = ParkedEvents::new(ctx.database.clone());
        Ok(Self { ctx, bus: dependencies.bus, intake, verifier: dependencies.verifier, parked })
    }

    /// Returns the public routes.
    pub fn routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let (ctx, bus) = (self.ctx.clone(), self.bus.clone());
        http::routes(ctx, bus, self.intake.clone(), Arc::clone(&self.verifier))
    }

    /// Returns the internal routes: none.
    pub fn internal_routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        |_: &mut ServiceConfig| {}
    }

    /// Returns the probes: ready as long as the log or the database can store hints.
    pub fn probes(&self) -> Vec<Probe> {
        let (ctx, bus, intake) = (self.ctx.clone(), self.bus.clone(), self.intake.clone());
        let intake = Probe::new("ingest.intake", move || {
            let (bus, intake) = (bus.clone(), intake.clone());
            async move {
                let log = async { bus.check_health().await.is_ok() };
                if intake.is_available(log).await {
                    Ok(())
                } else {
                    Err("neither the log nor the database answers".to_owned())
                }
            }
        });
        let database = Probe::new("ingest.database", move || {
            let database = ctx.database.clone();
            async move { database.ping().await.map_err(|error| error.to_string()) }
        });
        vec![intake, database.optional()]
    }

    /// Spawns the consumer, the workers, the relay, the sweeper and the subscriber.
    pub fn spawn(&self, tasks: &Tasks) {
        let (soft, hard) = (tasks.soft(), tasks.hard());
        let monitor = ReplayMonitor::new(
            self.ctx.database.clone(),
            self.bus.clone(),
            crate::NAME,
            &[crate::NAME],
            &REPLAY_SOURCES,
        );
        let subscription = events::subscription(&self.ctx, &monitor, self.parked.clone());
        let (bus, stops) = (self.bus.clone(), (soft.clone(), hard.clone()));
        tasks.spawn(
            "ingest consumer",
            async move { subscription.run(&bus, stops.0, stops.1).await },
        );
        let settings = &self.ctx.settings;
        self.spawn_workers(tasks, "ingest live workers", job::LIVE_KINDS, settings.live_workers);
        self.spawn_workers(tasks, "ingest head workers", job::RECENT_KINDS, settings.head_workers);
        self.spawn_workers(tasks, "ingest bulk workers", job::BULK_KINDS, settings.bulk_workers);
        let publisher = self.bus.publisher(PublisherKind::Relay);
        let relay = Relay::new(self.ctx.database.clone(), publisher, Arc::clone(&self.ctx.clock))
            .with_failpoints(self.ctx.failpoints.clone());
        let stop = soft.clone();
        tasks.spawn("ingest relay", async move { relay.run(stop).await });
        let interval = Duration::from_secs(self.ctx.settings.tick_s.max(1));
        tasks.spawn("ingest replay monitor", monitor.run(interval, soft.clone()));
        tasks.spawn("ingest sweeper", sweeper::run(self.ctx.clone(), soft.clone()));
        tasks.spawn(
            "ingest subscriber",
            subscriber::run(self.ctx.clone(), self.intake.clone(), soft),
        );
    }

    /// Returns the parked events, for operators.
    pub fn parked(&self) -> &ParkedEvents {
        &self.parked
    }

    /// Returns the database, for operators.
    pub fn database(&self) -> &Database {
        &self.ctx.database
    }

    /// Returns the jobs, for operators.
    pub fn queue(&self) -> &Queue {
        &self.ctx.queue
    }

    /// Returns the OpenAPI description of the public routes.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::document()
    }

    fn spawn_workers(
        &self,
        tasks: &Tasks,
        name: &'static str,
        kinds: &'static [&'static str],
        n: usize,
    ) {
        let worker = ActivityWorker { ctx: self.ctx.clone(), soft: tasks.soft() };
        let (queue, soft, hard) = (self.ctx.queue.clone(), tasks.soft(), tasks.hard());
        tasks.spawn(name, run_workers(queue, kinds, n, worker, soft, hard));
    }
}
