//! Entity tags: the version of what was read, so that nothing is sent twice and no edit is lost.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};

use crate::Problem;

/// The strong tag of a version, as it stands in the `ETag` header.
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The strong tag of a version of something that depends on more than it; `parts` tells apart what
/// shares the version.
pub fn etag_with(version: i64, parts: &str) -> String {
    // FNV-1a: a short, stable fingerprint; no secret is involved.
    let hash = parts.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("\"{version}-{hash:x}\"")
}

/// What is compared with the caller's tags: a version, or a whole tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(String);

impl From<i64> for Tag {
    fn from(version: i64) -> Self {
        Self(etag(version))
    }
}

impl<T: AsRef<str> + ?Sized> From<&T> for Tag {
    fn from(tag: &T) -> Self {
        Self(tag.as_ref().to_owned())
    }
}

/// Whether the caller has this already: then answer 304 with the tag and no body.
pub fn not_modified(request: &HttpRequest, tag: impl Into<Tag>) -> bool {
    let Tag(tag) = tag.into();
    named(request, header::IF_NONE_MATCH)
        .any(|theirs| theirs == "*" || theirs.trim_start_matches("W/") == tag)
}

/// Refuses a write whose `If-Match` names another version; one without the header passes.
pub fn if_match(request: &HttpRequest, tag: impl Into<Tag>) -> Result<(), Problem> {
    let Tag(tag) = tag.into();
    let mut theirs = named(request, header::IF_MATCH).peekable();
    if theirs.peek().is_none() || theirs.any(|theirs| theirs == "*" || theirs == tag) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed"))
}

/// The tags in a header; ours hold no commas.
fn named(request: &HttpRequest, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = request.headers().get_all(name).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_caller_who_has_this_version_needs_no_body() {
        for (header, expected) in [
            ("\"7\"", true),
            ("W/\"7\", \"8\"", true),
            ("\"6\"", false),
            ("*", true),
            ("nonsense", false),
        ] {
            let request = TestRequest::default()
                .insert_header((header::IF_NONE_MATCH, header))
                .to_http_request();
            assert_eq!(not_modified(&request, 7), expected, "{header}");
        }
        assert!(!not_modified(&TestRequest::default().to_http_request(), 7));
    }

    #[test]
    fn another_question_has_another_tag() {
        assert_ne!(etag_with(7, "sport=Run"), etag_with(7, "sport=Ride"));
        let tag = etag_with(7, "sport=Run");
        let request = TestRequest::default()
            .insert_header((header::IF_NONE_MATCH, tag.as_str()))
            .to_http_request();
        assert!(not_modified(&request, &tag) && !not_modified(&request, 7));
    }

    #[test]
    fn an_edit_of_an_old_version_is_refused() {
        let request =
            TestRequest::default().insert_header((header::IF_MATCH, "\"6\"")).to_http_request();
        assert_eq!(if_match(&request, 7).unwrap_err().status(), 412);
        assert!(if_match(&request, 6).is_ok());
    }
}
