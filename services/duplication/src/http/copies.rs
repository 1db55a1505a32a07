//! `/v1/copies`: copies and their states.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use auth::SignedIn;
use http_kit::{Cursor, Page, PageQuery, Path, Problem, Query, version_etag};
use kernel::{CopyId, SourceKey, StravaActivityId, units};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::errors;
use super::etag::respond_with_etag;
use crate::domain::copy::Copy;
use crate::usecases::{ServiceContext, queries};

/// A copy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CopyView {
    /// Its id.
    id: Uuid,
    /// The link it was made under.
    link: Uuid,
    /// The guardian's activity.
    activity: Uuid,
    /// The athlete whose activity was copied.
    guardian: Uuid,
    /// The athlete into whose account it goes.
    child: Uuid,
    /// `planned`, `sending`, `processing`, `done`, `failed`, `skipped`.
    state: &'static str,
    /// Code of the reason for the state: `scope-missing`, `already-there`, `streams-pending`, ….
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    /// Strava's error text, if it refused the upload.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// The title.
    name: String,
    /// Strava's sport type.
    sport: String,
    /// Start of the activity (RFC 3339).
    start_at: String,
    /// Metres.
    distance_m: f64,
    /// Where the copy is: `strava:<the child's application>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Its id there.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_id: Option<String>,
    /// Its number in the child's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    strava_activity: Option<i64>,
    /// The same as text: it may be too large for a script's numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    strava_activity_str: Option<String>,
    /// Instant at which the source changed after it was copied; the copy did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_changed_at: Option<String>,
    /// Instant at which the source was deleted; the copy was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_removed_at: Option<String>,
    /// Instant at which it was planned.
    created_at: String,
    /// Instant of its last change.
    updated_at: String,
}

impl From<&Copy> for CopyView {
    fn from(copy: &Copy) -> Self {
        let made = copy.made.as_ref();
        let activity = made.and_then(SourceKey::strava_activity).map(StravaActivityId::get);
        Self {
            id: copy.id.as_uuid(),
            link: copy.link.as_uuid(),
            activity: copy.activity.as_uuid(),
            guardian: copy.guardian.as_uuid(),
            child: copy.child.as_uuid(),
            state: copy.state.as_str(),
            reason: copy.reason.clone(),
            detail: copy.detail.clone(),
            name: copy.source.name.clone(),
            sport: copy.source.sport.clone(),
            start_at: copy.source.start_at.to_rfc3339(),
            distance_m: units::to_metres(copy.source.distance_dm),
            source: made.map(|key| key.source.to_string()),
            source_id: made.map(|key| key.source_id.to_string()),
            strava_activity: activity,
            strava_activity_str: activity.map(|activity| activity.to_string()),
            source_changed_at: copy.source_changed_at.map(|at| at.to_rfc3339()),
            source_removed_at: copy.source_removed_at.map(|at| at.to_rfc3339()),
            created_at: copy.created_at.to_rfc3339(),
            updated_at: copy.updated_at.to_rfc3339(),
        }
    }
}

/// The copies of the caller's activities, and those made for the caller; newest first.
#[utoipa::path(get, path = "/v1/copies", tag = "copies", params(
    ("cursor" = Option<String>, Query, description = "the `next` of the page before"),
    ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "1 to 200, 50 unless told"),
), responses(
    (status = 200, description = "as it now is", body = Page<CopyView>, headers(("Link" = String, description = "the next page"))),
    (status = 401, description = "not signed in"),
    (status = 422, description = "a field is not as it should be"),
))]
pub(crate) async fn list(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Query(query): Query<PageQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let limit = query.limit()?;
    let before = query.cursor.as_ref().map(Cursor::decode::<CopyId>).transpose()?;
    let found = queries::list_copies(&ctx, caller.athlete(), before, limit as usize)
        .await
        .map_err(errors::store_problem)?;
    let next = found.next.map(|next| Cursor::encode(&next)).transpose()?;
    let page = Page { items: found.copies.iter().map(CopyView::from).collect::<Vec<_>>(), next };
    let mut response = HttpResponse::Ok();
    if let Some(link) = page.next_link(&request) {
        response.insert_header(link);
    }
    Ok(response.json(page))
}

/// One copy.
#[utoipa::path(get, path = "/v1/copies/{id}", tag = "copies", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "as it now is", body = CopyView),
    (status = 304, description = "nothing changed since the ETag in If-None-Match"),
    (status = 404, description = "there is no such copy of yours"),
))]
pub(crate) async fn get(
    caller: SignedIn,
    ctx: Data<ServiceContext>,
    Path(id): Path<Uuid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let copy = queries::find_copy(&ctx, caller.athlete(), CopyId::from_uuid(id))
        .await
        .map_err(errors::store_problem)?;
    let copy = copy.ok_or_else(Problem::not_found)?;
    let tag = version_etag(caller.athlete(), copy.revision);
    Ok(respond_with_etag(&request, tag, &CopyView::from(&copy)))
}
