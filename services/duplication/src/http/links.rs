//! `/v1/links`: a guardian proposes, the child accepts, either side ends.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use auth::SignedIn;
use http_kit::{Json, Page, Path, Problem};
use kernel::LinkId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{errors, respond_with_etag};
use crate::domain::link::{Link, LinkRole};
use crate::usecases::accept_link::accept_link;
use crate::usecases::end_link::end_link;
use crate::usecases::propose_link::{ProposeLink, propose_link};
use crate::usecases::{ServiceContext, queries};

/// A proposal of a guardian to a child.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// The child: an athlete's id.
    child: Uuid,
    /// Activities whose title contains one of these as a whole word are copied. 1 to 20 names of 1 to 80 characters.
    names: Vec<String>,
    /// True to include the guardian's heart rate in the copies.
    #[serde(default)]
    share_heart_rate: bool,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkView {
    /// Its id.
    id: Uuid,
    /// The athlete whose activities are copied.
    guardian: Uuid,
    /// The athlete into whose account they are copied.
    child: Uuid,
    /// Role of the caller: `guardian` or `child`.
    role: &'static str,
    /// The names that titles are searched for.
    names: Vec<String>,
    /// True if the copies include heart rate.
    share_heart_rate: bool,
    /// `pending` until the child accepts, then `accepted`.
    state: &'static str,
    /// Instant of the proposal (RFC 3339).
    created_at: String,
    /// Instant of the child's acceptance; activities that begin later are copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_at: Option<String>,
}

impl LinkView {
    fn new(link: &Link, caller: &SignedIn) -> Self {
        Self {
            id: link.id.as_uuid(),
            guardian: link.guardian.as_uuid(),
            child: link.child.as_uuid(),
            role: match link.role_of(caller.athlete()) {
                Some(LinkRole::Child) => "child",
                _ => "guardian",
            },
            names: link.names.as_slice().to_vec(),
            share_heart_rate: link.share_heart_rate,
            state: link.state.as_str(),
            created_at: link.created_at.to_rfc3339(),
            accepted_at: link.accepted_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// Proposes a link; nothing is copied before the child accepts.
#[utoipa::path(post, path = "/v1/links", tag = "links", request_body = LinkBody, responses(
    (status = 201, description = "proposed", body = LinkView, headers(("Location" = String, description = "where the link is"))),
    (status = 401, description = "not signed in"),
    (status = 409, description = "there is a link with this child"),
    (status = 422, description = "a field is not as it should be"),
))]
pub(crate) async fn propose(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Json(body): Json<LinkBody>,
) -> Result<HttpResponse, Problem> {
    let proposal = ProposeLink {
        guardian: caller.athlete(),
        child: kernel::AthleteId::from_uuid(body.child),
        names: body.names,
        share_heart_rate: body.share_heart_rate,
    };
    let link = propose_link(&ctx, &proposal).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/v1/links/{}", link.id)))
        .json(LinkView::new(&link, &caller)))
}

/// The links the caller is part of, on either side.
#[utoipa::path(get, path = "/v1/links", tag = "links", responses(
    (status = 200, description = "as it now is", body = Page<LinkView>),
    (status = 401, description = "not signed in"),
))]
pub(crate) async fn list(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let links = queries::list_links(&ctx, caller.athlete()).await.map_err(errors::store_problem)?;
    let items = links.iter().map(|link| LinkView::new(link, &caller)).collect();
    Ok(HttpResponse::Ok().json(Page::<LinkView> { items, next: None }))
}

/// One link.
#[utoipa::path(get, path = "/v1/links/{id}", tag = "links", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "as it now is", body = LinkView),
    (status = 304, description = "nothing changed since the ETag in If-None-Match"),
    (status = 404, description = "there is no such link of yours"),
))]
pub(crate) async fn get(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Path(id): Path<Uuid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let link = queries::find_link(&ctx, caller.athlete(), LinkId::from_uuid(id))
        .await
        .map_err(errors::store_problem)?;
    let link = link.ok_or_else(Problem::not_found)?;
    let changed_at = link.accepted_at.unwrap_or(link.created_at);
    Ok(respond_with_etag(&request, &caller, changed_at.as_micros(), &LinkView::new(&link, &caller)))
}

/// The child agrees. Accepting again changes nothing.
#[utoipa::path(post, path = "/v1/links/{id}/accept", tag = "links", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "as it now is", body = LinkView),
    (status = 403, description = "only the child can accept"),
    (status = 404, description = "there is no such link of yours"),
))]
pub(crate) async fn accept(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let link = accept_link(&ctx, caller.athlete(), LinkId::from_uuid(id)).await?;
    Ok(HttpResponse::Ok().json(LinkView::new(&link, &caller)))
}

/// Either side ends the link; copies that were not sent yet are not sent any more.
#[utoipa::path(delete, path = "/v1/links/{id}", tag = "links", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "it has ended"),
    (status = 404, description = "there is no such link of yours"),
))]
pub(crate) async fn end(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let ended = end_link(&ctx, caller.athlete(), LinkId::from_uuid(id))
        .await
        .map_err(errors::store_problem)?;
    if ended { Ok(HttpResponse::NoContent().finish()) } else { Err(Problem::not_found()) }
}
