//! The base URLs of the API and of OAuth, derived from one configured URL.

use url::Url;

/// The base URLs of the API and of OAuth.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrls {
    api: Url,
    oauth: Url,
}

/// A URL that cannot be the base of others.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is not a base URL: it must begin with http:// or https://")]
pub struct InvalidBaseUrl(Url);

impl BaseUrls {
    /// Derives the base URLs from `base`.
    ///
    /// `https://www.strava.com/` (and any other plain host, such as the simulator's) has the API under
    /// `api/v3/` and OAuth under `oauth/`. A URL whose path already ends in `api/v3`, or whose host is
    /// the announced `…api-v3.strava.com`, is the API itself; OAuth is then on the root of the host,
    /// or on `www.strava.com` for Strava's own new host.
    pub(crate) fn new(base: &Url) -> Result<Self, InvalidBaseUrl> {
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(InvalidBaseUrl(base.clone()));
        }
        let mut root = base.clone();
        root.set_query(None);
        root.set_fragment(None);
        let path = root.path().trim_end_matches('/').to_owned();
        root.set_path(&format!("{path}/"));
        let join = |url: &Url, path: &str| {
            url.join(path).map_err(|_not_joined| InvalidBaseUrl(base.clone()))
        };

        if let Some(before) = path.strip_suffix("/api/v3") {
            let mut host = root.clone();
            host.set_path(&format!("{before}/"));
            return Ok(Self { api: root, oauth: join(&host, "oauth/")? });
        }
        if root.host_str().is_some_and(|host| host.ends_with("api-v3.strava.com")) {
            let mut www = root.clone();
            www.set_path("/");
            www.set_host(Some("www.strava.com"))
                .map_err(|_no_host| InvalidBaseUrl(base.clone()))?;
            return Ok(Self { api: root, oauth: join(&www, "oauth/")? });
        }
        Ok(Self { api: join(&root, "api/v3/")?, oauth: join(&root, "oauth/")? })
    }

    /// Returns the URL of an API resource; `segments` are escaped.
    pub(crate) fn api_url(&self, segments: &[&str]) -> Url {
        append_segments(&self.api, segments)
    }

    /// Returns the URL of an OAuth endpoint.
    pub(crate) fn oauth_url(&self, page: &str) -> Url {
        append_segments(&self.oauth, &[page])
    }
}

fn append_segments(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived_urls(base: &str) -> (String, String) {
        let base_urls = BaseUrls::new(&Url::parse(base).unwrap()).unwrap();
        (
            base_urls.api_url(&["activities", "7"]).to_string(),
            base_urls.oauth_url("token").to_string(),
        )
    }

    #[test]
    fn a_plain_host_has_the_api_under_api_v3() {
        for base in ["https://www.strava.com/", "https://www.strava.com"] {
            assert_eq!(
                derived_urls(base),
                (
                    "https://www.strava.com/api/v3/activities/7".to_owned(),
                    "https://www.strava.com/oauth/token".to_owned()
                )
            );
        }
    }

    #[test]
    fn a_path_before_the_api_is_kept() {
        assert_eq!(
            derived_urls("http://127.0.0.1:5050/strava?x=1"),
            (
                "http://127.0.0.1:5050/strava/api/v3/activities/7".to_owned(),
                "http://127.0.0.1:5050/strava/oauth/token".to_owned()
            )
        );
    }

    #[test]
    fn the_announced_host_of_2027_is_the_api_itself() {
        assert_eq!(
            derived_urls("https://www.api-v3.strava.com"),
            (
                "https://www.api-v3.strava.com/activities/7".to_owned(),
                "https://www.strava.com/oauth/token".to_owned()
            )
        );
        assert_eq!(
            derived_urls("http://localhost:1/api/v3/"),
            (
                "http://localhost:1/api/v3/activities/7".to_owned(),
                "http://localhost:1/oauth/token".to_owned()
            )
        );
    }

    #[test]
    fn a_url_that_cannot_be_a_base_is_refused() {
        assert!(BaseUrls::new(&Url::parse("mailto:a@b").unwrap()).is_err());
    }
}
