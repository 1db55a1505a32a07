//! The service: its dependencies, its routes, and its tasks.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use anyhow::Context as _;
use event_bus::{Bus, PublisherKind};
use http_kit::Probe;
use kernel::{AthleteId, Clock, Ids};
use lifecycle::{Failpoints, Stop, Tasks};
use outbox::{Database, Relay, ReplayMonitor, StoreError, Target};
use utoipa::OpenApi;

use crate::Settings;
use crate::events;
use crate::http::{Api, HttpState};
use crate::store::{database_id, migrations};
use crate::usecases::apply_activity::{BEFORE_COUNTING, COUNTED};
use crate::usecases::check_database::repair_database;
use crate::usecases::{ServiceContext, rebuild};
use crate::workers::database_monitor;

/// Failpoints of this service: before the transaction that counts an activity commits, and after,
/// before its offset is committed.
pub const FAILPOINTS: [&str; 2] = [BEFORE_COUNTING, COUNTED];

/// The dependencies of the service.
#[derive(Debug)]
pub struct Dependencies {
    /// Its database.
    pub database: Target,
    /// The log.
    pub bus: Bus,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
    /// The verifier of tokens.
    pub verifier: Arc<auth::Verifier>,
    /// True if missing migrations are applied; otherwise a database that lacks one is refused.
    pub migrate: bool,
    /// The failpoints a test has set.
    pub failpoints: Failpoints,
    /// Its section of the settings.
    pub settings: Settings,
}

/// Reason for a failed start of the service.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its database could not be opened or migrated.
    #[error("the database of stats could not be opened")]
    Store(#[from] StoreError),
}

/// Counts activities and shows their sums.
#[derive(Clone, Debug)]
pub struct Service {
    ctx: Arc<ServiceContext>,
    bus: Bus,
    replays: ReplayMonitor,
    http: HttpState,
    check_interval: Duration,
}

impl Service {
    /// Name in topics, tables and on the command line.
    pub const NAME: &'static str = "stats";

    /// Opens the database and migrates it; nothing runs yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let Dependencies { database: target, bus, clock, ids, .. } = dependencies;
        let database = if dependencies.migrate {
            Database::open(&target, migrations::all()).await?
        } else {
            Database::open_migrated(&target, migrations::all()).await?
        }
        .with(clock, ids);
        if !database_id::table_exists(database.readers()).await? {
            return Err(StartError::Store(StoreError::inconsistent(
                "tables are missing that were created before: drop the database of stats and \
                 start again, it comes up whole by a replay",
            )));
        }
        let database_id = database_id::find_or_create(&database).await?;
        let database_file = match target {
            Target::Sqlite { file } => Some(file),
            Target::MySql { .. } => None,
        };
        let replays = ReplayMonitor::new(
            database.clone(),
            bus.clone(),
            Self::NAME,
            events::GROUPS,
            events::REPLAY_SOURCES,
        );
        let ctx = Arc::new(ServiceContext::new(
            database,
            database_id,
            database_file,
            dependencies.failpoints,
            dependencies.settings.published_athlete,
        ));
        let http = HttpState::new(&ctx, &dependencies.verifier);
        let check_interval = Duration::from_secs(dependencies.settings.watch_s.max(1));
        Ok(Self { ctx, bus, replays, http, check_interval })
    }

    /// The routes of the public listener.
    pub fn routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let http = self.http.clone();
        move |config| http.configure(config)
    }

    /// The routes of the operations listener: none.
    pub fn internal_routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        |_| {}
    }

    /// The probes that must succeed for the service to be ready.
    pub fn probes(&self) -> Vec<Probe> {
        let ctx = Arc::clone(&self.ctx);
        vec![Probe::new("stats.database", move || {
            let ctx = Arc::clone(&ctx);
            async move { ctx.database.ping().await.map_err(|error| error.to_string()) }
        })]
    }

    /// Its database, for `paceline parked` and the like.
    pub fn database(&self) -> Database {
        self.ctx.database.clone()
    }

    /// Starts the consumers, the relay and the monitors.
    pub fn spawn(&self, tasks: &Tasks) {
        let (service, soft, hard) = (self.clone(), tasks.soft(), tasks.hard());
        tasks.spawn("stats", async move { service.run(soft, hard).await });
    }

    async fn run(self, soft: Stop, hard: Stop) -> anyhow::Result<()> {
        let Self { ctx, bus, replays, check_interval, .. } = self;
        repair_database(&ctx, &replays)
            .await
            .context("the database of stats could not be checked")?;
        let relay = Relay::new(
            ctx.database.clone(),
            bus.publisher(PublisherKind::Relay),
            Arc::clone(ctx.database.clock()),
        );
        let live = events::live_subscription(&ctx, &replays).run(&bus, soft.clone(), hard.clone());
        let bulk = events::bulk_subscription(&ctx, &replays).run(&bus, soft.clone(), hard);
        let relay = relay.run(soft.clone());
        let replays = replays.run(check_interval, soft.clone());
        let check = database_monitor::run(&ctx, check_interval, soft);
        tokio::try_join!(check, replays, Box::pin(live), Box::pin(bulk), Box::pin(relay))?;
        Ok(())
    }

    /// Returns the number of an athlete's totals that differ from their facts: 0, unless something
    /// is broken.
    pub async fn verify(&self, athlete: AthleteId) -> Result<usize, StoreError> {
        rebuild::verify(&self.ctx, athlete).await
    }

    /// Rebuilds an athlete's totals from the facts, all at once. Returns the number of those that
    /// differed.
    pub async fn rebuild(&self, athlete: AthleteId) -> Result<usize, StoreError> {
        rebuild::rebuild(&self.ctx, athlete).await
    }

    /// The OpenAPI description of its public routes.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        Api::openapi()
    }
}
