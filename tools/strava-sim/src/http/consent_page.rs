//! The page on which an athlete grants or refuses.

use std::sync::Arc;

use super::authorize_request::AuthorizeRequest;
use crate::world::{Athlete, World};

/// Escapes text for HTML.
pub(super) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Renders the page with an athlete preselected.
pub(super) fn render_page(world: &World, request: &AuthorizeRequest, athlete: i64) -> String {
    let option = |option: &Arc<Athlete>| {
        let selected = if option.id == athlete { " selected" } else { "" };
        let name = escape_html(&option.name());
        format!("<option value=\"{}\"{selected}>{name}</option>", option.id)
    };
    // `read` is always part of a grant
    let checkbox = |scope: &str| {
        let disabled = if scope == "read" { " disabled" } else { "" };
        format!(
            "<label><input type=\"checkbox\" name=\"granted\" value=\"{scope}\" checked{disabled}> {scope}</label>"
        )
    };
    let hidden_field = |(name, value): (&str, String)| {
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape_html(&value))
    };
    let athletes = world.athlete_order.iter().filter_map(|id| world.athletes.get(id));
    let options = athletes.map(option).collect::<Vec<_>>().concat();
    let checkboxes = request.scopes.granted(None).iter().map(checkbox).collect::<Vec<_>>().concat();
    let hidden = [
        ("client_id", request.app.id.to_string()),
        ("redirect_uri", request.redirect_uri.to_string()),
        ("response_type", "code".to_owned()),
        ("scope", request.scopes.to_string()),
        ("state", request.state.clone()),
    ]
    .map(hidden_field)
    .concat();
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Authorize {name}</title>\
         <style>body{{font:16px/1.5 sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}}\
         label{{display:block}}button{{font:inherit;padding:.4rem 1.2rem;margin-right:.5rem}}</style></head>\
         <body><h1>Authorize {name}</h1><p>This is a simulated Strava. {name} would like to:</p>\
         <form method=\"post\" action=\"/oauth/authorize\">{hidden}\
         <p><label>Sign in as <select name=\"athlete\">{options}</select></label></p><p>{checkboxes}</p>\
         <p><button name=\"authorize\" value=\"1\">Authorize</button>\
         <button name=\"refuse\" value=\"1\">Cancel</button></p></form></body></html>",
        name = escape_html(&request.app.name),
    )
}
