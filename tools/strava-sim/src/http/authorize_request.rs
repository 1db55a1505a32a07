//! The checked parameters of an authorize request.

use url::Url;

use super::params::Params;
use super::response::Fault;
use crate::world::{App, Scopes, World};

/// An authorize request of a known application.
pub(super) struct AuthorizeRequest {
    pub(super) app: App,
    pub(super) redirect_uri: Url,
    pub(super) scopes: Scopes,
    pub(super) state: String,
    /// From the parameter `athlete` or `login_hint`.
    pub(super) athlete: Option<i64>,
    pub(super) force_page: bool,
}

impl AuthorizeRequest {
    /// Checks client, redirect, response type and scope, in this order.
    pub(super) fn parse(world: &World, params: &Params) -> Result<Self, Fault> {
        let invalid = |field: &str| Fault::bad_request("Application", field, "invalid");
        let app = params
            .number::<i64>("client_id")
            .and_then(|id| world.apps.get(&id))
            .ok_or_else(|| invalid("client_id"))?;
        let redirect_uri = Url::parse(params.text("redirect_uri"))
            .ok()
            .filter(|url| is_allowed(url, &app.callback_domain))
            .ok_or_else(|| invalid("redirect_uri"))?;
        if params.text("response_type") != "code" {
            return Err(invalid("response_type"));
        }
        let scopes = Scopes::parse(params.text("scope"))
            .ok()
            .filter(|scopes| !scopes.is_empty())
            .ok_or_else(|| invalid("scope"))?;
        Ok(Self {
            app: app.clone(),
            redirect_uri,
            scopes,
            state: params.text("state").to_owned(),
            athlete: params.number("athlete").or_else(|| params.number("login_hint")),
            force_page: params.text("approval_prompt") == "force",
        })
    }
}

fn is_allowed(url: &Url, domain: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    let local = matches!(host, "localhost" | "127.0.0.1");
    let within = host == domain || host.ends_with(&format!(".{domain}"));
    matches!(url.scheme(), "http" | "https") && (local || within)
}
