//! Headers that every answer carries unless its handler said otherwise.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Pages may load only what we serve ourselves; the API page needs inline styles and data images.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(crate) fn secure(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    default(headers, header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    default(headers, header::CACHE_CONTROL, "private, no-cache");
    let is_page = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page {
        default(headers, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
}

fn default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
