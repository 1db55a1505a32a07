//! The one way to make an HTTP client: with a name and limits on waiting.

use std::time::Duration;

/// An HTTP client that says who we are, waits at most `timeout` for an answer and follows no redirects:
/// tokens and credentials go where they were sent and nowhere else.
pub fn http_client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("paceline/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .pool_idle_timeout(Duration::from_secs(50))
        .redirect(reqwest::redirect::Policy::none())
        .build()
}
