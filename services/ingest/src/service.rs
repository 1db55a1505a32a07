//! Composition of ingest: builds its routes and tasks from its dependencies.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, ServiceConfig};
use auth::Verifier;
use contracts::Topic;
use event_bus::{Bus, PublisherKind, Subscription};
use http_kit::{Collector, Probe};
use jobs::{Queue, run_workers};
use lifecycle::Tasks;
use object_store::ObjectStore;
use outbox::{Database, ParkedEvents, Recover, ReplayMonitor, ReplaySource, StoreError};
use service_kit::{
    DatabaseSettings, Migrations, RevokedSessions, Runtime, database_collector, database_probe,
    open_database,
};
use strava_client::Client;
use strava_client::lease::LeaseClient;
use telemetry::Metric;

use crate::clients::strava::Strava;
use crate::metrics::METRICS;
use crate::settings::Settings;
use crate::usecases::accept_event::Intake;
use crate::usecases::make_polls_due::make_polls_due;
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
    /// Its database.
    pub database: DatabaseSettings,
    /// Clock, ids and failpoints.
    pub runtime: Runtime,
    /// The log.
    pub bus: Bus,
    /// The verifier of sign-in tokens.
    pub verifier: Arc<Verifier>,
    /// The store of streams.
    pub objects: Arc<dyn ObjectStore>,
    /// The client of Strava.
    pub strava: Client,
    /// The client of token's leases.
    pub leases: LeaseClient,
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
    monitor: ReplayMonitor,
}

impl Service {
    /// Opens the database. Runs nothing yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let Dependencies { database, runtime, bus, verifier, .. } = dependencies;
        let database = open_database::<Self>(&database, &runtime).await?;
        let Runtime { clock, ids, failpoints } = runtime;
        let ctx = ServiceContext {
            bulk: database.for_bulk(),
            queue: Queue::new(database.clone(), Arc::clone(&clock), Arc::clone(&ids)),
            objects: dependencies.objects,
            strava: Strava { client: dependencies.strava, leases: dependencies.leases },
            clock,
            ids,
            settings: Arc::new(dependencies.settings),
            failpoints,
            database,
        };
        let intake = Intake::new(ctx.clone(), bus.publisher(PublisherKind::Intake));
        intake.reload_subscriptions().await?;
        let monitor = ReplayMonitor::new(
            ctx.database.clone(),
            bus.clone(),
            crate::settings::NAME,
            &[crate::settings::NAME],
            &REPLAY_SOURCES,
        );
        let verifier = RevokedSessions::new(&ctx.database).verifier(&verifier);
        Ok(Self { ctx, bus, intake, verifier, monitor })
    }

    /// Its jobs.
    pub fn queue(&self) -> &Queue {
        &self.ctx.queue
    }

    fn spawn_job_workers(&self, tasks: &Tasks, kinds: &'static [&'static str], count: usize) {
        let worker = ActivityWorker { ctx: self.ctx.clone(), soft: tasks.soft() };
        let (queue, soft, hard) = (self.ctx.queue.clone(), tasks.soft(), tasks.hard());
        tasks.spawn("ingest.jobs", run_workers(queue, kinds, count, worker, soft, hard));
    }
}

impl service_kit::Service for Service {
    const NAME: &'static str = crate::settings::NAME;
    type Settings = Settings;

    fn migrations() -> Migrations {
        let mut migrations = jobs::migrations();
        migrations.extend(store::migrations::all());
        migrations
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        http::document()
    }

    fn metrics() -> Vec<Metric> {
        METRICS.to_vec()
    }

    fn database(&self) -> &Database {
        &self.ctx.database
    }

    fn routes(&self, routes: &mut ServiceConfig) {
        routes
            .app_data(Data::new(self.ctx.clone()))
            .app_data(Data::new(self.bus.clone()))
            .app_data(Data::new(self.intake.clone()))
            .app_data(Data::new(Arc::clone(&self.verifier)));
        http::routes(routes, self.ctx.settings.bare_webhook);
    }

    fn recover_from_older_database(&self) -> Recover {
        let database = self.ctx.database.clone();
        Box::new(move || {
            let database = database.clone();
            Box::pin(async move { make_polls_due(&database).await })
        })
    }

    fn consumers(&self) -> Vec<Subscription<ParkedEvents>> {
        let parked = ParkedEvents::new(self.ctx.database.clone());
        vec![events::subscription(&self.ctx, &self.monitor, parked)]
    }

    fn spawn_workers(&self, tasks: &Tasks) {
        let settings = &self.ctx.settings;
        self.spawn_job_workers(tasks, job::LIVE_KINDS, settings.live_workers);
        self.spawn_job_workers(tasks, job::RECENT_KINDS, settings.head_workers);
        self.spawn_job_workers(tasks, job::BULK_KINDS, settings.bulk_workers);
        self.spawn_job_workers(tasks, job::EXPORT_KINDS, 1);
        let interval = Duration::from_secs(settings.tick_s.max(1));
        tasks.spawn("ingest.replay-monitor", self.monitor.clone().run(interval, tasks.soft()));
        tasks.spawn("ingest.sweeper", sweeper::run(self.ctx.clone(), tasks.soft()));
        tasks.spawn("ingest.erasures", self.ctx.erasures().run(tasks.soft(), tasks.hard()));
        let subscriber = subscriber::run(self.ctx.clone(), self.intake.clone(), tasks.soft());
        tasks.spawn("ingest.subscriber", subscriber);
    }

    /// Ready as long as the log or the database can store hints.
    fn probes(&self) -> Vec<Probe> {
        let (bus, intake) = (self.bus.clone(), self.intake.clone());
        let intake = Probe::new("ingest.intake", move || {
            let (bus, intake) = (bus.clone(), intake.clone());
            async move {
                let log = async { bus.check_health().await.is_ok() };
                if intake.is_available(log).await {
                    Ok(())
                } else {
                    Err("neither the log nor the database can be written")
                }
            }
        });
        vec![intake, database_probe(Self::NAME, &self.ctx.database).optional()]
    }

    fn collectors(&self) -> Vec<Collector> {
        let intake = self.intake.clone();
        let gauges = Collector::new("ingest.gauges", move || {
            let age = intake.last_event_age();
            metrics::gauge!("ingest_last_event_age_seconds").set(age.as_secs_f64());
            std::future::ready(Ok::<_, Infallible>(()))
        });
        vec![database_collector(Self::NAME, &self.ctx.database), gauges]
    }
}
