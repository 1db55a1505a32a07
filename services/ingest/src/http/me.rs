//! The athlete's own activities, imports and journal.

use actix_web::http::header::{self, EntityTag};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use auth::SignedIn;
use http_kit::{
    Cursor, Page, PageQuery, Path, Problem, Query, is_not_modified, query_etag, version_etag,
};
use kernel::{ActivityId, EventId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::errors::store_failed;
use super::view::{ActivityView, EntryView, ImportView};
use crate::usecases::Core;
use crate::usecases::show::{self, ActivityPlace, EntryPlace};

/// Which page of the journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalQuery {
    /// Only this activity.
    activity: Option<String>,
    /// Where an earlier page ended.
    cursor: Option<Cursor>,
    /// From 1 to 200; 50 unless told.
    limit: Option<u32>,
}

/// `GET /v1/me/activities`
#[utoipa::path(
    get, path = "/v1/me/activities", tag = "activities",
    params(
        ("cursor" = Option<String>, Query, description = "where an earlier page ended"),
        ("limit" = Option<u32>, Query, description = "from 1 to 200; 50 unless told"),
    ),
    responses(
        (status = 200, description = "a page, newest first", body = Page<ActivityView>),
        (status = 304, description = "nothing has changed"),
        (status = 401, body = http_kit::ProblemDocument), (status = 422, body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn list_activities(
    request: HttpRequest,
    athlete: SignedIn,
    core: Data<Core>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = query.limit()?;
    let after = query.cursor.as_ref().map(Cursor::decode::<(Timestamp, ActivityId)>).transpose()?;
    let after = after.map(|(start_at, id)| ActivityPlace { start_at, id });
    let version = show::version(&core, athlete.athlete()).await.map_err(store_failed)?;
    let tag = query_etag(version, request.query_string());
    if is_not_modified(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let mut found =
        show::activities(&core, athlete.athlete(), after, limit + 1).await.map_err(store_failed)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().filter(|_| more);
    let place = last.and_then(|last| Some((last.state.facts.as_ref()?.start_at, last.id)));
    let next = place.map(|place| Cursor::encode(&place)).transpose()?;
    let items = found.iter().filter_map(ActivityView::of).collect();
    Ok(page(&request, Page { items, next }, Some(tag)))
}

/// `GET /v1/me/activities/{id}`
#[utoipa::path(
    get, path = "/v1/me/activities/{id}", tag = "activities",
    params(("id" = String, Path, description = "our own id of the activity")),
    responses(
        (status = 200, body = ActivityView), (status = 304, description = "nothing has changed"),
        (status = 401, body = http_kit::ProblemDocument),
        (status = 404, description = "none, removed, or somebody else's", body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn show_activity(
    request: HttpRequest,
    athlete: SignedIn,
    core: Data<Core>,
    Path(id): Path<ActivityIdPath>,
) -> Result<HttpResponse, Problem> {
    let found = show::activity(&core, athlete.athlete(), id.0).await.map_err(store_failed)?;
    let found = found.ok_or_else(Problem::not_found)?;
    let tag = version_etag(found.revision.get());
    if is_not_modified(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let view = ActivityView::of(&found).ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).json(view))
}

/// `GET /v1/me/journal`
#[utoipa::path(
    get, path = "/v1/me/journal", tag = "activities", params(JournalQuery),
    responses(
        (status = 200, description = "a page, newest first", body = Page<EntryView>),
        (status = 401, body = http_kit::ProblemDocument), (status = 422, body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn read_journal(
    request: HttpRequest,
    athlete: SignedIn,
    core: Data<Core>,
    Query(query): Query<JournalQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = PageQuery { cursor: None, limit: query.limit }.limit()?;
    let after = query.cursor.as_ref().map(Cursor::decode::<(Timestamp, EventId)>).transpose()?;
    let after = after.map(|(at, id)| EntryPlace { at, id });
    let activity = query.activity.as_deref().map(str::parse::<ActivityId>).transpose();
    let activity = activity
        .map_err(|_no_id| Problem::invalid().field("activity", "must be the id of an activity"))?;
    let mut found = show::journal(&core, athlete.athlete(), (activity, after), limit + 1)
        .await
        .map_err(store_failed)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| Cursor::encode(&(last.at, last.id)))
        .transpose()?;
    let items: Vec<_> = found.iter().map(EntryView::from).collect();
    Ok(page(&request, Page { items, next }, None))
}

/// `GET /v1/me/imports`
#[utoipa::path(
    get, path = "/v1/me/imports", tag = "activities",
    responses(
        (status = 200, description = "how far each past is read", body = Page<ImportView>),
        (status = 401, body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn list_imports(
    request: HttpRequest,
    athlete: SignedIn,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let found = show::imports(&core, athlete.athlete()).await.map_err(store_failed)?;
    let items: Vec<_> = found.iter().map(ImportView::from).collect();
    Ok(page(&request, Page { items, next: None }, None))
}

/// The id in the path.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct ActivityIdPath(ActivityId);

fn page<T: Serialize>(
    request: &HttpRequest,
    page: Page<T>,
    tag: Option<EntityTag>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(link) = page.next_link(request) {
        response.insert_header(link);
    }
    if let Some(tag) = tag {
        response.insert_header((header::ETAG, tag));
    }
    response.json(page)
}
