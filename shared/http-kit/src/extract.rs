//! Extractors of bodies, queries and paths; a value of the wrong form is a problem that names its field.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::{FutureExt, LocalBoxFuture, Ready, ready};
use serde::de::DeserializeOwned;
use std::time::Duration;

use crate::{CallerCheck, Problem};

/// Maximum time a body may take to arrive, 30 seconds by default. Register another with `app_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTimeout(pub Duration);

impl Default for BodyTimeout {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// Maximum size of a JSON body in bytes, 256 KiB by default. Register another with `app_data`, for the
/// whole app or for one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    fn default() -> Self {
        Self(256 * 1024)
    }
}

/// A body of which nothing is read before the handler asks for it.
pub struct Body {
    payload: Payload,
    content_length: Option<usize>,
    timeout: Duration,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("content_length", &self.content_length).finish_non_exhaustive()
    }
}

impl Body {
    fn from_request_head(request: &HttpRequest, payload: &mut Payload) -> Self {
        let content_length = request.headers().get(header::CONTENT_LENGTH);
        Self {
            payload: payload.take(),
            content_length: content_length.and_then(|length| length.to_str().ok()?.parse().ok()),
            timeout: request.app_data::<BodyTimeout>().copied().unwrap_or_default().0,
        }
    }

    /// Reads it: at most this many bytes, within [`BodyTimeout`].
    pub async fn read(self, limit: usize) -> Result<Bytes, Problem> {
        if self.content_length.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        match tokio::time::timeout(self.timeout, read_limited(self.payload, limit)).await {
            Ok(body) => body,
            Err(_elapsed) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request-timeout")),
        }
    }
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::from_request_head(request, payload)))
    }
}

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// The query parameters.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// The parameters of the path; one that does not parse is a 404, as for an unknown path.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (body, checked) = (read_json_body(request, payload), CallerCheck::end(request));
        async move {
            checked.await;
            parse_json(&body.await?).map(Self)
        }
        .boxed_local()
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        refuse_after_check(request, parse_query(request.query_string()).map(Self))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let path = web::Path::<T>::from_request(request, payload).into_inner();
        let path = path.map(|path| Self(path.into_inner()));
        refuse_after_check(request, path.map_err(|_not_parsed| Problem::not_found()))
    }
}

/// Passes a value on at once, and a refusal when the caller is known.
fn refuse_after_check<T: 'static>(
    request: &HttpRequest,
    result: Result<T, Problem>,
) -> LocalBoxFuture<'static, Result<T, Problem>> {
    let checked = CallerCheck::end(request);
    async move {
        if result.is_err() {
            checked.await;
        }
        result
    }
    .boxed_local()
}

/// Parses a JSON body; a field of the wrong form is a 422 that names it.
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut source = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut source).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() {
            invalid_field(path, &without_position(&error))
        } else {
            malformed(&error)
        }
    })?;
    source.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let source = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(source)
        .map_err(|error| invalid_field(error.path().to_string(), &error.inner().to_string()))
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body")
        .detail(format_args!("the body is not JSON: {error}"))
}

/// Builds a 422 about the field at this path. A missing or unknown field is named in the message only.
fn invalid_field(path: String, message: &str) -> Problem {
    let prefixes = ["missing field `", "unknown field `", "duplicate field `"];
    let name = prefixes.iter().find_map(|prefix| message.strip_prefix(prefix)?.split('`').next());
    let field = match (path.as_str(), name) {
        ("." | "", Some(name)) => name.to_owned(),
        // The path of an unknown or repeated field ends with its name already.
        (_, Some(name)) if !path.ends_with(name) => format!("{path}.{name}"),
        _ => path,
    };
    Problem::invalid().field(field, message)
}

/// Returns the message without "at line 1 column 20".
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map(|(message, _)| message.to_owned()).unwrap_or(text)
}

fn read_json_body(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Bytes, Problem>> + use<> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok()?.split(';').next())
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let limit = request.app_data::<BodyLimit>().copied().unwrap_or_default().0;
    let body = Body::from_request_head(request, payload);
    async move {
        if content_type != "application/json" && !content_type.ends_with("+json") {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"));
        }
        body.read(limit).await
    }
}

async fn read_limited(mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn unreadable(error: &PayloadError) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-request").detail(error)
}

fn too_large(limit: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large")
        .detail(format_args!("at most {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Link {
        child: String,
        names: Vec<String>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        count: u8,
    }

    fn field_of(body: &str) -> String {
        let problem = parse_json::<Link>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.status(), 422, "{body}");
        problem.fields()[0].field.clone()
    }

    #[test]
    fn a_wrong_field_is_named_wherever_it_is() {
        assert_eq!(field_of(r#"{"child":1,"names":[]}"#), "child");
        assert_eq!(field_of(r#"{"child":"x","names":["a",2]}"#), "names[1]");
        assert_eq!(field_of(r#"{"child":"x","names":[],"inner":{"count":300}}"#), "inner.count");
        assert_eq!(field_of(r#"{"child":"x","names":[],"inner":{}}"#), "inner.count");
        assert_eq!(field_of(r#"{"child":"x"}"#), "names");
        assert_eq!(field_of(r#"{"child":"x","names":[],"extra":1}"#), "extra");
    }

    #[test]
    fn a_body_that_is_not_json_is_malformed_not_invalid() {
        for body in ["", "{", r#"{"child":"x","names":[]} trailing"#, "<html>"] {
            let problem = parse_json::<Link>(body.as_bytes()).unwrap_err();
            assert_eq!(
                (problem.status().as_u16(), problem.code()),
                (400, "malformed-body"),
                "{body:?}"
            );
        }
        let link =
            parse_json::<Link>(br#"{"child":"x","names":["a"],"inner":{"count":3}}"#).unwrap();
        assert_eq!((link.child.as_str(), link.names.len(), link.inner.unwrap().count), ("x", 1, 3));
    }

    #[test]
    fn a_wrong_query_names_its_field() {
        #[derive(Debug, Deserialize)]
        struct ListQuery {
            #[expect(dead_code, reason = "only its parsing matters")]
            limit: u32,
        }
        assert_eq!(parse_query::<ListQuery>("limit=many").unwrap_err().fields()[0].field, "limit");
        assert_eq!(parse_query::<ListQuery>("").unwrap_err().fields()[0].field, "limit");
        assert!(parse_query::<ListQuery>("limit=3").is_ok());
    }
}
