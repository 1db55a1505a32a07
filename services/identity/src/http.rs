//! The public routes: sessions, accounts for administrators, and the key set.

mod errors;
mod keys;
mod sessions;
mod users;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use auth::Verifier;
use utoipa::OpenApi;

use crate::usecases::ServiceContext;

/// The state the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct HttpState {
    pub(crate) ctx: Arc<ServiceContext>,
    pub(crate) verifier: Arc<Verifier>,
    /// True if the cookie may travel over TLS only.
    pub(crate) secure: bool,
}

impl HttpState {
    pub(crate) fn configure(&self, routes: &mut ServiceConfig) {
        routes
            .app_data(Data::new(self.clone()))
            .app_data(Data::new(Arc::clone(&self.verifier)))
            .route("/v1/session", web::post().to(sessions::sign_in))
            .route("/v1/session", web::delete().to(sessions::sign_out))
            .route("/v1/sessions", web::delete().to(sessions::sign_out_everywhere))
            .route("/.well-known/jwks.json", web::get().to(keys::jwks))
            .route("/v1/admin/users", web::get().to(users::list))
            .route("/v1/admin/users", web::post().to(users::add))
            .route("/v1/admin/users/{email}", web::patch().to(users::set_role))
            .route("/v1/admin/users/{email}", web::delete().to(users::remove));
    }
}

/// The OpenAPI description of these routes.
#[derive(OpenApi)]
#[openapi(paths(
    sessions::sign_in,
    sessions::sign_out,
    sessions::sign_out_everywhere,
    keys::jwks,
    users::list,
    users::add,
    users::set_role,
    users::remove
))]
pub(crate) struct Api;
