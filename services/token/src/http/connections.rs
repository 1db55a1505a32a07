//! `/v1/me/connections`: lists, begins and ends an athlete's connections.

use actix_web::{HttpResponse, web};
use auth::SignedIn;
use http_kit::{Body, Path, Problem, ProblemDocument, Query, parse_json};
use serde::{Deserialize, Serialize};

use super::authorize::AuthorizeQuery;
use super::errors::store_problem;
use crate::usecases::ServiceContext;
use crate::usecases::begin_authorize::{BeginAuthorize, begin_authorize};
use crate::usecases::disconnect::disconnect as end_connection;
use crate::usecases::list_connections::{ConnectionStatus, list_connections};

/// Maximum size of the body of a connect.
const MAX_BODY_BYTES: usize = 1024;

/// The athlete's connections.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Connections {
    items: Vec<ConnectionView>,
}

/// One connection.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ConnectionView {
    /// Its id.
    id: String,
    /// The Strava application's client id.
    application: i64,
    /// The athlete's number at Strava.
    strava_athlete: i64,
    /// `connected`, `reconnect-needed` or `disconnected`.
    state: &'static str,
    /// The reason it is not connected: `withdrawn`, `asked`, `refresh-refused`, `refresh-lost` or
    /// `scope-missing`; of former releases also `unreadable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// True if Strava has switched the whole application off: then everything waits.
    application_inactive: bool,
    /// The scopes the athlete granted.
    scopes: Vec<String>,
    /// Number of this connection; it rises with every connect.
    generation: i64,
    /// Time of the connect.
    connected_at: String,
}

impl From<ConnectionStatus> for ConnectionView {
    fn from(ConnectionStatus { connection, application_inactive }: ConnectionStatus) -> Self {
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

/// The page on which the athlete connects.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Authorize {
    /// Strava's consent page, with a state that works once, for ten minutes.
    authorize_url: String,
}

/// The scopes to ask for.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Connect {
    /// Ask for uploads too (a child who receives copies).
    #[serde(default)]
    write: bool,
}

/// Lists the athlete's connections.
#[utoipa::path(
    get, path = "/v1/me/connections", tag = "connections",
    responses(
        (status = 200, description = "The connections", body = Connections),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    signed_in: SignedIn,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let statuses = list_connections(&ctx, signed_in.athlete()).await.map_err(store_problem)?;
    let items = statuses.into_iter().map(ConnectionView::from).collect();
    Ok(HttpResponse::Ok().json(Connections { items }))
}

/// Begins a connect, for scripts: the answer names the page to open.
#[utoipa::path(
    post, path = "/v1/me/connections", tag = "connections", params(AuthorizeQuery), request_body = Option<Connect>,
    responses(
        (status = 200, description = "The page to open", body = Authorize),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "An earlier disconnect is still under way", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "No Strava application is configured", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn connect(
    signed_in: SignedIn,
    query: Query<AuthorizeQuery>,
    body: Body,
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let body = body.read(MAX_BODY_BYTES).await?;
    let body: Option<Connect> = if body.is_empty() { None } else { parse_json(&body)? };
    let body = body.unwrap_or_default();
    let write = body.write || query.0.write();
    let command = BeginAuthorize { athlete: signed_in.athlete(), write, browser: false };
    let pending = begin_authorize(&ctx, command).await?;
    Ok(HttpResponse::Ok().json(Authorize { authorize_url: pending.authorize_url.into() }))
}

/// Ends a connection: leases stop at once, what came through it is erased, Strava is told.
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
    ctx: web::Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    if end_connection(&ctx, signed_in.athlete(), &connection.0).await.map_err(store_problem)? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::not_found())
}
