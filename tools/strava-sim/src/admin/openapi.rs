//! OpenAPI document and page of the admin interface.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::ServiceConfig;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::{activities, athletes, settings, tokens, webhooks};

/// The OpenAPI document of the admin interface.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "strava-sim admin",
        description = "Controls of the simulated Strava for tests and the demo."
    ),
    paths(
        settings::reset,
        settings::get_clock,
        settings::set_clock,
        settings::set_limits,
        settings::list_faults,
        settings::add_faults,
        settings::clear_faults,
        settings::get_upload_settings,
        settings::set_upload_settings,
        settings::get_consent,
        settings::set_consent,
        settings::get_counters,
        settings::reset_counters,
        tokens::list_apps,
        tokens::add_app,
        tokens::expire_tokens,
        tokens::set_rotation,
        athletes::list,
        athletes::list_activities,
        athletes::disconnect,
        activities::create,
        activities::show,
        activities::edit,
        activities::delete,
        activities::hide,
        webhooks::get_settings,
        webhooks::set_settings,
        webhooks::list_subscriptions,
        webhooks::list_deliveries,
        webhooks::forge_event,
    )
)]
struct AdminApi;

/// `GET /_sim/openapi.json`.
pub(super) async fn show_document() -> HttpResponse {
    HttpResponse::Ok().json(AdminApi::openapi())
}

/// `GET /_sim/docs`.
pub(super) async fn redirect_to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/_sim/docs/")).finish()
}

/// Registers the page at `/_sim/docs/`.
pub(super) fn configure_page(config: &mut ServiceConfig) {
    config.service(
        SwaggerUi::new("/docs/{_:.*}")
            .config(utoipa_swagger_ui::Config::from("/_sim/openapi.json")),
    );
}
