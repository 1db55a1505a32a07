//! The admin interface under `/_sim/`: tests and demos change the simulated world through it.

mod activities;
mod athletes;
mod error;
mod ground_truth;
mod openapi;
mod settings;
mod tokens;
mod webhooks;

use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde_json::json;

use crate::http::json_response;
use error::AdminError;

/// Registers all admin routes.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config.route("/", web::get().to(show_index)).route("/_sim", web::get().to(show_index)).service(
        web::scope("/_sim")
            .app_data(
                web::JsonConfig::default()
                    .error_handler(|error, _| AdminError::invalid(error).into()),
            )
            .app_data(
                web::PathConfig::default().error_handler(|_, _| AdminError::not_found("id").into()),
            )
            .route("/", web::get().to(show_index))
            .route("/openapi.json", web::get().to(openapi::show_document))
            .route("/docs", web::get().to(openapi::redirect_to_page))
            .configure(openapi::configure_page)
            .route("/reset", web::post().to(settings::reset))
            .route("/clock", web::get().to(settings::get_clock))
            .route("/clock", web::post().to(settings::set_clock))
            .route("/limits", web::post().to(settings::set_limits))
            .route("/faults", web::get().to(settings::list_faults))
            .route("/faults", web::post().to(settings::add_faults))
            .route("/faults", web::delete().to(settings::clear_faults))
            .route("/uploads", web::get().to(settings::get_upload_settings))
            .route("/uploads", web::post().to(settings::set_upload_settings))
            .route("/consent", web::get().to(settings::get_consent))
            .route("/consent", web::post().to(settings::set_consent))
            .route("/counters", web::get().to(settings::get_counters))
            .route("/counters/reset", web::post().to(settings::reset_counters))
            .route("/apps", web::get().to(tokens::list_apps))
            .route("/apps", web::post().to(tokens::add_app))
            .route("/tokens/expire", web::post().to(tokens::expire_tokens))
            .route("/tokens/rotation", web::post().to(tokens::set_rotation))
            .route("/athletes", web::get().to(athletes::list))
            .route("/athletes/{id}/activities", web::get().to(athletes::list_activities))
            .route("/athletes/{id}/disconnect", web::post().to(athletes::disconnect))
            .route("/activities", web::post().to(activities::create))
            .route("/activities/{id}", web::get().to(activities::show))
            .route("/activities/{id}", web::put().to(activities::edit))
            .route("/activities/{id}", web::patch().to(activities::edit))
            .route("/activities/{id}", web::delete().to(activities::delete))
            .route("/activities/{id}/hide", web::post().to(activities::hide))
            .route("/webhooks", web::get().to(webhooks::get_settings))
            .route("/webhooks", web::post().to(webhooks::set_settings))
            .route("/webhooks/subscriptions", web::get().to(webhooks::list_subscriptions))
            .route("/webhooks/deliveries", web::get().to(webhooks::list_deliveries))
            .route("/webhooks/forge", web::post().to(webhooks::forge_event)),
    );
}

async fn show_index() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "strava-sim", "docs": "/_sim/docs/", "openapi": "/_sim/openapi.json",
        "athletes": "/_sim/athletes", "api": "/api/v3", "authorize": "/oauth/authorize",
    }))
}

/// The answer to a path without a route.
pub(crate) async fn route_not_found(request: HttpRequest) -> HttpResponse {
    if request.path().starts_with("/_sim") {
        return AdminError::not_found("admin call").error_response();
    }
    json_response(
        StatusCode::NOT_FOUND,
        &json!({"message": "Record Not Found", "errors": [{"resource": "resource", "field": "path", "code": "invalid"}]}),
    )
}
