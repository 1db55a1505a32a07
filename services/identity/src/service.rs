//! The service: its dependencies, its routes, and its tasks.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use auth::Verifier;
use event_bus::Subscription;
use object_store::ObjectStore;
use outbox::{Database, ParkedEvents, StoreError};
use secrecy::SecretString;
use service_kit::{DatabaseSettings, Migrations, RevokedSessions, Runtime, open_database};
use utoipa::OpenApi;

use crate::http::{Api, HttpState};
use crate::keys::SigningKeys;
use crate::settings::Settings;
use crate::store::migrations;
use crate::usecases::ServiceContext;
use crate::usecases::add_user::{AddUser, AddUserError, add_user};
use crate::usecases::list_users::list_users;
use crate::usecases::remove_user::{RemoveUserError, remove_user};
use crate::usecases::set_password::{SetPasswordError, set_password};
use crate::usecases::set_role::{SetRoleError, set_role};
use crate::{Account, Email, events};

/// The dependencies of the service.
#[derive(Debug)]
pub struct Dependencies {
    /// Its database.
    pub database: DatabaseSettings,
    /// Clock, ids and failpoints.
    pub runtime: Runtime,
    /// The keys that sign sessions.
    pub keys: SigningKeys,
    /// The issuer that sessions name.
    pub issuer: String,
    /// The verifier of tokens.
    pub verifier: Arc<Verifier>,
    /// The store of exports.
    pub objects: Arc<dyn ObjectStore>,
    /// True if people reach the service over TLS, so that the cookie must not travel over anything
    /// else.
    pub secure: bool,
    /// Its section of the settings.
    pub settings: Settings,
}

/// Reason for a failed start of the service.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its database could not be opened or migrated.
    #[error("the database of identity could not be opened")]
    Store(#[from] StoreError),
}

/// Manages local accounts and signs people in.
#[derive(Clone, Debug)]
pub struct Service {
    http: HttpState,
    objects: Arc<dyn ObjectStore>,
}

impl Service {
    /// The OAuth client that its sessions are issued to.
    pub const CLIENT: &'static str = "paceline";

    /// Opens the database and migrates it; nothing runs yet.
    pub async fn start(dependencies: Dependencies) -> Result<Self, StartError> {
        let Dependencies { database, runtime, keys, issuer, verifier, objects, secure, settings } =
            dependencies;
        let database = open_database::<Self>(&database, &runtime).await?;
        let verifier = RevokedSessions::new(&database).verifier(&verifier);
        let ctx = Arc::new(ServiceContext::new(database, keys, issuer, settings));
        Ok(Self { http: HttpState { ctx, verifier, secure }, objects })
    }

    /// Replaces the password of an account and returns it; one is generated if none is given.
    pub async fn set_password(
        &self,
        email: &Email,
        password: Option<SecretString>,
    ) -> Result<SecretString, SetPasswordError> {
        set_password(&self.http.ctx, email, password).await
    }

    /// Adds an account and returns its password, which is not stored.
    pub async fn add_user(
        &self,
        command: AddUser,
    ) -> Result<(Account, SecretString), AddUserError> {
        add_user(&self.http.ctx, command).await
    }

    /// Returns every account, sorted by address.
    pub async fn users(&self) -> Result<Vec<Account>, StoreError> {
        list_users(&self.http.ctx).await
    }

    /// Makes the account of this address an administrator's or a user's.
    pub async fn set_role(&self, email: &Email, admin: bool) -> Result<(), SetRoleError> {
        set_role(&self.http.ctx, email, admin).await
    }

    /// Removes the account of this address. False if there was none.
    pub async fn remove_user(&self, email: &Email) -> Result<bool, RemoveUserError> {
        remove_user(&self.http.ctx, email).await
    }
}

impl service_kit::Service for Service {
    const NAME: &'static str = crate::settings::NAME;
    type Settings = Settings;

    fn migrations() -> Migrations {
        migrations::all()
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        Api::openapi()
    }

    fn database(&self) -> &Database {
        &self.http.ctx.database
    }

    fn routes(&self, routes: &mut ServiceConfig) {
        self.http.configure(routes);
    }

    fn consumers(&self) -> Vec<Subscription<ParkedEvents>> {
        vec![events::subscription(&self.http.ctx, &self.objects)]
    }
}
