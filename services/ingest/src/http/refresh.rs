//! `POST /strava/refresh-data`, as the predecessor had it.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use event_bus::Bus;
use kernel::Ids;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::domain::signature;
use crate::usecases::Core;
use crate::usecases::refresh::refresh;

/// `POST /strava/refresh-data`
#[utoipa::path(
    post, path = "/strava/refresh-data", tag = "predecessor",
    params(("X-API-Key" = String, Header, description = "the key that was set")),
    responses(
        (status = 200, description = "looked, and what was found is counted (where stats runs in another process: is on the log)"),
        (status = 401, description = "no key, another key, or none is set"),
        (status = 500, description = "Strava could not be asked, nobody is connected, or it took too long"),
    )
)]
pub(super) async fn refresh_data(
    request: HttpRequest,
    core: Data<Core>,
    bus: Data<Bus>,
) -> HttpResponse {
    if !is_allowed(&core, &request) {
        return HttpResponse::Unauthorized().json(
            json!({"detail": {"message": "Invalid or missing API key", "category": "security"}}),
        );
    }
    match refresh(&core, &bus).await {
        Ok(()) => HttpResponse::Ok()
            .json(json!({"status": "success", "message": "Data refreshed successfully"})),
        Err(error) => {
            let id = error_id(core.ids.as_ref());
            tracing::error!(%error, error.id = id, "a refresh failed");
            let detail = format!("Failed to refresh Strava data (Error ID: {id})");
            HttpResponse::InternalServerError().json(json!({ "detail": detail }))
        }
    }
}

fn is_allowed(core: &Core, request: &HttpRequest) -> bool {
    let given = request.headers().get("x-api-key").and_then(|value| value.to_str().ok());
    match (&core.settings.refresh_api_key, given) {
        (Some(wanted), Some(given)) => {
            !wanted.expose_secret().is_empty() && signature::same(given, wanted.expose_secret())
        }
        _ => false,
    }
}

fn error_id(ids: &dyn Ids) -> String {
    let mut bytes = [0; 4];
    ids.fill(&mut bytes);
    hex::encode(bytes)
}
