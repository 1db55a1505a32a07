//! HTTP clients, all with the same user agent, timeouts and redirect policy.

use std::time::Duration;

/// Creates an HTTP client with our user agent that waits at most `timeout` for a response and follows no
/// redirects: tokens and credentials go to the address they were sent to and nowhere else.
pub fn http_client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("paceline/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .pool_idle_timeout(Duration::from_secs(50))
        .redirect(reqwest::redirect::Policy::none())
        .build()
}
