//! The service and its dependencies.

use std::sync::Arc;

use actix_web::web;
use auth::{ServiceCredential, Verifier};
use contracts::Topic;
use event_bus::{Bus, PublisherKind, Subscription};
use http_kit::Probe;
use kernel::{Clock, Ids};
use lifecycle::{Failpoints, Tasks};
use outbox::{Database, ParkedEvents, Relay, StoreError, Target};
use strava_client::Client;
use tokio::sync::Notify;
use url::Url;

use crate::events::{AnswerReplays, RecordDeauthorizations};
use crate::settings::Settings;
use crate::store::{Keyring, migrations};
use crate::usecases::{ConnectionLocks, RecentRequesters, ServiceContext};
use crate::{http, workers};

/// The dependencies of the service.
pub struct Dependencies {
    /// Its database.
    pub database: Target,
    /// The log.
    pub bus: Bus,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids and secrets.
    pub ids: Arc<dyn Ids>,
    /// The verifier of sessions.
    pub verifier: Arc<Verifier>,
    /// The credential of internal calls.
    pub internal: ServiceCredential,
    /// The client of Strava's API.
    pub strava: Client,
    /// The keys that seal tokens (see [`Settings::keyring`]).
    pub keys: Keyring,
    /// Our address as browsers see it.
    pub public_url: Url,
    /// True if missing migrations are applied, false if they are an error.
    pub migrate: bool,
    /// Failpoints of tests.
    pub failpoints: Failpoints,
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
}

/// The token service.
#[derive(Clone)]
pub struct Service {
    ctx: Arc<ServiceContext>,
    bus: Bus,
    verifier: Arc<Verifier>,
    internal: ServiceCredential,
}

impl Service {
    /// Its name: in settings, groups and databases.
    pub const NAME: &'static str = "token";

    /// Opens the database and migrates it; no task runs yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let database = if dependencies.migrate {
            Database::open(&dependencies.database, migrations()).await?
        } else {
            Database::open_migrated(&dependencies.database, migrations()).await?
        };
        let ctx = ServiceContext {
            database: database.with(dependencies.clock.clone(), dependencies.ids.clone()),
            strava: dependencies.strava,
            app: dependencies.settings.application(),
            keys: dependencies.keys,
            clock: dependencies.clock,
            ids: dependencies.ids,
            settings: dependencies.settings,
            public_url: dependencies.public_url,
            failpoints: dependencies.failpoints,
            tasks: dependencies.tasks,
            checks_wanted: Notify::new(),
            connection_locks: ConnectionLocks::default(),
            recent_requesters: RecentRequesters::default(),
        };
        Ok(Self {
            ctx: Arc::new(ctx),
            bus: dependencies.bus,
            verifier: dependencies.verifier,
            internal: dependencies.internal,
        })
    }

    /// The routes of the public listener.
    pub fn routes(&self) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
        let (ctx, verifier) = (self.ctx.clone(), self.verifier.clone());
        move |routes| {
            routes
                .app_data(web::Data::from(ctx.clone()))
                .app_data(web::Data::new(verifier.clone()));
            http::public_routes(routes);
        }
    }

    /// The routes of the operations listener: leases.
    pub fn internal_routes(&self) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
        let (ctx, internal) = (self.ctx.clone(), self.internal.clone());
        move |routes| {
            routes
                .app_data(web::Data::from(ctx.clone()))
                .app_data(web::Data::new(internal.clone()));
            http::internal_routes(routes);
        }
    }

    /// The probes of its readiness.
    pub fn probes(&self) -> Vec<Probe> {
        let database = self.ctx.database.clone();
        vec![Probe::new("token.database", move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|error| error.to_string()) }
        })]
    }

    /// Starts its consumer, its worker and its relay.
    pub fn spawn(&self, tasks: &Tasks) {
        let ctx = &self.ctx;
        tasks.spawn("token.checks", workers::run_connection_checks(ctx.clone(), tasks.soft()));
        let relay = Relay::new(
            ctx.database.clone(),
            self.bus.publisher(PublisherKind::Relay),
            ctx.clock.clone(),
        )
        .with_failpoints(ctx.failpoints.clone());
        tasks.spawn("token.relay", relay.run(tasks.soft()));
        let subscription = Subscription::new(Self::NAME, self.parked())
            .on(Topic::StravaEvents, RecordDeauthorizations(ctx.clone()))
            .on(Topic::Replays, AnswerReplays(ctx.clone()));
        let (bus, soft, hard) = (self.bus.clone(), tasks.soft(), tasks.hard());
        tasks.spawn("token.events", async move { subscription.run(&bus, soft, hard).await });
    }

    /// The events its consumer could not handle.
    pub fn parked(&self) -> ParkedEvents {
        ParkedEvents::new(self.ctx.database.clone()).for_group(Self::NAME)
    }

    /// Its database, for the operator's commands.
    pub fn database(&self) -> &Database {
        &self.ctx.database
    }

    /// The OpenAPI description of its public routes.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }
}
