//! The admin interface under `/_sim/`: what a test or a demo does to the simulated world.

mod activities;
mod athletes;
mod openapi;
mod settings;
mod tokens;
mod webhooks;

use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::http::reply;

/// All admin routes.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config.route("/", web::get().to(index)).route("/_sim", web::get().to(index)).service(
        web::scope("/_sim")
            .app_data(
                web::JsonConfig::default()
                    .error_handler(|error, _| Refusal::wrong(error.to_string()).into()),
            )
            .app_data(
                web::PathConfig::default().error_handler(|_, _| Refusal::missing("id").into()),
            )
            .route("/", web::get().to(index))
            .route("/openapi.json", web::get().to(openapi::document))
            .route("/docs", web::get().to(openapi::to_page))
            .configure(openapi::page)
            .route("/reset", web::post().to(settings::reset))
            .route("/clock", web::get().to(settings::clock))
            .route("/clock", web::post().to(settings::set_clock))
            .route("/limits", web::post().to(settings::limits))
            .route("/faults", web::get().to(settings::faults))
            .route("/faults", web::post().to(settings::add_faults))
            .route("/faults", web::delete().to(settings::clear_faults))
            .route("/uploads", web::get().to(settings::uploads))
            .route("/uploads", web::post().to(settings::set_uploads))
            .route("/consent", web::get().to(settings::consent))
            .route("/consent", web::post().to(settings::set_consent))
            .route("/counters", web::get().to(settings::counters))
            .route("/counters/reset", web::post().to(settings::reset_counters))
            .route("/apps", web::get().to(tokens::apps))
            .route("/apps", web::post().to(tokens::add_app))
            .route("/tokens/expire", web::post().to(tokens::expire))
            .route("/tokens/rotation", web::post().to(tokens::rotation))
            .route("/athletes", web::get().to(athletes::list))
            .route("/athletes/{id}/activities", web::get().to(athletes::activities))
            .route("/athletes/{id}/disconnect", web::post().to(athletes::disconnect))
            .route("/activities", web::post().to(activities::create))
            .route("/activities/{id}", web::get().to(activities::show))
            .route("/activities/{id}", web::put().to(activities::edit))
            .route("/activities/{id}", web::patch().to(activities::edit))
            .route("/activities/{id}", web::delete().to(activities::delete))
            .route("/activities/{id}/hide", web::post().to(activities::hide))
            .route("/webhooks", web::get().to(webhooks::settings))
            .route("/webhooks", web::post().to(webhooks::set))
            .route("/webhooks/subscriptions", web::get().to(webhooks::subscriptions))
            .route("/webhooks/deliveries", web::get().to(webhooks::deliveries))
            .route("/webhooks/forge", web::post().to(webhooks::forge)),
    );
}

/// An admin call that cannot be carried out.
#[derive(Debug, Serialize, thiserror::Error, ToSchema)]
#[error("{error}")]
pub(crate) struct Refusal {
    #[serde(skip)]
    status: u16,
    /// What is wrong.
    error: String,
}

impl Refusal {
    fn wrong(error: impl Into<String>) -> Self {
        Self { status: 422, error: error.into() }
    }

    fn missing(what: &str) -> Self {
        Self { status: 404, error: format!("no such {what}") }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(self)
    }
}

/// Lays the fields of a patch over settings.
fn merge<T: Serialize + serde::de::DeserializeOwned>(
    old: &T,
    patch: &serde_json::Value,
) -> Result<T, Refusal> {
    let mut value = serde_json::to_value(old).map_err(|error| Refusal::wrong(error.to_string()))?;
    let (Some(fields), Some(new)) = (value.as_object_mut(), patch.as_object()) else {
        return Err(Refusal::wrong("expected an object"));
    };
    for (key, value) in new {
        if fields.insert(key.clone(), value.clone()).is_none() {
            return Err(Refusal::wrong(format!("unknown field {key}")));
        }
    }
    serde_json::from_value(value).map_err(|error| Refusal::wrong(error.to_string()))
}

async fn index() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "strava-sim", "docs": "/_sim/docs/", "openapi": "/_sim/openapi.json",
        "athletes": "/_sim/athletes", "api": "/api/v3", "authorize": "/oauth/authorize",
    }))
}

/// What is not there.
pub(crate) async fn unknown(request: HttpRequest) -> HttpResponse {
    if request.path().starts_with("/_sim") {
        return Refusal::missing("admin call").error_response();
    }
    reply::answer(
        StatusCode::NOT_FOUND,
        &json!({"message": "Record Not Found", "errors": [{"resource": "resource", "field": "path", "code": "invalid"}]}),
    )
}
