//! The routes of the public listener: every running service's, the API description, the home page.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use http_kit::PathPrefix;
use utoipa::openapi::{Info, OpenApi, OpenApiBuilder, Server};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::compose::{SERVICES, Services};
use crate::openapi_responses;

/// Path of the interactive API documentation.
pub(crate) const DOCS: &str = "/docs/";
const DESCRIPTION: &str = "/openapi.json";

/// The API description of all services, also of those that do not run in this process.
pub(crate) fn openapi() -> OpenApi {
    let info = Info::builder()
        .title("Paceline")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Keeps athletes' training history current. SI units: metres, seconds. Errors are RFC 9457 problem documents; \
             the predecessors' routes keep their own error shapes.",
        ))
        .build();
    let mut whole = OpenApiBuilder::new().info(info).build();
    for entry in &SERVICES {
        whole.merge((entry.openapi)());
    }
    openapi_responses::complete(&mut whole);
    whole
}

/// Registers the routes of the public listener.
pub(crate) fn public(
    services: &Services,
    prefix: &PathPrefix,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let services = services.clone();
    let mut description = openapi();
    if !prefix.is_empty() {
        description.servers = Some(vec![Server::new(prefix.as_str())]);
    }
    let allowed = http_kit::DescribedRoutes::from_openapi(&description);
    move |routes| {
        services.routes(routes);
        routes.app_data(allowed.clone());
        routes.route("/", web::get().to(home_page));
        routes.service(
            SwaggerUi::new(format!("{DOCS}{{_:.*}}"))
                .url(DESCRIPTION, description.clone())
                // Relative to the page, which may lie under a prefix.
                .config(Config::new(["../openapi.json"])),
        );
    }
}

async fn home_page() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(HOME_PAGE)
}

const HOME_PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Paceline</title>
<style>body{font:1.1rem/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>
<h1>Paceline</h1>
<p>Paceline keeps your training history current and does something with every activity the moment it happens.</p>
<p>The web app comes later. Until then: <a href="docs/">the interface, described and ready to try</a>.</p>
</html>
"#;
