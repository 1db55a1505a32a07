//! Lists in pages: an opaque cursor, a limit, and a `Link` to the next page.

use serde::Serialize;

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The value of the `Link` header that leads to the next page (RFC 8288).
pub fn next_link(path: &str, cursor: &str, limit: u32) -> String {
    let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
    format!("<{path}?cursor={cursor}&limit={limit}>; rel=\"next\"")
}
