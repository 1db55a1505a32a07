//! Answers with an ETag.

use actix_web::http::header::{self, EntityTag};
use actix_web::{HttpRequest, HttpResponse};
use http_kit::is_not_modified;
use serde::Serialize;

/// Responds with the view and its ETag, or with 304 if the caller has this version.
pub(super) fn respond_with_etag(
    request: &HttpRequest,
    tag: EntityTag,
    view: &impl Serialize,
) -> HttpResponse {
    let tag = (header::ETAG, tag);
    if is_not_modified(request, &tag.1) {
        return HttpResponse::NotModified().insert_header(tag).finish();
    }
    HttpResponse::Ok().insert_header(tag).json(view)
}
