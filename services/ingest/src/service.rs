//! Ingest put together: parts in, routes and tasks out.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use auth::Verifier;
use event_bus::{Bus, PublisherKind};
use http_kit::Probe;
use jobs::{Queue, run_workers};
use kernel::{Clock, Ids};
use lifecycle::{Failpoints, Tasks};
use object_store::ObjectStore;
use outbox::{Database, ParkedEvents, Relay, StoreError, Target};
use strava_client::Client;
use strava_client::lease::LeaseClient;

use crate::clients::strava::Strava;
use crate::settings::Settings;
use crate::usecases::take_event::Intake;
use crate::usecases::{Core, job};
use crate::workers::looks::Looks;
use crate::workers::{subscriber, sweeper};
use crate::{events, http, store};

/// Places where a test may kill the process: one per gap between an effect and the note of it.
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

/// What ingest is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where its rows are.
    pub database: Target,
    /// The log.
    pub bus: Bus,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Mints ids.
    pub ids: Arc<dyn Ids>,
    /// Says who is signed in.
    pub verifier: Arc<Verifier>,
    /// Where streams are kept.
    pub objects: Arc<dyn ObjectStore>,
    /// Strava.
    pub strava: Client,
    /// Asks token for leases.
    pub leases: LeaseClient,
    /// Whether missing migrations are applied, or refused.
    pub migrate: bool,
    /// Where a test may kill the process.
    pub failpoints: Failpoints,
    /// Its settings.
    pub settings: Settings,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened, or lacks a migration.
    #[error("the database of ingest cannot be used")]
    Store(#[from] StoreError),
}

/// The service.
#[derive(Clone, Debug)]
pub struct Service {
    core: Core,
    bus: Bus,
    intake: Intake,
    verifier: Arc<Verifier>,
    parked: ParkedEvents,
}

impl Service {
    /// Its name: of its database, its consumer group, its answers.
    pub const NAME: &'static str = crate::NAME;

    /// Opens the database; nothing runs yet.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let mut migrations = jobs::migrations();
        migrations.extend(store::migrations::all());
        let database = if parts.migrate {
            Database::open(&parts.database, migrations).await?
        } else {
            Database::open_migrated(&parts.database, migrations).await?
        };
        let database = database.with(Arc::clone(&parts.clock), Arc::clone(&parts.ids));
        let core = Core {
            bulk: database.for_bulk(),
            queue: Queue::new(database.clone(), Arc::clone(&parts.clock), Arc::clone(&parts.ids)),
            objects: parts.objects,
            strava: Strava { client: parts.strava, leases: parts.leases },
            clock: parts.clock,
            ids: parts.ids,
            settings: Arc::new(parts.settings),
            failpoints: parts.failpoints,
            database,
        };
        let intake = Intake::new(core.clone(), parts.bus.publisher(PublisherKind::Intake));
        intake.learn().await?;
        let parked = ParkedEvents::new(core.database.clone());
        Ok(Self { core, bus: parts.bus, intake, verifier: parts.verifier, parked })
    }

    /// The public door.
    pub fn routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let doors = (self.bus.clone(), self.intake.clone());
        http::routes(self.core.clone(), doors, Arc::clone(&self.verifier))
    }

    /// The operations port: nothing of ingest's is there.
    pub fn internal_routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        |_: &mut ServiceConfig| {}
    }

    /// Ready as long as hints can be taken: by the log, or by the database.
    pub fn probes(&self) -> Vec<Probe> {
        let (core, bus, intake) = (self.core.clone(), self.bus.clone(), self.intake.clone());
        let intake = Probe::new("ingest.intake", move || {
            let (bus, intake) = (bus.clone(), intake.clone());
            async move {
                let log = async { bus.check_health().await.is_ok() };
                if intake.is_open(log).await {
                    Ok(())
                } else {
                    Err("neither log nor database".to_owned())
                }
            }
        });
        let database = Probe::new("ingest.database", move || {
            let database = core.database.clone();
            async move { database.ping().await.map_err(|error| error.to_string()) }
        });
        vec![intake, database.optional()]
    }

    /// Consumers, workers, relay, sweep and subscription.
    pub fn spawn(&self, tasks: &Tasks) {
        let (soft, hard) = (tasks.soft(), tasks.hard());
        let subscription = events::subscription(&self.core, &self.bus, self.parked.clone());
        let (bus, stops) = (self.bus.clone(), (soft.clone(), hard.clone()));
        tasks.spawn(
            "ingest consumer",
            async move { subscription.run(&bus, stops.0, stops.1).await },
        );
        let of = &self.core.settings;
        self.spawn_workers(tasks, "ingest live workers", job::LIVE_KINDS, of.live_workers);
        self.spawn_workers(tasks, "ingest head workers", job::HEAD_KINDS, of.head_workers);
        self.spawn_workers(tasks, "ingest bulk workers", job::BULK_KINDS, of.bulk_workers);
        let publisher = self.bus.publisher(PublisherKind::Relay);
        let relay = Relay::new(self.core.database.clone(), publisher, Arc::clone(&self.core.clock))
            .with_failpoints(self.core.failpoints.clone());
        let stop = soft.clone();
        tasks.spawn("ingest relay", async move { relay.run(stop).await });
        tasks.spawn(
            "ingest sweeper",
            sweeper::run(self.core.clone(), self.bus.clone(), soft.clone()),
        );
        tasks.spawn(
            "ingest subscriber",
            subscriber::run(self.core.clone(), self.intake.clone(), soft),
        );
    }

    /// What could not be handled, for operators.
    pub fn parked(&self) -> &ParkedEvents {
        &self.parked
    }

    /// Its database, for operators.
    pub fn database(&self) -> &Database {
        &self.core.database
    }

    /// Its jobs, for operators.
    pub fn queue(&self) -> &Queue {
        &self.core.queue
    }

    /// Its routes, described.
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
        let looks = Looks { core: self.core.clone(), soft: tasks.soft() };
        let (queue, soft, hard) = (self.core.queue.clone(), tasks.soft(), tasks.hard());
        tasks.spawn(name, run_workers(queue, kinds, n, looks, soft, hard));
    }
}
