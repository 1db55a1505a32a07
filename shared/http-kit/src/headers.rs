//! Security and caching headers of every response; a handler may set its own.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Content security policy of HTML pages: own resources only. The Swagger page needs inline styles and
/// data images.
const HTML_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(crate) fn add_security_headers(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set_if_absent(headers, header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    set_if_absent(headers, header::CACHE_CONTROL, "private, no-cache");
    let is_public = headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|value| value.as_bytes().starts_with(b"public"));
    if !is_public {
        // Of the same address everybody has their own.
        headers.append(header::VARY, HeaderValue::from_static("Authorization, Cookie"));
    }
    let is_html = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_html {
        set_if_absent(headers, header::CONTENT_SECURITY_POLICY, HTML_POLICY);
    }
}

fn set_if_absent(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
