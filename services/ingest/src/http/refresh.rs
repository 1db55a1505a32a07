//! `POST /strava/refresh-data`, compatible with the predecessor.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use event_bus::Bus;
use kernel::Ids;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::domain::signature;
use crate::usecases::ServiceContext;
use crate::usecases::refresh::refresh;

/// `POST /strava/refresh-data`
#[utoipa::path(
    post, path = "/strava/refresh-data", tag = "predecessor",
    params(("X-API-Key" = String, Header, description = "the configured key")),
    responses(
        (status = 200, description = "polled, and the result is counted (where stats runs in another process: is on the log)"),
        (status = 401, description = "no key, a wrong key, or none is configured"),
        (status = 500, description = "Strava could not be read, nobody is connected, or the refresh timed out"),
    )
)]
pub(super) async fn refresh_data(
    request: HttpRequest,
    ctx: Data<ServiceContext>,
    bus: Data<Bus>,
) -> HttpResponse {
    if !has_valid_key(&ctx, &request) {
        return HttpResponse::Unauthorized().json(
            json!({"detail": {"message": "Invalid or missing API key", "category": "security"}}),
        );
    }
    match refresh(&ctx, &bus).await {
        Ok(()) => HttpResponse::Ok()
            .json(json!({"status": "success", "message": "Data refreshed successfully"})),
        Err(error) => {
            let id = new_error_id(ctx.ids.as_ref());
            tracing::error!(%error, error.id = id, "refresh failed");
            let detail = format!("Failed to refresh Strava data (Error ID: {id})");
            HttpResponse::InternalServerError().json(json!({ "detail": detail }))
        }
    }
}

fn has_valid_key(ctx: &ServiceContext, request: &HttpRequest) -> bool {
    let given = request.headers().get("x-api-key").and_then(|value| value.to_str().ok());
    match (&ctx.settings.refresh_api_key, given) {
        (Some(key), Some(given)) => signature::secret_matches(key.expose_secret(), given),
        _ => false,
    }
}

fn new_error_id(ids: &dyn Ids) -> String {
    let mut bytes = [0; 4];
    ids.fill(&mut bytes);
    hex::encode(bytes)
}
