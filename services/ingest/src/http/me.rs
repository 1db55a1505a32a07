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

use super::errors::store_problem;
use crate::usecases::ServiceContext;
use crate::usecases::queries::{self, ActivityCursor, JournalCursor};
use crate::views::{ActivityView, EntryView, ImportView};

/// Query of a page of the journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalQuery {
    /// Entries of this activity only.
    activity: Option<String>,
    /// Position at which an earlier page ended.
    cursor: Option<Cursor>,
    /// From 1 to 200; 50 by default.
    limit: Option<u32>,
}

/// `GET /v1/me/activities`
#[utoipa::path(
    get, path = "/v1/me/activities", tag = "activities",
    params(
        ("cursor" = Option<String>, Query, description = "position at which an earlier page ended"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "from 1 to 200; 50 by default"),
    ),
    responses(
        (status = 200, description = "a page, newest first", body = Page<ActivityView>),
        (status = 304, description = "not modified"),
        (status = 401, body = http_kit::ProblemDocument), (status = 422, body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn list_activities(
    request: HttpRequest,
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = query.limit()?;
    let after = query.cursor.as_ref().map(Cursor::decode::<(Timestamp, ActivityId)>).transpose()?;
    let after = after.map(|(start_at, id)| ActivityCursor { start_at, id });
    let version = queries::athlete_version(&ctx, athlete.athlete()).await.map_err(store_problem)?;
    let tag = query_etag(athlete.athlete(), version, request.query_string());
    if is_not_modified(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let mut activities = queries::list_activities(&ctx, athlete.athlete(), after, limit + 1)
        .await
        .map_err(store_problem)?;
    let has_more = activities.len() > limit as usize;
    activities.truncate(limit as usize);
    let last = activities.last().filter(|_| has_more);
    let position = last.and_then(|last| Some((last.state.facts.as_ref()?.start_at, last.id)));
    let next = position.map(|position| Cursor::encode(&position)).transpose()?;
    let items = activities.iter().filter_map(ActivityView::from_activity).collect();
    Ok(page_response(&request, Page { items, next }, Some(tag)))
}

/// `GET /v1/me/activities/{id}`
#[utoipa::path(
    get, path = "/v1/me/activities/{id}", tag = "activities",
    params(("id" = String, Path, description = "Paceline's id of the activity")),
    responses(
        (status = 200, body = ActivityView), (status = 304, description = "not modified"),
        (status = 401, body = http_kit::ProblemDocument),
        (status = 404, description = "unknown, removed, or another athlete's", body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn show_activity(
    request: HttpRequest,
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
    Path(id): Path<ActivityIdPath>,
) -> Result<HttpResponse, Problem> {
    let activity =
        queries::find_activity(&ctx, athlete.athlete(), id.0).await.map_err(store_problem)?;
    let activity = activity.ok_or_else(Problem::not_found)?;
    let tag = version_etag(athlete.athlete(), activity.revision.get());
    if is_not_modified(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let view = ActivityView::from_activity(&activity).ok_or_else(Problem::not_found)?;
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
    ctx: Data<ServiceContext>,
    Query(query): Query<JournalQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = PageQuery { cursor: None, limit: query.limit }.limit()?;
    let after = query.cursor.as_ref().map(Cursor::decode::<(Timestamp, EventId)>).transpose()?;
    let after = after.map(|(at, id)| JournalCursor { at, id });
    let activity = query.activity.as_deref().map(str::parse::<ActivityId>).transpose();
    let activity = activity.map_err(|_invalid| {
        Problem::invalid().field("activity", "must be the id of an activity")
    })?;
    let mut entries = queries::list_journal(&ctx, athlete.athlete(), activity, after, limit + 1)
        .await
        .map_err(store_problem)?;
    let has_more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next = entries
        .last()
        .filter(|_| has_more)
        .map(|last| Cursor::encode(&(last.at, last.id)))
        .transpose()?;
    let items: Vec<_> = entries.iter().map(EntryView::from).collect();
    Ok(page_response(&request, Page { items, next }, None))
}

/// `GET /v1/me/imports`
#[utoipa::path(
    get, path = "/v1/me/imports", tag = "activities",
    responses(
        (status = 200, description = "the backfill of each connection", body = Page<ImportView>),
        (status = 401, body = http_kit::ProblemDocument),
    )
)]
pub(super) async fn list_imports(
    request: HttpRequest,
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
) -> Result<HttpResponse, Problem> {
    let backfills =
        queries::list_backfills(&ctx, athlete.athlete()).await.map_err(store_problem)?;
    let items: Vec<_> = backfills.iter().map(ImportView::from).collect();
    Ok(page_response(&request, Page { items, next: None }, None))
}

/// Activity id in the path.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct ActivityIdPath(ActivityId);

fn page_response<T: Serialize>(
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
