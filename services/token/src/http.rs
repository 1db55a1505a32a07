//! The routes: authorize, callback and connections for athletes; leases for our own services.

mod authorize;
mod callback;
mod connections;
mod errors;
mod leases;
mod receipts;
mod seats;

use actix_web::web::{self, ServiceConfig};
use utoipa::OpenApi;

pub(crate) use self::connections::ConnectionView;
pub(crate) use self::receipts::ReceiptView;

/// The public routes.
pub(crate) fn public_routes(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/strava/authorize").route(web::get().to(authorize::authorize)))
        .service(web::resource("/strava/callback").route(web::get().to(callback::callback)))
        .service(web::resource("/callback").route(web::get().to(callback::callback)))
        .service(
            web::resource("/v1/me/connections")
                .route(web::get().to(connections::list))
                .route(web::post().to(connections::connect)),
        )
        .service(web::resource("/v1/me").route(web::delete().to(receipts::delete_me)))
        .service(web::resource("/v1/me/receipts").route(web::get().to(receipts::list)))
        .service(
            web::resource("/v1/admin/receipts/{athlete}")
                .route(web::get().to(receipts::list_for_admin)),
        )
        .service(web::resource("/v1/admin/seats").route(web::get().to(seats::list_for_admin)))
        .service(
            web::resource("/v1/admin/seats/{connection}")
                .route(web::delete().to(seats::free_for_admin)),
        )
        .service(
            web::resource("/v1/me/connections/{connection}")
                .route(web::delete().to(connections::disconnect)),
        );
}

/// The internal routes, for the operations listener.
pub(crate) fn internal_routes(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/internal/v1/leases").route(web::post().to(leases::grant)))
        .service(
            web::resource("/internal/v1/leases/{lease}/report")
                .route(web::post().to(leases::report)),
        )
        .service(web::resource("/internal/v1/seats").route(web::get().to(seats::list_for_operator)))
        .service(
            web::resource("/internal/v1/seats/{connection}")
                .route(web::delete().to(seats::free_for_operator)),
        )
        .service(
            web::resource("/internal/v1/receipts/{athlete}")
                .route(web::get().to(receipts::list_for_operator)),
        );
}

#[derive(OpenApi)]
#[openapi(paths(
    authorize::authorize,
    callback::callback,
    connections::list,
    connections::connect,
    connections::disconnect,
    receipts::list,
    receipts::list_for_admin,
    receipts::delete_me,
    seats::list_for_admin,
    seats::free_for_admin
))]
struct Description;

/// The description of the public routes.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}
