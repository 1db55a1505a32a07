//! `/v1/me/connections`: how an athlete's connections stand, a new one, and the end of one.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use auth::SignedIn;
use http_kit::{Path, Problem, ProblemDocument, Query};
use serde::{Deserialize, Serialize};

use super::authorize::Ask;
use super::errors::store;
use crate::usecases::Means;
use crate::usecases::begin_authorize::{BeginAuthorize, begin_authorize};
use crate::usecases::disconnect::disconnect as end_connection;
use crate::usecases::list_connections::{Standing, list_connections};

/// The athlete's connections.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Connections {
    items: Vec<ConnectionView>,
}

/// One connection.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ConnectionView {
    /// Its id.
    id: String,
    /// The Strava application's client id.
    application: i64,
    /// The athlete's number at Strava.
    strava_athlete: i64,
    /// `connected`, `reconnect-needed` or `disconnected`.
    state: &'static str,
    /// Why it is not connected: `withdrawn`, `asked`, `refresh-refused`, `refresh-lost`,
    /// `scope-missing` or `unreadable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Whether Strava has switched the whole application off: then everything waits.
    application_inactive: bool,
    /// What the athlete granted.
    scopes: Vec<String>,
    /// Which connection of this athlete it is; it rises with every connect.
    generation: i64,
    /// Since when.
    connected_at: String,
}

impl From<Standing> for ConnectionView {
    fn from(Standing { connection, application_inactive }: Standing) -> Self {
        Self {
            application: connection.application.get(),
            strava_athlete: connection.strava_athlete.get(),
            state: connection.state.code(),
            reason: Some(connection.reason.code()).filter(|reason| !reason.is_empty()),
            application_inactive,
            scopes: connection.scopes.names(),
            generation: connection.generation.get(),
            connected_at: connection.connected_at.to_rfc3339(),
            id: connection.id,
        }
    }
}

/// Where the athlete connects.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Authorize {
    /// Strava's consent page, with a state that works once, for ten minutes.
    authorize_url: String,
}

/// Whether uploads are asked for too.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Connect {
    /// Ask for uploads too (a child who receives copies).
    #[serde(default)]
    write: bool,
}

/// How the athlete's connections stand.
#[utoipa::path(
    get, path = "/v1/me/connections", tag = "connections",
    responses(
        (status = 200, description = "The connections", body = Connections),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    signed_in: SignedIn,
    means: web::Data<Means>,
) -> Result<HttpResponse, Problem> {
    let standings = list_connections(&means, signed_in.athlete()).await.map_err(store)?;
    let items = standings.into_iter().map(ConnectionView::from).collect();
    Ok(HttpResponse::Ok().json(Connections { items }))
}

/// Begins a connect, for scripts: the answer names the page to open.
#[utoipa::path(
    post, path = "/v1/me/connections", tag = "connections", params(Ask), request_body = Option<Connect>,
    responses(
        (status = 200, description = "Where to connect", body = Authorize),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "An earlier disconnect is still under way", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "No Strava application is configured", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn connect(
    signed_in: SignedIn,
    ask: Query<Ask>,
    body: web::Bytes,
    means: web::Data<Means>,
) -> Result<HttpResponse, Problem> {
    let wanted = if body.is_empty() {
        Connect::default()
    } else {
        serde_json::from_slice(&body).map_err(malformed)?
    };
    let write = wanted.write || ask.0.write();
    let command = BeginAuthorize { athlete: signed_in.athlete(), write, browser: false };
    let begun = begin_authorize(&means.into_inner(), command).await?;
    Ok(HttpResponse::Ok().json(Authorize { authorize_url: begun.authorize_url.into() }))
}

fn malformed(error: serde_json::Error) -> Problem {
    if error.is_data() {
        return Problem::invalid()
            .field("write", "must be true or false, and nothing else may be there");
    }
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body").detail("the body is not JSON")
}

/// Ends a connection: leases stop at once, Strava is told.
#[utoipa::path(
    delete, path = "/v1/me/connections/{connection}", tag = "connections",
    params(("connection" = String, Path, description = "The connection's id")),
    responses(
        (status = 204, description = "Disconnected"),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The athlete has no such connection", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn disconnect(
    signed_in: SignedIn,
    connection: Path<String>,
    means: web::Data<Means>,
) -> Result<HttpResponse, Problem> {
    if end_connection(&means, signed_in.athlete(), &connection.0).await.map_err(store)? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::not_found())
}
