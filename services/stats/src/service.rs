//! The service: what it is made of, its doors, and what it runs.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use event_bus::{Bus, PublisherKind};
use http_kit::Probe;
use kernel::{AthleteId, Clock, Ids};
use lifecycle::{Failpoints, Stop, Tasks};
use outbox::{Relay, StoreError};
use utoipa::OpenApi;

use crate::Settings;
use crate::events;
use crate::http::{Api, Doors};
use crate::store::Store;
use crate::usecases::Core;
use crate::usecases::apply_activity::{BEFORE_COUNTING, COUNTED};
use crate::usecases::check_store::{Found, Seen, begin_anew, check_store};
use crate::usecases::rebuild;
use crate::workers::watch::{Ended, watch};

/// Where a test may kill the process: before an activity's counting is committed, and after, before the
/// log hears that it is done.
pub const FAILPOINTS: [&str; 2] = [BEFORE_COUNTING, COUNTED];

/// How long to wait before a lost database is tried again, when it could not be opened anew.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// What the service is made of.
#[derive(Debug)]
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
    /// Whether missing migrations are applied, or refused.
    pub migrate: bool,
    /// Where a test may kill the process.
    pub failpoints: Failpoints,
    /// Its section of the settings.
    pub settings: Settings,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its database could not be opened or migrated.
    #[error("the database of stats could not be opened")]
    Store(#[from] StoreError),
}

/// Counts activities and tells what they come to.
#[derive(Clone, Debug)]
pub struct Service {
    core: Arc<Core>,
    bus: Bus,
    doors: Doors,
    watch_every: Duration,
}

impl Service {
    /// What it is called in topics, tables and on the command line.
    pub const NAME: &'static str = "stats";

    /// Opens the database and migrates it; nothing runs yet.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let Parts { database, bus, clock, ids, verifier, migrate, failpoints, settings } = parts;
        let store = Store::open(database, migrate, (Arc::clone(&clock), Arc::clone(&ids))).await?;
        let core = Arc::new(Core::new(store, (clock, ids), failpoints, settings.published_athlete));
        let doors = Doors::new(&core, &verifier);
        Ok(Self { core, bus, doors, watch_every: Duration::from_secs(settings.watch_s.max(1)) })
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
        let core = Arc::clone(&self.core);
        vec![Probe::new("stats.database", move || {
            let core = Arc::clone(&core);
            async move { core.store.database().ping().await.map_err(|error| error.to_string()) }
        })]
    }

    /// Its database as it is now, for `paceline parked` and the like.
    pub fn database(&self) -> outbox::Database {
        self.core.store.database()
    }

    /// Starts the consumers, the relay and the watch.
    pub fn spawn(&self, tasks: &Tasks) {
        let (core, bus, every) = (Arc::clone(&self.core), self.bus.clone(), self.watch_every);
        let (soft, hard) = (tasks.soft(), tasks.hard());
        tasks.spawn("stats", async move {
            while round(&core, &bus, every, (soft.child(), hard.clone())).await? == Ended::Lost
                && !soft.is_stopped()
            {
                tracing::warn!("the database of stats is lost; opening it anew");
                while let Err(error) = begin_anew(&core).await {
                    tracing::error!(%error, "the database of stats could not be opened anew");
                    if soft.run_until_stopped(tokio::time::sleep(TRY_AGAIN)).await.is_none() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
    }

    /// How many of an athlete's totals are not what the facts come to: none, unless something is broken.
    pub async fn verify(&self, athlete: AthleteId) -> Result<usize, StoreError> {
        Ok(rebuild::verify(&self.core, athlete).await?.len())
    }

    /// Makes an athlete's totals again from the facts, all at once, and tells how many were wrong.
    pub async fn rebuild(&self, athlete: AthleteId) -> Result<usize, StoreError> {
        rebuild::rebuild(&self.core, athlete).await
    }

    /// The description of its public routes.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        Api::openapi()
    }
}

/// Works on one database until stopped, or until that is lost.
async fn round(
    core: &Arc<Core>,
    bus: &Bus,
    every: Duration,
    (soft, hard): (Stop, Stop),
) -> anyhow::Result<Ended> {
    let mut seen = Seen::default();
    // Before anything is counted: what comes in would hide that everything else is gone.
    match check_store(core, &mut seen).await {
        Ok(Found::Lost) => return Ok(Ended::Lost),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the database of stats could not be looked at"),
    }
    let relay = Relay::new(
        core.store.database(),
        bus.publisher(PublisherKind::Relay),
        Arc::clone(&core.clock),
    );
    let live = events::live(core, bus).run(bus, soft.clone(), hard.clone());
    let bulk = events::bulk(core, bus).run(bus, soft.clone(), hard);
    let relay = relay.run(soft.clone());
    let watch = async { Ok(watch(core, bus, (every, seen), soft).await) };
    let (ended, ..) = tokio::try_join!(watch, Box::pin(live), Box::pin(bulk), Box::pin(relay))?;
    Ok(ended)
}
