//! Extractors whose refusals are problem documents.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError, UrlencodedError};
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use crate::Problem;

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);
/// The query of the address.
#[derive(Debug)]
pub struct Query<T>(pub T);
/// The variable parts of the path.
#[derive(Debug)]
pub struct Path<T>(pub T);
/// A form body.
#[derive(Debug)]
pub struct Form<T>(pub T);

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Json::<T>::from_request(request, payload);
        Box::pin(async move {
            match body.await {
                Ok(body) => Ok(Self(body.into_inner())),
                Err(error) => Err(json_problem(&error)),
            }
        })
    }
}

fn json_problem(error: &actix_web::Error) -> Problem {
    match error.as_error::<JsonPayloadError>() {
        Some(JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. }) => {
            too_large()
        }
        Some(JsonPayloadError::ContentType) => {
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json")
                .detail("send application/json")
        }
        Some(JsonPayloadError::Deserialize(fault)) if fault.is_data() => {
            let text = fault.to_string();
            match named(&text) {
                Some(field) => Problem::invalid(field, strip(&text)),
                None => {
                    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid").detail(strip(&text))
                }
            }
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, "malformed").detail("the body is not JSON"),
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(match web::Query::<T>::from_query(request.query_string()) {
            Ok(query) => Ok(Self(query.into_inner())),
            Err(QueryPayloadError::Deserialize(fault)) => Err(query_problem(&fault.to_string())),
            Err(other) => Err(query_problem(&other.to_string())),
        })
    }
}

fn query_problem(text: &str) -> Problem {
    match named(text) {
        Some(field) => Problem::invalid(field, strip(text)),
        None => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid").detail(strip(text)),
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let extracted =
            futures::FutureExt::now_or_never(web::Path::<T>::from_request(request, payload));
        std::future::ready(match extracted {
            Some(Ok(path)) => Ok(Self(path.into_inner())),
            // An id that is none names nothing: the same answer as for one that is not there.
            Some(Err(error)) if error.as_error::<PathError>().is_some() => {
                Err(Problem::not_found())
            }
            _ => Err(Problem::not_found()),
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Form::<T>::from_request(request, payload);
        Box::pin(async move {
            match body.await {
                Ok(body) => Ok(Self(body.into_inner())),
                Err(error) => Err(match error.as_error::<UrlencodedError>() {
                    Some(UrlencodedError::Overflow { .. }) => too_large(),
                    _ => Problem::new(StatusCode::BAD_REQUEST, "malformed")
                        .detail("the body is no form"),
                }),
            }
        })
    }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large")
        .detail("the body is larger than this route takes")
}

/// The field that serde's message names between backticks, if any.
fn named(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("field `")?;
    rest.split_once('`').map(|(field, _)| field)
}

/// Serde's message without where in the text it happened.
fn strip(text: &str) -> String {
    text.split(" at line ").next().unwrap_or(text).to_owned()
}
