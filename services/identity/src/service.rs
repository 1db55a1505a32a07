//! The service: what it is made of and its doors.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use auth::Verifier;
use event_bus::Bus;
use http_kit::Probe;
use kernel::{AthleteId, Clock, Ids};
use lifecycle::Tasks;
use outbox::{Database, StoreError, Target};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use utoipa::OpenApi;

use crate::http::{Api, Doors};
use crate::keys::SigningKeys;
use crate::settings::Settings;
use crate::store::migrations;
use crate::usecases::add_user::{AddUser, AddUserError, add_user};
use crate::usecases::set_password::{SetPasswordError, set_password};
use crate::usecases::{CLIENT, Core, HASHING, list_users, remove_user};
use crate::{Account, Email, events};

/// What the service is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where its rows are.
    pub database: Target,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Mints ids.
    pub ids: Arc<dyn Ids>,
    /// Signs sessions.
    pub keys: SigningKeys,
    /// The issuer that sessions name.
    pub issuer: String,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Whether people reach us over TLS, so that the cookie may travel over nothing else.
    pub secure: bool,
    /// Its section of the settings.
    pub settings: Settings,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its database could not be opened or migrated.
    #[error("the database of identity could not be opened")]
    Store(#[from] StoreError),
}

/// Keeps local accounts and signs people in.
#[derive(Clone, Debug)]
pub struct Service {
    doors: Doors,
}

impl Service {
    /// What it is called in topics, tables and on the command line.
    pub const NAME: &'static str = "identity";
    /// The client that its sessions are issued to.
    pub const CLIENT: &'static str = CLIENT;

    /// Opens the database and migrates it; nothing runs yet.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let Parts { database, clock, ids, keys, issuer, verifier, secure, settings } = parts;
        let database = if settings.migrate {
            Database::open(&database, migrations::all()).await?
        } else {
            Database::open_migrated(&database, migrations::all()).await?
        }
        .with(Arc::clone(&clock), Arc::clone(&ids));
        let (strangers, hashing) = (Arc::default(), Arc::new(Semaphore::new(HASHING)));
        let core =
            Arc::new(Core { database, clock, ids, keys, issuer, settings, strangers, hashing });
        Ok(Self { doors: Doors { core, verifier, secure } })
    }

    /// The routes of the public door.
    pub fn routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let doors = self.doors.clone();
        move |config| doors.configure(config)
    }

    /// What must answer for it to be ready.
    pub fn probes(&self) -> Vec<Probe> {
        let core = Arc::clone(&self.doors.core);
        vec![Probe::new("identity.database", move || {
            let core = Arc::clone(&core);
            async move { core.database.ping().await.map_err(|error| error.to_string()) }
        })]
    }

    /// Hears of athletes who are gone, until the stop.
    pub fn spawn(&self, bus: &Bus, tasks: &Tasks) {
        let (subscription, bus) = (events::live(&self.doors.core), bus.clone());
        let (soft, hard) = (tasks.soft(), tasks.hard());
        tasks.spawn("identity.athletes", async move { subscription.run(&bus, soft, hard).await });
    }

    /// Sets the password of an account and tells it; one is made up when none is given.
    pub async fn set_password(
        &self,
        email: &Email,
        password: Option<SecretString>,
    ) -> Result<SecretString, SetPasswordError> {
        set_password(&self.doors.core, email, password).await
    }

    /// Adds an account and tells its password, which is kept nowhere.
    pub async fn add_user(
        &self,
        command: AddUser,
    ) -> Result<(Account, SecretString), AddUserError> {
        add_user(&self.doors.core, command).await
    }

    /// Every account, by address.
    pub async fn users(&self) -> Result<Vec<Account>, StoreError> {
        list_users::list_users(&self.doors.core).await
    }

    /// Removes the account of this address. `false`: there was none.
    pub async fn remove_user(&self, email: &Email) -> Result<bool, StoreError> {
        remove_user::remove_user(&self.doors.core, email).await
    }

    /// Removes the account of an athlete who is gone.
    pub async fn forget(&self, athlete: AthleteId) -> Result<(), StoreError> {
        remove_user::remove_athlete(&self.doors.core, athlete).await
    }

    /// The description of its public routes.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        Api::openapi()
    }
}
