//! Routes: links, copies, and a trial of the name match.

mod copies;
mod errors;
mod etag;
mod invitations;
mod links;
mod rules;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use utoipa::OpenApi;

pub(crate) use self::copies::CopyView;
pub(crate) use self::invitations::InvitationView;
pub(crate) use self::links::LinkView;
use crate::usecases::ServiceContext;

/// State shared by the handlers.
#[derive(Clone)]
pub(crate) struct HttpState {
    ctx: Data<ServiceContext>,
    verifier: Data<Arc<auth::Verifier>>,
}

impl HttpState {
    pub(crate) fn new(ctx: ServiceContext, verifier: Arc<auth::Verifier>) -> Self {
        Self { ctx: Data::new(ctx), verifier: Data::new(verifier) }
    }

    /// Registers the routes.
    pub(crate) fn configure(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.ctx.clone())
            .app_data(self.verifier.clone())
            .service(
                web::resource("/v1/links")
                    .route(web::post().to(links::redeem))
                    .route(web::get().to(links::list)),
            )
            .service(
                web::resource("/v1/links/invitations")
                    .route(web::post().to(invitations::create))
                    .route(web::get().to(invitations::list)),
            )
            .service(
                web::resource("/v1/links/invitations/{id}")
                    .route(web::delete().to(invitations::revoke)),
            )
            .service(
                web::resource("/v1/links/{id}")
                    .route(web::get().to(links::get))
                    .route(web::delete().to(links::end)),
            )
            .service(web::resource("/v1/links/{id}/accept").route(web::post().to(links::accept)))
            .service(web::resource("/v1/rules/test").route(web::post().to(rules::test)))
            .service(web::resource("/v1/copies").route(web::get().to(copies::list)))
            .service(web::resource("/v1/copies/{id}").route(web::get().to(copies::get)));
    }
}

/// OpenAPI description of the routes.
#[derive(OpenApi)]
#[openapi(paths(
    links::redeem,
    links::list,
    links::get,
    links::accept,
    links::end,
    invitations::create,
    invitations::list,
    invitations::revoke,
    rules::test,
    copies::list,
    copies::get
))]
pub(crate) struct Api;
