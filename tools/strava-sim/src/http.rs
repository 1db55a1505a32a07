//! The public side: OAuth pages and API v3, both under `/api/v3` and under the bare root.

mod activities;
mod activity_detail;
mod analysis;
mod athlete;
mod authorize_request;
mod caller;
mod consent_page;
mod fault_injection;
mod middleware;
mod oauth;
mod params;
mod response;
mod streams;
mod subscriptions;
mod tokens;
mod uploads;

use actix_web::web::{self, ServiceConfig};

pub(crate) use middleware::handle_call;
pub(crate) use response::{Fault, json_response};

/// Registers all public routes.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .route("/oauth/authorize", web::get().to(oauth::authorize))
        .route("/oauth/authorize", web::post().to(oauth::submit))
        .route("/oauth/mobile/authorize", web::get().to(oauth::authorize))
        .route("/oauth/revoke", web::post().to(tokens::revoke))
        .service(web::scope("/api/v3").configure(configure_api))
        .configure(configure_api);
}

fn configure_api(config: &mut ServiceConfig) {
    config
        .route("/oauth/token", web::post().to(tokens::issue_tokens))
        .route("/oauth/deauthorize", web::post().to(tokens::deauthorize))
        .route("/athlete", web::get().to(athlete::show))
        .route("/athlete", web::put().to(athlete::update))
        .route("/athlete/zones", web::get().to(athlete::show_zones))
        .route("/athlete/activities", web::get().to(activities::list))
        .route("/athletes/{id}/stats", web::get().to(athlete::show_stats))
        .route("/gear/{id}", web::get().to(athlete::show_gear))
        .route("/activities", web::post().to(activities::create))
        .route("/activities/{id}", web::get().to(activities::show))
        .route("/activities/{id}", web::put().to(activities::edit))
        .route("/activities/{id}/laps", web::get().to(activities::list_laps))
        .route("/activities/{id}/zones", web::get().to(activities::list_zones))
        .route("/activities/{id}/streams", web::get().to(streams::show))
        .route("/uploads", web::post().to(uploads::create))
        .route("/uploads/{id}", web::get().to(uploads::show))
        .route("/push_subscriptions", web::post().to(subscriptions::create))
        .route("/push_subscriptions", web::get().to(subscriptions::list))
        .route("/push_subscriptions/{id}", web::delete().to(subscriptions::delete));
}
