//! `GET /v1/me/stats/summary`: the sums of the signed-in athlete's activities.

use actix_web::http::header::ETAG;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use auth::SignedIn;
use http_kit::{Problem, ProblemDocument, is_not_modified, query_etag};
use kernel::Sport;
use kernel::units::to_metres;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::errors::to_problem;
use crate::domain::summary::SummaryItem;
use crate::domain::summary_query::{QueryParameters, SummaryQuery};
use crate::domain::sums::Sums;
use crate::usecases::ServiceContext;
use crate::usecases::summarize::{SummaryError, VersionedQuery, prepare_query, summarize};

pub(super) fn configure(config: &mut ServiceConfig) {
    config.service(
        web::resource("/v1/me/stats/summary")
            .route(web::get().to(get_summary))
            .route(web::head().to(get_summary)),
    );
}

/// The sums of the activities of a range.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SummaryBody {
    /// The first local day counted.
    #[schema(example = "2026-01-01")]
    from: String,
    /// The last local day counted.
    #[schema(example = "2026-11-21")]
    to: String,
    /// `day`, `week`, `month` or `year`.
    group: String,
    /// One per period and sport with activities: oldest period first, sports from A to Z.
    items: Vec<ItemBody>,
    total: TotalBody,
    /// Grows with every change of the athlete's numbers.
    version: i64,
}

/// The sums of one sport in one period.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ItemBody {
    /// `2026-11-21`, `2026-W47` (ISO 8601), `2026-11` or `2026`.
    #[schema(example = "2026-W47")]
    period: String,
    /// Strava's `sport_type`.
    #[schema(example = "TrailRun")]
    sport: String,
    #[serde(flatten)]
    sums: TotalBody,
}

/// The sums of some activities.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TotalBody {
    count: i64,
    distance_m: f64,
    moving_time_s: i64,
    elapsed_time_s: i64,
    elevation_gain_m: f64,
}

impl From<Sums> for TotalBody {
    fn from(sums: Sums) -> Self {
        Self {
            count: sums.count,
            distance_m: to_metres(sums.distance_dm),
            moving_time_s: sums.moving_time_s,
            elapsed_time_s: sums.elapsed_time_s,
            elevation_gain_m: to_metres(sums.elevation_gain_dm),
        }
    }
}

impl From<SummaryItem> for ItemBody {
    fn from(item: SummaryItem) -> Self {
        Self { period: item.period, sport: item.sport.to_string(), sums: item.sums.into() }
    }
}

/// Totals by period and sport.
///
/// A day is the athlete's own local day. Periods at the edges of the range hold only the days within it.
#[utoipa::path(
    get,
    path = "/v1/me/stats/summary",
    tag = "stats",
    params(
        ("from" = Option<String>, Query, format = Date, description = "First local day, `2026-01-01`; unless given, the start of the year of `to`"),
        ("to" = Option<String>, Query, format = Date, description = "Last local day; unless given, the athlete's today. At most 1,100 days after `from` by day, 73,200 otherwise"),
        ("group" = Option<String>, Query, pattern = "^(day|week|month|year)$", description = "`day`, `week`, `month` (unless given) or `year`"),
        ("sport" = Option<String>, Query, description = "Only these sports (Strava's `sport_type`); may repeat, or hold several with commas between"),
    ),
    responses(
        (status = 200, body = SummaryBody, headers(("etag" = String))),
        (status = 304, description = "what `If-None-Match` names is still so"),
        (status = 401, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json", description = "names the field"),
    ),
)]
pub(super) async fn get_summary(
    athlete: SignedIn,
    ctx: Data<ServiceContext>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let athlete = athlete.athlete();
    let parameters = parse_parameters(request.query_string());
    let VersionedQuery { query, version } =
        prepare_query(&ctx, athlete, &parameters).await.map_err(to_problem)?;
    let tag = query_etag(athlete, version, &etag_parts(&query, &ctx.database_id));
    if is_not_modified(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let summary = summarize(&ctx, athlete, &query)
        .await
        .map_err(|error| to_problem(SummaryError::Store(error)))?;
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(SummaryBody {
        from: query.from.to_string(),
        to: query.to.to_string(),
        group: query.group.to_string(),
        items: summary.items.into_iter().map(ItemBody::from).collect(),
        total: summary.total.into(),
        version,
    }))
}

/// Parses the query string; `sport` may repeat, of anything else the last one holds.
fn parse_parameters(query_string: &str) -> QueryParameters {
    let mut parameters = QueryParameters::default();
    for (name, value) in form_urlencoded::parse(query_string.as_bytes()) {
        let value = value.into_owned();
        match &*name {
            "from" => parameters.from = Some(value),
            "to" => parameters.to = Some(value),
            "group" => parameters.group = Some(value),
            "sport" => parameters.sports.push(value),
            _ => {}
        }
    }
    parameters
}

/// Everything besides the version that distinguishes two responses. The id of the database is part
/// of it: after a wipe versions begin again, and an old tag must not name a new response.
fn etag_parts(query: &SummaryQuery, database_id: &str) -> String {
    let sports: Vec<&str> = query.sports.iter().map(Sport::as_str).collect();
    format!("{database_id} {} {} {} {}", query.from, query.to, query.group, sports.join(","))
}
