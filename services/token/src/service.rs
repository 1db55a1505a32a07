//! The service and its dependencies.

use std::path::Path;
use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use auth::{ServiceCredential, Verifier};
use contracts::Topic;
use event_bus::Subscription;
use http_kit::Collector;
use lifecycle::Tasks;
use object_store::ObjectStore;
use outbox::{Database, ParkedEvents, StoreError};
use service_kit::{
    DatabaseSettings, Migrations, RevokedSessions, Runtime, database_collector, open_database,
};
use strava_client::Client;
use takeout::ExportHandler;
use telemetry::Metric;
use tokio::sync::Notify;
use url::Url;

use crate::events::{AccountHandler, AnswerReplays, RecordAnswers, RecordDeauthorizations};
use crate::metrics::METRICS;
use crate::settings::Settings;
use crate::store::{KeySource, KeyringError, migrations};
use crate::takeout::TokenTakeout;
use crate::usecases::ledger::{count_unanswered, replay_ledger};
use crate::usecases::open_keys::open_keys;
use crate::usecases::set_gauges::set_gauges;
use crate::usecases::{ConnectionLocks, RecentRequesters, ServiceContext};
use crate::{http, workers};

/// The dependencies of the service.
pub struct Dependencies {
    /// Its database.
    pub database: DatabaseSettings,
    /// Clock, ids and failpoints.
    pub runtime: Runtime,
    /// The verifier of sessions.
    pub verifier: Arc<Verifier>,
    /// The credential of internal calls.
    pub internal: ServiceCredential,
    /// The store of exports.
    pub objects: Arc<dyn ObjectStore>,
    /// The client of Strava's API.
    pub strava: Client,
    /// The place of the keys that seal tokens (see [`Settings::key_source`]).
    pub keys: KeySource,
    /// Our address as browsers see it.
    pub public_url: Url,
    /// The tasks of the program: work that outlives its request runs there.
    pub tasks: Tasks,
    /// The settings of this service.
    pub settings: Settings,
}

/// The reason the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error("the token database cannot be used")]
    Store(#[from] StoreError),
    /// The keys that seal tokens are missing, malformed or wrong.
    #[error("the keys that seal tokens cannot be used")]
    Keys(#[from] KeyringError),
}

/// The token service.
#[derive(Clone)]
pub struct Service {
    ctx: Arc<ServiceContext>,
    verifier: Arc<Verifier>,
    internal: ServiceCredential,
    objects: Arc<dyn ObjectStore>,
}

impl Service {
    /// Opens the database and migrates it; no task runs yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let runtime = dependencies.runtime;
        let database = open_database::<Self>(&dependencies.database, &runtime).await?;
        let (ids, lost) = (runtime.ids.as_ref(), &dependencies.settings.lost_keys);
        let keys = open_keys(&database, &dependencies.keys, ids, lost).await?;
        let ctx = ServiceContext {
            database,
            strava: dependencies.strava,
            app: dependencies.settings.application(),
            keys,
            clock: runtime.clock,
            ids: runtime.ids,
            settings: dependencies.settings,
            public_url: dependencies.public_url,
            failpoints: runtime.failpoints,
            tasks: dependencies.tasks,
            checks_wanted: Notify::new(),
            ledger_wanted: Notify::new(),
            connection_locks: ConnectionLocks::default(),
            recent_requesters: RecentRequesters::default(),
        };
        let sessions = RevokedSessions::new(&ctx.database);
        Ok(Self {
            ctx: Arc::new(ctx),
            verifier: sessions.verifier(&dependencies.verifier),
            internal: dependencies.internal,
            objects: dependencies.objects,
        })
    }

    /// Requests again every erasure of this ledger that a restored database does not know of; returns their number.
    ///
    /// # Errors
    ///
    /// Fails if the ledger cannot be read, or the database not written.
    pub async fn replay_ledger(&self, ledger: &Path) -> Result<usize, anyhow::Error> {
        replay_ledger(&self.ctx, ledger).await
    }

    /// Counts the erasures that some service has not answered at all.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub async fn count_unanswered_erasures(&self) -> Result<usize, StoreError> {
        count_unanswered(&self.ctx).await
    }
}

impl service_kit::Service for Service {
    const NAME: &'static str = crate::settings::NAME;
    type Settings = Settings;

    fn migrations() -> Migrations {
        migrations()
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    fn metrics() -> Vec<Metric> {
        METRICS.to_vec()
    }

    fn database(&self) -> &Database {
        &self.ctx.database
    }

    fn routes(&self, routes: &mut ServiceConfig) {
        routes
            .app_data(web::Data::from(self.ctx.clone()))
            .app_data(web::Data::new(self.verifier.clone()));
        http::public_routes(routes);
    }

    fn internal_routes(&self, routes: &mut ServiceConfig) {
        routes
            .app_data(web::Data::from(self.ctx.clone()))
            .app_data(web::Data::new(self.internal.clone()));
        http::internal_routes(routes);
    }

    fn consumers(&self) -> Vec<Subscription<ParkedEvents>> {
        let parked = ParkedEvents::new(self.ctx.database.clone()).for_group(Self::NAME);
        let sessions = RevokedSessions::new(&self.ctx.database);
        let takeout = TokenTakeout(self.ctx.clone());
        let exports = ExportHandler::new(&self.ctx.database, &self.objects, takeout);
        let subscription = Subscription::new(Self::NAME, parked)
            .on(Topic::StravaEvents, RecordDeauthorizations(self.ctx.clone()))
            .on(Topic::Accounts, AccountHandler { ctx: self.ctx.clone(), sessions })
            .on(Topic::Erasures, RecordAnswers(self.ctx.clone()))
            .on(Topic::Exports, exports)
            .on(Topic::Replays, AnswerReplays(self.ctx.clone()));
        vec![subscription]
    }

    fn spawn_workers(&self, tasks: &Tasks) {
        let checks = workers::run_connection_checks(self.ctx.clone(), tasks.soft());
        tasks.spawn("token.checks", checks);
        tasks.spawn("token.erasures", workers::run_erasures(self.ctx.clone(), tasks.soft()));
    }

    fn collectors(&self) -> Vec<Collector> {
        let ctx = self.ctx.clone();
        let gauges = Collector::new("token.gauges", move || {
            let ctx = ctx.clone();
            async move { set_gauges(&ctx).await }
        });
        vec![database_collector(Self::NAME, self.database()), gauges]
    }
}
