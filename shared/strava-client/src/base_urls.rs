//! Where Strava is: one configured address, every path joined to it.

use url::Url;

/// The addresses that the one configured address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrls {
    api: Url,
    oauth: Url,
}

/// An address that no path can be joined to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is no http or https address that paths can be joined to")]
pub struct InvalidBaseUrl(Url);

impl BaseUrls {
    /// The addresses behind `base`.
    ///
    /// `https://www.strava.com/` (and any other plain host, such as the simulator's) keeps the
    /// API under `api/v3/` and OAuth under `oauth/`. An address whose path already ends in
    /// `api/v3`, or whose host is the announced `…api-v3.strava.com`, is the API itself; OAuth
    /// then stays on the host's root, or on `www.strava.com` for Strava's own new host.
    pub fn new(base: &Url) -> Result<Self, InvalidBaseUrl> {
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

    /// An API address and an OAuth address that have nothing to do with each other.
    pub const fn from_parts(api: Url, oauth: Url) -> Self {
        Self { api, oauth }
    }

    /// An address of the API; `segments` are escaped.
    pub(crate) fn api(&self, segments: &[&str]) -> Url {
        extend(&self.api, segments)
    }

    /// An address of the OAuth pages.
    pub(crate) fn oauth(&self, page: &str) -> Url {
        extend(&self.oauth, &[page])
    }
}

fn extend(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(base: &str) -> (String, String) {
        let addresses = BaseUrls::new(&Url::parse(base).unwrap()).unwrap();
        (addresses.api(&["activities", "7"]).to_string(), addresses.oauth("token").to_string())
    }

    #[test]
    fn a_plain_host_keeps_the_api_under_api_v3() {
        for base in ["https://www.strava.com/", "https://www.strava.com"] {
            assert_eq!(
                addresses(base),
                (
                    "https://www.strava.com/api/v3/activities/7".to_owned(),
                    "https://www.strava.com/oauth/token".to_owned()
                )
            );
        }
    }

    #[test]
    fn a_path_before_the_api_survives() {
        assert_eq!(
            addresses("http://127.0.0.1:5050/strava?x=1"),
            (
                "http://127.0.0.1:5050/strava/api/v3/activities/7".to_owned(),
                "http://127.0.0.1:5050/strava/oauth/token".to_owned()
            )
        );
    }

    #[test]
    fn the_announced_host_of_2027_is_the_api_itself() {
        assert_eq!(
            addresses("https://www.api-v3.strava.com"),
            (
                "https://www.api-v3.strava.com/activities/7".to_owned(),
                "https://www.strava.com/oauth/token".to_owned()
            )
        );
        assert_eq!(
            addresses("http://localhost:1/api/v3/"),
            (
                "http://localhost:1/api/v3/activities/7".to_owned(),
                "http://localhost:1/oauth/token".to_owned()
            )
        );
    }

    #[test]
    fn an_address_that_cannot_carry_a_path_is_refused() {
        assert!(BaseUrls::new(&Url::parse("mailto:a@b").unwrap()).is_err());
    }
}
