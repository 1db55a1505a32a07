//! `/v1/rules/test`: a trial of names on a title.

use actix_web::HttpResponse;
use auth::SignedIn;
use http_kit::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::errors;
use crate::domain::link::Names;
use crate::domain::matching::find_name;

/// Names and a title to try them on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleBody {
    /// As in a link.
    names: Vec<String>,
    /// An activity's title.
    title: String,
}

/// Result of a trial of names on a title.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleView {
    /// True if the title contains one of the names as a whole word.
    matches: bool,
    /// The first name that it contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Tries names on a title; nothing is stored.
#[utoipa::path(post, path = "/v1/rules/test", tag = "links", request_body = RuleBody, responses(
    (status = 200, body = RuleView),
    (status = 401, description = "not signed in"),
    (status = 422, description = "a field is not as it should be"),
))]
pub(crate) async fn test(
    _caller: SignedIn,
    Json(body): Json<RuleBody>,
) -> Result<HttpResponse, Problem> {
    if body.title.chars().count() > 1000 {
        return Err(errors::invalid_field("title", "must have at most 1000 characters"));
    }
    let names = Names::parse(&body.names).map_err(|error| errors::invalid_field("names", error))?;
    let name = find_name(&body.title, names.iter()).map(str::to_owned);
    Ok(HttpResponse::Ok().json(RuleView { matches: name.is_some(), name }))
}
