//! `GET /v1/me/stats/summary`: what the signed-in athlete's activities come to.

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

use super::errors::problem;
use crate::domain::query::{Asked, Question};
use crate::domain::summary::Item;
use crate::domain::sums::Sums;
use crate::usecases::Core;
use crate::usecases::summarize::{SummaryError, Understood, answer, understand};

pub(super) fn configure(config: &mut ServiceConfig) {
    config.service(
        web::resource("/v1/me/stats/summary")
            .route(web::get().to(get_summary))
            .route(web::head().to(get_summary)),
    );
}

/// What the activities of a range come to.
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

/// What one sport came to in one period.
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

/// What some activities come to.
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

impl From<Item> for ItemBody {
    fn from(item: Item) -> Self {
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
        ("from" = Option<String>, Query, description = "First local day, `2026-01-01`; unless given, the start of the year of `to`"),
        ("to" = Option<String>, Query, description = "Last local day; unless given, the athlete's today. At most 1,100 days after `from` by day, 73,200 otherwise"),
        ("group" = Option<String>, Query, description = "`day`, `week`, `month` (unless given) or `year`"),
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
    core: Data<Core>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let athlete = athlete.athlete();
    let Understood { question, version } =
        understand(&core, athlete, &asked(request.query_string())).await.map_err(problem)?;
    let tag = query_etag(version, &parts(&question, &core.store.incarnation()));
    if is_not_modified(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let summary = answer(&core, athlete, &question)
        .await
        .map_err(|error| problem(SummaryError::Store(error)))?;
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(SummaryBody {
        from: question.from.to_string(),
        to: question.to.to_string(),
        group: question.group.to_string(),
        items: summary.items.into_iter().map(ItemBody::from).collect(),
        total: summary.total.into(),
        version,
    }))
}

/// The question in the query string; `sport` may repeat, of anything else the last one holds.
fn asked(query: &str) -> Asked {
    let mut asked = Asked::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match &*name {
            "from" => asked.from = Some(value),
            "to" => asked.to = Some(value),
            "group" => asked.group = Some(value),
            "sport" => asked.sports.push(value),
            _ => {}
        }
    }
    asked
}

/// What tells two answers of one version apart. The incarnation is part of it: after a wipe, versions
/// begin again, and an old tag must not name a new answer.
fn parts(question: &Question, incarnation: &str) -> String {
    let sports: Vec<&str> = question.sports.iter().map(Sport::as_str).collect();
    format!(
        "{incarnation} {} {} {} {}",
        question.from,
        question.to,
        question.group,
        sports.join(",")
    )
}
