//! `/v1/links`: an invitation is redeemed, the child accepts, either side ends.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use auth::SignedIn;
use http_kit::{Json, Page, Path, Problem, query_etag};
use kernel::{AthleteId, LinkId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::errors;
use super::etag::respond_with_etag;
use crate::domain::link::{Link, LinkRole};
use crate::domain::reason;
use crate::usecases::accept_link::accept_link;
use crate::usecases::create_invitation::OfferedTerms;
use crate::usecases::end_link::end_link;
use crate::usecases::redeem_invitation::{RedeemInvitation, redeem_invitation};
use crate::usecases::{ServiceContext, queries};

/// A redemption of an invitation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// Code of the invitation.
    #[schema(min_length = 1, max_length = 64)]
    code: String,
    /// Name the other side is shown: 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// Only of a guardian, who must say them: activities whose title contains one of these as a whole word are
    /// copied. 1 to 20 names of 1 to 80 characters.
    names: Option<Vec<String>>,
    /// Only of a guardian: true to include their heart rate in the copies.
    share_heart_rate: Option<bool>,
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
    /// Name the guardian chose to be shown.
    #[serde(skip_serializing_if = "String::is_empty")]
    guardian_name: String,
    /// Name the child chose to be shown.
    #[serde(skip_serializing_if = "String::is_empty")]
    child_name: String,
    /// Role of the caller: `guardian` or `child`.
    role: &'static str,
    /// The names that titles are searched for.
    names: Vec<String>,
    /// True if the copies include heart rate.
    share_heart_rate: bool,
    /// `pending` until the child accepts, then `accepted`.
    state: &'static str,
    /// Instant of the redemption (RFC 3339).
    created_at: String,
    /// Instant of the child's acceptance; activities that begin later are copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_at: Option<String>,
    /// What keeps anything from being copied under an accepted link.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<ObstacleView>,
}

/// What keeps anything from being copied into the child's account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObstacleView {
    /// `scope-missing`, `not-connected` or `reconnect-needed`, as in copies.
    reason: &'static str,
    /// What is missing, and what to do.
    detail: &'static str,
    /// Where the child grants it in a browser; scripts `POST /v1/me/connections` with `{"write": true}`. Shown to the
    /// child only.
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_url: Option<&'static str>,
}

impl ObstacleView {
    /// The consent page of Strava, with the right to upload asked for.
    const CONNECT_URL: &str = "/strava/authorize?write=1";

    fn new(reason: &'static str, role: Option<LinkRole>) -> Self {
        let detail = match reason {
            reason::SCOPE_MISSING => {
                "write access missing: the child has to connect Strava again and allow uploads"
            }
            reason::RECONNECT_NEEDED => "the child has to connect Strava again and allow uploads",
            _ => "the child has to connect Strava and allow uploads",
        };
        let connect_url = (role == Some(LinkRole::Child)).then_some(Self::CONNECT_URL);
        Self { reason, detail, connect_url }
    }
}

impl LinkView {
    pub(crate) fn new(link: &Link, caller: AthleteId, obstacle: Option<&'static str>) -> Self {
        let role = link.role_of(caller);
        Self {
            id: link.id.as_uuid(),
            guardian: link.guardian.as_uuid(),
            child: link.child.as_uuid(),
            guardian_name: link.guardian_name.clone(),
            child_name: link.child_name.clone(),
            role: role.unwrap_or(LinkRole::Guardian).as_str(),
            names: link.names.as_slice().to_vec(),
            share_heart_rate: link.share_heart_rate,
            state: link.state.as_str(),
            created_at: link.created_at.to_rfc3339(),
            accepted_at: link.accepted_at.map(|at| at.to_rfc3339()),
            obstacle: obstacle.map(|reason| ObstacleView::new(reason, role)),
        }
    }
}

/// Redeems an invitation; nothing is copied before the child accepts.
#[utoipa::path(post, path = "/v1/links", tag = "links", request_body = LinkBody, responses(
    (status = 201, description = "redeemed", body = LinkView, headers(("Location" = String, description = "where the link is"))),
    (status = 401, description = "not signed in"),
    (status = 404, description = "the code is wrong, used, revoked or expired"),
    (status = 409, description = "there is a link with this athlete, or one was declined not long ago"),
    (status = 422, description = "a field is not as it should be"),
    (status = 429, description = "too many wrong codes"),
))]
pub(crate) async fn redeem(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Json(body): Json<LinkBody>,
) -> Result<HttpResponse, Problem> {
    let command = RedeemInvitation {
        redeemer: caller.athlete(),
        code: body.code,
        name: body.name,
        terms: OfferedTerms { names: body.names, share_heart_rate: body.share_heart_rate },
    };
    let link = redeem_invitation(&ctx, &command).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/v1/links/{}", link.id)))
        .json(LinkView::new(&link, caller.athlete(), None)))
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
    let connections = queries::list_child_connections(&ctx, caller.athlete())
        .await
        .map_err(errors::store_problem)?;
    let view = |link: &Link| {
        let connections = connections.get(&link.child).map_or(&[][..], Vec::as_slice);
        LinkView::new(link, caller.athlete(), link.obstacle(connections))
    };
    let items = links.iter().map(view).collect();
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
    let obstacle = queries::find_obstacle(&ctx, &link).await.map_err(errors::store_problem)?;
    let tag = query_etag(caller.athlete(), changed_at.as_micros(), obstacle.unwrap_or_default());
    Ok(respond_with_etag(&request, tag, &LinkView::new(&link, caller.athlete(), obstacle)))
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
    let obstacle = queries::find_obstacle(&ctx, &link).await.map_err(errors::store_problem)?;
    Ok(HttpResponse::Ok().json(LinkView::new(&link, caller.athlete(), obstacle)))
}

/// Either side ends the link, or the child declines it; copies that were not sent yet are not sent any more.
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
