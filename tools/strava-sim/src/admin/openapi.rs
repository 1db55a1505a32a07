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
        settings::clock,
        settings::set_clock,
        settings::limits,
        settings::faults,
        settings::add_faults,
        settings::clear_faults,
        settings::uploads,
        settings::set_uploads,
        settings::consent,
        settings::set_consent,
        settings::counters,
        settings::reset_counters,
        tokens::apps,
        tokens::add_app,
        tokens::expire,
        tokens::rotation,
        athletes::list,
        athletes::activities,
        athletes::disconnect,
        activities::create,
        activities::show,
        activities::edit,
        activities::delete,
        activities::hide,
        webhooks::settings,
        webhooks::set,
        webhooks::subscriptions,
        webhooks::deliveries,
        webhooks::forge,
    )
)]
struct AdminApi;

/// `GET /_sim/openapi.json`.
pub(super) async fn document() -> HttpResponse {
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
