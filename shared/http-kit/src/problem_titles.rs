//! The problems that every door can answer with; each `type` is a page of the documentation.

/// Where the documentation of each problem lives.
pub const BASE: &str = "https://paceline.dev/problems/";

/// A problem as the documentation lists it. Services list their own the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The last part of the `type`.
    pub code: &'static str,
    /// The status it comes with.
    pub status: u16,
    /// What it is called.
    pub title: &'static str,
    /// When it happens and what to do.
    pub about: &'static str,
}

const fn known(code: &'static str, status: u16, title: &'static str, about: &'static str) -> Known {
    Known { code, status, title, about }
}

/// What any door may answer, by code.
pub const KNOWN: [Known; 20] = [
    known(
        "bad-request",
        400,
        "The request is not understood",
        "The request line, a header or the transfer is broken.",
    ),
    known("body-too-large", 413, "The body is too large", "Send less; the limit is in the detail."),
    known(
        "cross-site-request",
        403,
        "A request from another site",
        "With the session cookie, requests that change something must come from our own pages; scripts send the token in an Authorization header.",
    ),
    known(
        "email-taken",
        409,
        "The e-mail address is taken",
        "There is an account with this e-mail address already.",
    ),
    known(
        "forbidden",
        403,
        "Not allowed",
        "Signed in, but without the permission that this needs.",
    ),
    known(
        "internal",
        500,
        "Something went wrong",
        "Our fault; the log has the reason under the trace id.",
    ),
    known(
        "invalid-request",
        422,
        "Something in the request is not as it should be",
        "`errors` names each field and what it should be.",
    ),
    known(
        "malformed-body",
        400,
        "The body is not understood",
        "The body is not the JSON or form that it says it is.",
    ),
    known(
        "method-not-allowed",
        405,
        "Not with this method",
        "`Allow` lists the methods that this address understands.",
    ),
    known("not-acceptable", 406, "Not in this form", "There is no such representation of it."),
    known("not-found", 404, "Not found", "There is no such thing, or it belongs to somebody else."),
    known(
        "precondition-failed",
        412,
        "It has changed meanwhile",
        "`If-Match` does not name the current version: read it again.",
    ),
    known(
        "request-timeout",
        408,
        "The body did not come in time",
        "Send the body without long pauses.",
    ),
    known(
        "service-credential-required",
        401,
        "For services only",
        "Internal addresses take the service credential as a bearer token.",
    ),
    known(
        "too-many-attempts",
        429,
        "Too many attempts",
        "Sign-in with this e-mail address failed too often; `Retry-After` says when it may be tried again.",
    ),
    known("too-many-requests", 429, "Too many requests", "`Retry-After` says when to come again."),
    known(
        "unauthenticated",
        401,
        "Not signed in",
        "There is no valid access token in the Authorization header or the session cookie.",
    ),
    known(
        "unavailable",
        503,
        "Not available now",
        "Something this needs is away; try again after `Retry-After`.",
    ),
    known(
        "unsupported-media-type",
        415,
        "Not this kind of body",
        "The content type is none that this address takes.",
    ),
    known(
        "wrong-credentials",
        401,
        "The e-mail address or the password is wrong",
        "Sign-in failed; which of both was wrong is not told.",
    ),
];

/// The `type` of a problem.
pub fn type_uri(code: &str) -> String {
    format!("{BASE}{code}")
}

/// The title of a problem: as listed here, or its code as words.
pub(crate) fn title(code: &str) -> String {
    if let Ok(at) = KNOWN.binary_search_by(|known| known.code.cmp(code)) {
        return KNOWN[at].title.to_owned();
    }
    let words = code.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_listed_once_and_in_order() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn a_problem_of_a_service_is_titled_by_its_code() {
        assert_eq!(title("connection-not-found"), "Connection not found");
        assert_eq!(title("not-found"), "Not found");
        assert_eq!(title("forbidden"), "Not allowed");
    }
}
