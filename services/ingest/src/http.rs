//! Public routes: Strava's webhook, the athlete's own activities, and the predecessor's refresh.

mod errors;
mod export;
mod me;
mod openapi;
mod refresh;
mod retention;
mod webhook;

use actix_web::Resource;
use actix_web::web::{self, ServiceConfig};
pub(crate) use openapi::document;

/// Registers the public routes. `bare_webhook`: the webhook is served without a secret in its path too.
pub(crate) fn routes(routes: &mut ServiceConfig, bare_webhook: bool) {
    routes.service(webhook_resource("/webhook/{secret}"));
    if bare_webhook {
        routes.service(webhook_resource("/webhook"));
    }
    routes
        .route("/strava/refresh-data", web::post().to(refresh::refresh_data))
        .route("/v1/me/activities", web::get().to(me::list_activities))
        .route("/v1/me/activities/{id}", web::get().to(me::show_activity))
        .route("/v1/me/journal", web::get().to(me::read_journal))
        .route("/v1/me/imports", web::get().to(me::list_imports))
        .route("/v1/me/retention", web::get().to(retention::show))
        .route("/v1/me/export", web::post().to(export::request))
        .route("/v1/me/export", web::get().to(export::show))
        .route("/v1/me/export", web::delete().to(export::delete))
        .route("/v1/me/export/archive", web::get().to(export::download));
}

fn webhook_resource(path: &str) -> Resource {
    web::resource(path)
        .route(web::get().to(webhook::validate))
        .route(web::post().to(webhook::receive_event))
}
