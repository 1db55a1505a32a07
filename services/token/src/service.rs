//! Puts the service together.

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

use crate::events::{AnswerReplays, NoteDeauthorizations};
use crate::settings::Settings;
use crate::store::{Keyring, migrations};
use crate::usecases::Means;
use crate::usecases::means::{Askers, OwnedWork, Turns};
use crate::{http, workers};

/// What the service is put together from.
pub struct Parts {
    /// Where its rows are.
    pub database: Target,
    /// The log.
    pub bus: Bus,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub ids: Arc<dyn Ids>,
    /// Who is signed in.
    pub verifier: Arc<Verifier>,
    /// What internal calls must carry.
    pub internal: ServiceCredential,
    /// Strava.
    pub strava: Client,
    /// The keys that seal tokens (see [`Settings::keyring`]).
    pub keys: Keyring,
    /// Where browsers reach us.
    pub public_url: Url,
    /// Whether missing migrations are applied, or refused.
    pub migrate: bool,
    /// Where a test may kill the process.
    pub failpoints: Failpoints,
    /// The operator's choices.
    pub settings: Settings,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error("the token database cannot be used")]
    Store(#[from] StoreError),
}

/// The token service.
#[derive(Clone)]
pub struct Service {
    means: Arc<Means>,
    bus: Bus,
    verifier: Arc<Verifier>,
    internal: ServiceCredential,
}

impl Service {
    /// Its name: in settings, groups and databases.
    pub const NAME: &'static str = "token";

    /// Opens the database and migrates it; no task runs yet.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let database = if parts.migrate {
            Database::open(&parts.database, migrations()).await?
        } else {
            Database::open_migrated(&parts.database, migrations()).await?
        };
        let means = Means {
            database: database.with(parts.clock.clone(), parts.ids.clone()),
            strava: parts.strava,
            app: parts.settings.application(),
            keys: parts.keys,
            clock: parts.clock,
            ids: parts.ids,
            settings: parts.settings,
            public_url: parts.public_url,
            failpoints: parts.failpoints,
            due: Notify::new(),
            turns: Turns::default(),
            askers: Askers::default(),
            owned: OwnedWork::default(),
        };
        Ok(Self {
            means: Arc::new(means),
            bus: parts.bus,
            verifier: parts.verifier,
            internal: parts.internal,
        })
    }

    /// The public door.
    pub fn routes(&self) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
        let (means, verifier) = (self.means.clone(), self.verifier.clone());
        move |routes| {
            routes
                .app_data(web::Data::from(means.clone()))
                .app_data(web::Data::new(verifier.clone()));
            http::public(routes);
        }
    }

    /// The operations port: leases.
    pub fn internal_routes(&self) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
        let (means, internal) = (self.means.clone(), self.internal.clone());
        move |routes| {
            routes
                .app_data(web::Data::from(means.clone()))
                .app_data(web::Data::new(internal.clone()));
            http::internal(routes);
        }
    }

    /// What it needs to be ready.
    pub fn probes(&self) -> Vec<Probe> {
        let database = self.means.database.clone();
        vec![Probe::new("token.database", move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|error| error.to_string()) }
        })]
    }

    /// Starts its consumer, its workers and its relay.
    pub fn spawn(&self, tasks: &Tasks) {
        let means = &self.means;
        if let Some(wanted) = means.owned.open() {
            tasks.spawn("token.work", workers::run_owned(wanted, tasks.clone(), tasks.soft()));
        }
        tasks.spawn("token.checks", workers::run_checks(means.clone(), tasks.soft()));
        let relay = Relay::new(
            means.database.clone(),
            self.bus.publisher(PublisherKind::Relay),
            means.clock.clone(),
        )
        .with_failpoints(means.failpoints.clone());
        tasks.spawn("token.relay", relay.run(tasks.soft()));
        let subscription = Subscription::new(Self::NAME, self.parked())
            .on(Topic::StravaEvents, NoteDeauthorizations(means.clone()))
            .on(Topic::Replays, AnswerReplays(means.clone()));
        let (bus, soft, hard) = (self.bus.clone(), tasks.soft(), tasks.hard());
        tasks.spawn("token.events", async move { subscription.run(&bus, soft, hard).await });
    }

    /// What its consumer could not handle.
    pub fn parked(&self) -> ParkedEvents {
        ParkedEvents::new(self.means.database.clone()).for_group(Self::NAME)
    }

    /// Its database, for the operator's commands.
    pub fn database(&self) -> &Database {
        &self.means.database
    }

    /// The description of its public door.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }
}
