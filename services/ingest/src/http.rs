//! The doors: Strava's webhook, the athlete's own activities, and the predecessor's refresh.

mod errors;
mod me;
mod openapi;
mod refresh;
mod view;
mod webhook;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use auth::Verifier;
use event_bus::Bus;
pub(crate) use openapi::document;

use crate::usecases::Core;
use crate::usecases::take_event::Intake;

/// The largest event taken.
const EVENT_LIMIT: usize = 64 * 1024;

/// The public routes.
pub(crate) fn routes(
    core: Core,
    (bus, intake): (Bus, Intake),
    verifier: Arc<Verifier>,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |routes| {
        routes
            .app_data(Data::new(core.clone()))
            .app_data(Data::new(bus.clone()))
            .app_data(Data::new(intake.clone()))
            .app_data(Data::new(Arc::clone(&verifier)))
            .service(
                web::resource("/webhook/{secret}")
                    .app_data(web::PayloadConfig::new(EVENT_LIMIT))
                    .route(web::get().to(webhook::validate))
                    .route(web::post().to(webhook::take)),
            );
        if core.settings.bare_webhook {
            routes.service(
                web::resource("/webhook")
                    .app_data(web::PayloadConfig::new(EVENT_LIMIT))
                    .route(web::get().to(webhook::validate))
                    .route(web::post().to(webhook::take)),
            );
        }
        routes
            .route("/strava/refresh-data", web::post().to(refresh::refresh_data))
            .route("/v1/me/activities", web::get().to(me::list_activities))
            .route("/v1/me/activities/{id}", web::get().to(me::show_activity))
            .route("/v1/me/journal", web::get().to(me::read_journal))
            .route("/v1/me/imports", web::get().to(me::list_imports));
    }
}
