//! The service: what it is made of, its doors, and what it runs.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use event_bus::{Bus, PublisherKind};
use http_kit::Probe;
use kernel::{Clock, Ids};
use lifecycle::{Failpoints, Tasks};
use object_store::ObjectStore;
use outbox::{Database, Relay, StoreError};
use strava_client::lease::LeaseClient;
use utoipa::OpenApi;

use crate::Settings;
use crate::events;
use crate::http::{Api, Doors};
use crate::store::migrations;
use crate::usecases::Kit;
use crate::workers::{books, copier};

/// What the service is made of.
pub struct Parts {
    /// Where its rows are.
    pub database: outbox::Target,
    /// The log.
    pub bus: Bus,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Mints ids.
    pub ids: Arc<dyn Ids>,
    /// Checks tokens.
    pub verifier: Arc<auth::Verifier>,
    /// Its section of the settings.
    pub settings: Settings,
    /// Where the streams are.
    pub objects: Arc<dyn ObjectStore>,
    /// Strava.
    pub strava: strava_client::Client,
    /// Whom it asks before it calls Strava.
    pub leases: LeaseClient,
    /// Where a test may kill it.
    pub failpoints: Failpoints,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its database could not be opened or migrated.
    #[error("the database of duplication could not be opened")]
    Store(#[from] StoreError),
}

/// Copies a guardian's activities into a child's account, where both agreed to it.
#[derive(Clone)]
pub struct Service {
    kit: Kit,
    bus: Bus,
    doors: Doors,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("name", &Self::NAME).finish_non_exhaustive()
    }
}

impl Service {
    /// What it is called in topics, tables and on the command line.
    pub const NAME: &'static str = "duplication";

    /// Opens the database and migrates it; nothing runs yet.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let mut migrations = jobs::migrations();
        migrations.extend(migrations::all());
        let database = if parts.settings.migrate {
            Database::open(&parts.database, migrations).await?
        } else {
            Database::open_migrated(&parts.database, migrations).await?
        };
        let database = database.with(Arc::clone(&parts.clock), Arc::clone(&parts.ids));
        let queue =
            jobs::Queue::new(database.clone(), Arc::clone(&parts.clock), Arc::clone(&parts.ids));
        let kit = Kit {
            database,
            queue,
            clock: parts.clock,
            ids: parts.ids,
            settings: Arc::new(parts.settings),
            objects: parts.objects,
            strava: parts.strava,
            leases: parts.leases,
            failpoints: parts.failpoints,
        };
        Ok(Self { doors: Doors::new(kit.clone(), parts.verifier), kit, bus: parts.bus })
    }

    /// The routes of the public door.
    pub fn routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let doors = self.doors.clone();
        move |config| doors.configure(config)
    }

    /// It has none on the operations port.
    pub fn internal_routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        |_| {}
    }

    /// What must answer for it to be ready.
    pub fn probes(&self) -> Vec<Probe> {
        let database = self.kit.database.clone();
        vec![Probe::new("duplication.database", move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|error| error.to_string()) }
        })]
    }

    /// Its database, for `paceline parked` and the like.
    pub fn database(&self) -> Database {
        self.kit.database.clone()
    }

    /// Starts the consumer, the relay, the workers, and whoever asks for what was missed.
    pub fn spawn(&self, tasks: &Tasks) {
        let (bus, soft, hard) = (self.bus.clone(), tasks.soft(), tasks.hard());
        let subscription = events::subscription(&self.kit, &bus);
        tasks.spawn("duplication.events", async move { subscription.run(&bus, soft, hard).await });
        let publisher = self.bus.publisher(PublisherKind::Relay);
        let relay = Relay::new(self.kit.database.clone(), publisher, Arc::clone(&self.kit.clock))
            .with_failpoints(self.kit.failpoints.clone());
        let soft = tasks.soft();
        tasks.spawn("duplication.relay", async move { relay.run(soft).await });
        tasks
            .spawn("duplication.copies", copier::run(self.kit.clone(), tasks.soft(), tasks.hard()));
        tasks.spawn(
            "duplication.books",
            books::run(self.kit.clone(), self.bus.clone(), tasks.soft()),
        );
    }

    /// The description of its public routes.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        Api::openapi()
    }
}
