//! `/v1/rules/test`: would this title be copied?

use actix_web::HttpResponse;
use auth::SignedIn;
use http_kit::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::errors;
use crate::domain::link::Names;
use crate::domain::matching::named;

/// Names and a title to try them on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleBody {
    /// As in a link.
    names: Vec<String>,
    /// An activity's title.
    title: String,
}

/// What a link with these names would say of the title.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleView {
    /// Whether the title holds one of the names as a whole word.
    matches: bool,
    /// The first that it holds.
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
        return Err(errors::invalid("title", "must have at most 1000 characters"));
    }
    let names = Names::parse(&body.names).map_err(|why| errors::invalid("names", why))?;
    let name = named(&body.title, names.iter()).map(str::to_owned);
    Ok(HttpResponse::Ok().json(RuleView { matches: name.is_some(), name }))
}
