//! The service: its dependencies, its routes, and its tasks.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use event_bus::{Bus, Subscription};
use kernel::AthleteId;
use lifecycle::Tasks;
use object_store::ObjectStore;
use outbox::{Database, ParkedEvents, ReplayMonitor, StoreError, Target};
use service_kit::{DatabaseSettings, Migrations, RevokedSessions, Runtime, open_database};
use telemetry::Metric;
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
    pub database: DatabaseSettings,
    /// Clock, ids and failpoints.
    pub runtime: Runtime,
    /// The log.
    pub bus: Bus,
    /// The verifier of tokens.
    pub verifier: Arc<auth::Verifier>,
    /// The store of exports.
    pub objects: Arc<dyn ObjectStore>,
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
    replays: ReplayMonitor,
    http: HttpState,
    check_interval: Duration,
}

impl Service {
    /// Opens the database and migrates it; nothing runs yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let Dependencies { database: database_settings, runtime, bus, verifier, objects, settings } =
            dependencies;
        let database = open_database::<Self>(&database_settings, &runtime).await?;
        if !database_id::table_exists(database.readers()).await? {
            return Err(StartError::Store(StoreError::inconsistent(
                "tables are missing that were created before: drop the database of stats and \
                 start again, it comes up whole by a replay",
            )));
        }
        let database_id = database_id::find_or_create(&database).await?;
        let database_file = match database_settings.target {
            Target::Sqlite { file } => Some(file),
            Target::MySql { .. } => None,
        };
        let replays = ReplayMonitor::new(
            database.clone(),
            bus,
            crate::settings::NAME,
            events::GROUPS,
            events::REPLAY_SOURCES,
        );
        let ctx =
            ServiceContext::new(database, database_id, database_file, objects, runtime.failpoints);
        let ctx = Arc::new(ctx.publishing(settings.published_athlete));
        // Before anything is counted: new facts would hide that the others are gone.
        repair_database(&ctx, &replays).await?;
        let verifier = RevokedSessions::new(&ctx.database).verifier(&verifier);
        let http = HttpState::new(&ctx, &verifier);
        let check_interval = Duration::from_secs(settings.watch_s.max(1));
        Ok(Self { ctx, replays, http, check_interval })
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
}

impl service_kit::Service for Service {
    const NAME: &'static str = crate::settings::NAME;
    type Settings = Settings;

    fn migrations() -> Migrations {
        let mut migrations = migrations::all();
        migrations.extend(jobs::migrations());
        migrations
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        Api::openapi()
    }

    fn metrics() -> Vec<Metric> {
        vec![
            Metric::counter(
                "stats_activities_total",
                "Revisions of activities: counted, older than what is counted, or fenced by a withdrawal.",
            )
            .with(&[("outcome", &["counted", "older", "fenced"])]),
        ]
    }

    fn database(&self) -> &Database {
        &self.ctx.database
    }

    fn routes(&self, routes: &mut ServiceConfig) {
        self.http.configure(routes);
    }

    fn consumers(&self) -> Vec<Subscription<ParkedEvents>> {
        vec![
            events::live_subscription(&self.ctx, &self.replays),
            events::bulk_subscription(&self.ctx, &self.replays),
        ]
    }

    fn spawn_workers(&self, tasks: &Tasks) {
        let replays = self.replays.clone().run(self.check_interval, tasks.soft());
        tasks.spawn("stats.replay-monitor", replays);
        tasks.spawn("stats.erasures", self.ctx.erasures().run(tasks.soft(), tasks.hard()));
        let (ctx, interval, soft) = (self.ctx.clone(), self.check_interval, tasks.soft());
        tasks.spawn("stats.database-monitor", async move {
            database_monitor::run(&ctx, interval, soft).await
        });
    }
}
