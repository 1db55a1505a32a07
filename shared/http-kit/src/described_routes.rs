//! The routes as the API description has them: their methods and the names of their query parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use url::form_urlencoded;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, PathItem, RefOr};

use crate::Problem;

/// Start of the paths whose query parameters are checked; the form of other routes is decided elsewhere.
const CHECKED: &str = "/v1/";

/// The described routes by path pattern. Register it with `app_data`.
#[derive(Clone, Debug, Default)]
pub struct DescribedRoutes(Arc<BTreeMap<String, Route>>);

#[derive(Debug)]
struct Route {
    /// Value of the `Allow` header of a 405.
    allow: HeaderValue,
    /// Names of the query parameters by method.
    parameters: BTreeMap<&'static str, Vec<String>>,
}

impl DescribedRoutes {
    /// Reads every path of the document.
    pub fn from_openapi(api: &OpenApi) -> Self {
        let routes = api.paths.paths.iter();
        Self(Arc::new(
            routes.filter_map(|(path, item)| Some((path.clone(), describe(item)?))).collect(),
        ))
    }

    /// Returns the value of the `Allow` header of a route.
    pub(crate) fn allow(&self, pattern: &str) -> Option<&HeaderValue> {
        self.0.get(pattern).map(|route| &route.allow)
    }

    /// Checks that a route has every parameter of the query string; another is a 422 that names the nearest
    /// one and all of them. Routes that are not described have any.
    pub(crate) fn check_query(
        &self,
        pattern: &str,
        method: &Method,
        query_string: &str,
    ) -> Result<(), Problem> {
        let route = self.0.get(pattern).filter(|_| pattern.starts_with(CHECKED));
        match route.and_then(|route| route.parameters.get(method.as_str())) {
            Some(known) if !query_string.is_empty() => check_names(query_string, known),
            _ => Ok(()),
        }
    }
}

fn describe(item: &PathItem) -> Option<Route> {
    let operations = [
        (&item.get, "GET", "GET, HEAD"),
        (&item.post, "POST", "POST"),
        (&item.put, "PUT", "PUT"),
        (&item.patch, "PATCH", "PATCH"),
        (&item.delete, "DELETE", "DELETE"),
    ];
    let defined = operations
        .into_iter()
        .filter_map(|(operation, method, allow)| Some((operation.as_ref()?, method, allow)));
    let (methods, parameters): (Vec<_>, _) =
        defined.map(|(operation, method, allow)| (allow, (method, query_names(operation)))).unzip();
    Some(Route { allow: HeaderValue::from_str(&methods.join(", ")).ok()?, parameters })
}

fn query_names(operation: &Operation) -> Vec<String> {
    let parameters = operation.parameters.iter().flatten();
    parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => {
                Some(parameter.name.clone())
            }
            _ => None,
        })
        .collect()
}

fn check_names(query_string: &str, known: &[String]) -> Result<(), Problem> {
    let unknown = form_urlencoded::parse(query_string.as_bytes())
        .map(|(name, _)| name)
        .find(|name| !known.iter().any(|known| known == name));
    let Some(unknown) = unknown else { return Ok(()) };
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let message = match (nearest(&unknown, known), names.is_empty()) {
        (Some(nearest), _) => {
            format!("unknown parameter; did you mean `{nearest}`? Known are {}", names.join(", "))
        }
        (None, false) => format!("unknown parameter; known are {}", names.join(", ")),
        (None, true) => "unknown parameter; there are none here".to_owned(),
    };
    Err(Problem::invalid().field(unknown.into_owned(), message))
}

/// Returns the name that is fewest changes away from this one, at most half of its letters.
fn nearest<'a>(unknown: &str, known: &'a [String]) -> Option<&'a str> {
    // The distance takes time with the product of the lengths.
    let short: String = unknown.chars().take(64).collect();
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, &short), name.as_str()))
        .filter(|(distance, name)| distance * 2 <= name.len())
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest_known_one() {
        let known = names(&["from", "to", "group", "sport"]);
        let refused = |query| {
            let problem = check_names(query, &known).unwrap_err();
            assert_eq!(problem.status().as_u16(), 422);
            (problem.fields()[0].field.clone(), problem.fields()[0].message.clone())
        };

        let (field, message) = refused("from=2026-01-01&sports=Run");
        assert_eq!(field, "sports");
        assert!(message.contains("did you mean `sport`?"), "{message}");
        let (_, message) = refused("month=11");
        assert!(message.ends_with("known are `from`, `to`, `group`, `sport`"), "{message}");
        let (_, message) = refused(&format!("{}=1", "sport".repeat(10_000)));
        assert!(!message.contains("did you mean"), "{message}");
        assert!(check_names("sport=Run&sport=Ride&to=", &known).is_ok());
    }

    /// A list of things with a query parameter and a header, and a route of a predecessor.
    fn routes() -> DescribedRoutes {
        use utoipa::openapi::path::{HttpMethod, Parameter, PathItem};
        use utoipa::openapi::{OpenApiBuilder, PathsBuilder};
        let parameter = |name: &str, place| {
            RefOr::T(Parameter::builder().name(name).parameter_in(place).build())
        };
        let mut list = Operation::new();
        list.parameters = Some(vec![
            parameter("limit", ParameterIn::Query),
            parameter("if-match", ParameterIn::Header),
        ]);
        let mut things = PathItem::new(HttpMethod::Get, list.clone());
        things.post = Some(Operation::new());
        let paths = PathsBuilder::new()
            .path("/v1/things", things)
            .path("/strava/things", PathItem::new(HttpMethod::Get, list));
        DescribedRoutes::from_openapi(&OpenApiBuilder::new().paths(paths.build()).build())
    }

    #[test]
    fn a_route_takes_the_query_parameters_of_its_description() {
        let check = |pattern: &str, method: &Method, query: &str| {
            routes().check_query(pattern, method, query).is_ok()
        };
        assert!(check("/v1/things", &Method::GET, ""));
        assert!(check("/v1/things", &Method::GET, "limit=3"));
        assert!(!check("/v1/things", &Method::GET, "limits=3"));
        assert!(!check("/v1/things", &Method::GET, "if-match=3"), "that is a header");
        assert!(!check("/v1/things", &Method::POST, "limit=3"), "another method");
        assert!(check("/v1/things", &Method::DELETE, "limit=3"), "a method that is not described");
        assert!(check("/strava/things", &Method::GET, "limits=3"), "a predecessor's");
        assert!(check("/v1/elsewhere", &Method::GET, "limits=3"), "not described");
    }

    #[test]
    fn a_route_allows_the_methods_of_its_description() {
        assert_eq!(routes().allow("/v1/things").unwrap(), "GET, HEAD, POST");
        assert!(routes().allow("/v1/elsewhere").is_none());
    }

    #[test]
    fn a_route_without_parameters_says_so() {
        let problem = check_names("state=ended", &[]).unwrap_err();
        assert!(problem.fields()[0].message.ends_with("there are none here"));
    }
}
