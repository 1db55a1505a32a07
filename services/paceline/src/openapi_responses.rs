//! What every route of `/v1` can answer, whatever it does: completed here once instead of at each handler.

use http_kit::ProblemDocument;
use utoipa::PartialSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};

/// Paths that are completed; the predecessors' routes keep their own error shapes.
const COMPLETED: &str = "/v1/";
const PROBLEM: &str = "application/problem+json";
/// Name of the schema of problem documents.
const SCHEMA: &str = "ProblemDocument";

/// Adds the responses that the framework and the middleware give, and the problem document of every refusal.
pub(crate) fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_default();
    components.schemas.entry(SCHEMA.to_owned()).or_insert_with(ProblemDocument::schema);
    for (path, item) in &mut api.paths.paths {
        if path.starts_with(COMPLETED) {
            for operation in operations(item) {
                complete_operation(path, operation);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
        .into_iter()
        .filter_map(Option::as_mut)
}

fn complete_operation(path: &str, operation: &mut Operation) {
    let always = [
        ("422", "A parameter or a field is not as it should be, or there is none of that name"),
        ("500", "A fault of Paceline; the log has its trace id"),
        ("503", "A database is away; try again after `Retry-After` seconds"),
    ];
    let with_caller = [
        ("401", "Nobody is signed in"),
        ("403", "A request from another site with a cookie only, or not an administrator"),
    ];
    let with_id = [("404", "There is no such thing of yours")];
    let with_body = [
        ("400", "The body is not JSON"),
        ("408", "The body did not arrive in 30 seconds"),
        ("413", "The body is too large"),
        ("415", "The body is not `application/json`"),
    ];
    let given = always
        .iter()
        .chain(with_caller.iter().filter(|_| path != "/v1/session"))
        .chain(with_id.iter().filter(|_| path.contains('{')))
        .chain(with_body.iter().filter(|_| operation.request_body.is_some()));
    let responses = &mut operation.responses.responses;
    for (status, description) in given {
        responses
            .entry((*status).to_owned())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().description(*description).build()));
    }
    for (status, response) in responses {
        if let (true, RefOr::T(response)) = (status.as_str() >= "400", response) {
            describe_problem(response);
        }
    }
}

fn describe_problem(response: &mut Response) {
    let schema = Ref::from_schema_name(SCHEMA);
    let content = || RefOr::T(ContentBuilder::new().schema(Some(schema)).build());
    response.content.entry(PROBLEM.to_owned()).or_insert_with(content);
    // A refusal is never of another type.
    response.content.retain(|content_type, _| content_type == PROBLEM);
}

#[cfg(test)]
mod tests {
    use crate::public_routes::openapi;

    #[test]
    fn every_refusal_of_every_route_is_described_as_a_problem() {
        let api = serde_json::to_value(openapi()).unwrap();
        let mut checked = 0;
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let responses = operation["responses"].as_object().unwrap();
                let is_own = path.starts_with("/v1/");
                assert!(!is_own || responses.contains_key("422"), "{method} {path}");
                for (status, response) in
                    responses.iter().filter(|it| is_own && it.0.as_str() >= "400")
                {
                    let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(
                        schema, "#/components/schemas/ProblemDocument",
                        "{method} {path} {status}"
                    );
                    checked += 1;
                }
            }
        }
        assert!(checked > 100, "{checked}");
    }
}
