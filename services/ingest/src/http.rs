//! Public routes: Strava's webhook, the athlete's own activities, and the predecessor's refresh.

mod errors;
mod me;
mod openapi;
mod refresh;
mod view;
mod webhook;

use std::sync::Arc;

use actix_web::Resource;
use actix_web::web::{self, Data, ServiceConfig};
use auth::Verifier;
use event_bus::Bus;
pub(crate) use openapi::document;

use crate::usecases::ServiceContext;
use crate::usecases::accept_event::Intake;

/// Maximum size of an event.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// Returns the public routes.
pub(crate) fn routes(
    ctx: ServiceContext,
    bus: Bus,
    intake: Intake,
    verifier: Arc<Verifier>,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |routes| {
        routes
            .app_data(Data::new(ctx.clone()))
            .app_data(Data::new(bus.clone()))
            .app_data(Data::new(intake.clone()))
            .app_data(Data::new(Arc::clone(&verifier)))
            .service(webhook_resource("/webhook/{secret}"));
        if ctx.settings.bare_webhook {
            routes.service(webhook_resource("/webhook"));
        }
        routes
            .route("/strava/refresh-data", web::post().to(refresh::refresh_data))
            .route("/v1/me/activities", web::get().to(me::list_activities))
            .route("/v1/me/activities/{id}", web::get().to(me::show_activity))
            .route("/v1/me/journal", web::get().to(me::read_journal))
            .route("/v1/me/imports", web::get().to(me::list_imports));
    }
}

fn webhook_resource(path: &str) -> Resource {
    web::resource(path)
        .app_data(web::PayloadConfig::new(MAX_EVENT_BYTES))
        .route(web::get().to(webhook::validate))
        .route(web::post().to(webhook::receive_event))
}
