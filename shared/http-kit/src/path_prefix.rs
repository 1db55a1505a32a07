//! A path prefix that a proxy before us serves us under: `https://host/paceline/`.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::uri::{PathAndQuery, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

/// A path without its last slash, such as `/paceline`; empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The prefix of an address with this path.
    pub fn from_path(path: &str) -> Self {
        Self(path.trim_end_matches('/').to_owned())
    }

    /// Returns the prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what follows the prefix, from its slash on; none for a path outside of it.
    fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(self.0.as_str()).filter(|rest| rest.starts_with('/'))
    }

    /// Serves a request whether the proxy kept the prefix or stripped it, and leads back under it.
    pub(crate) async fn serve(
        self,
        mut request: ServiceRequest,
        next: Next<impl MessageBody + 'static>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        if request.path() == self.0 {
            let home = (header::LOCATION, format!("{}/", self.0));
            let answer = HttpResponse::PermanentRedirect().insert_header(home).finish();
            return Ok(request.into_response(answer));
        }
        if let Some(uri) =
            self.strip(request.path()).and_then(|path| with_path(request.uri(), path))
        {
            request.match_info_mut().get_mut().update(&uri);
            request.head_mut().uri = uri;
        }
        let mut response = next.call(request).await?.map_into_boxed_body();
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|location| self.prefix(location.to_str().ok()?));
        if let Some(location) = location.and_then(|it| HeaderValue::from_str(&it).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    }

    /// Returns a location under the prefix, if it is a path of ours.
    fn prefix(&self, location: &str) -> Option<String> {
        let is_ours = location.starts_with('/') && !location.starts_with("//");
        is_ours.then(|| format!("{}{location}", self.0))
    }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    parts.path_and_query = Some(format!("{path}{query}").parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_ours_leads_back_under_the_prefix_and_nothing_else() {
        let prefix = PathPrefix::from_path("/paceline/");
        assert_eq!(prefix.prefix("/v1/links/5").as_deref(), Some("/paceline/v1/links/5"));
        for location in ["//elsewhere.example/", "https://www.strava.com/oauth", "docs/"] {
            assert_eq!(prefix.prefix(location), None, "{location}");
        }
    }

    #[test]
    fn only_what_lies_under_the_prefix_is_stripped() {
        let prefix = PathPrefix::from_path("/paceline/");
        assert_eq!(prefix.strip("/paceline/v1/links"), Some("/v1/links"));
        assert_eq!(prefix.strip("/paceline/"), Some("/"));
        for path in ["/v1/links", "/pacelines/v1", "/paceline", "/"] {
            assert_eq!(prefix.strip(path), None, "{path}");
        }
        assert!(PathPrefix::from_path("/").is_empty() && !prefix.is_empty());
        assert_eq!(prefix.as_str(), "/paceline");
        let uri: Uri = "/paceline/v1/copies?limit=3".parse().unwrap();
        assert_eq!(with_path(&uri, "/v1/copies").unwrap(), "/v1/copies?limit=3");
    }
}
