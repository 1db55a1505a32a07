//! The page on which an athlete grants or refuses.

use super::oauth::Asked;
use crate::world::{Athlete, World};

/// Makes text safe inside HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page.
pub(super) fn render(world: &World, asked: &Asked, athlete: i64) -> String {
    let person = |person: &Athlete| {
        let chosen = if person.id == athlete { " selected" } else { "" };
        format!("<option value=\"{}\"{chosen}>{}</option>", person.id, escape(&person.name()))
    };
    // `read` is always part of a grant
    let tick = |scope: &str| {
        let fixed = if scope == "read" { " disabled" } else { "" };
        format!(
            "<label><input type=\"checkbox\" name=\"granted\" value=\"{scope}\" checked{fixed}> {scope}</label>"
        )
    };
    let keep = |(name, value): (&str, String)| {
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(&value))
    };
    let people: Vec<String> =
        world.order.iter().filter_map(|id| world.athletes.get(id)).map(|who| person(who)).collect();
    let boxes: Vec<String> = asked.scopes.granted(None).iter().map(tick).collect();
    let hidden = [
        ("client_id", asked.app.id.to_string()),
        ("redirect_uri", asked.redirect.to_string()),
        ("response_type", "code".to_owned()),
        ("scope", asked.scopes.to_string()),
        ("state", asked.state.clone()),
    ]
    .map(keep);
    let (people, boxes, hidden) = (people.concat(), boxes.concat(), hidden.concat());
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Authorize {name}</title>\
         <style>body{{font:16px/1.5 sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}}\
         label{{display:block}}button{{font:inherit;padding:.4rem 1.2rem;margin-right:.5rem}}</style></head>\
         <body><h1>Authorize {name}</h1><p>This is a simulated Strava. {name} would like to:</p>\
         <form method=\"post\" action=\"/oauth/authorize\">{hidden}\
         <p><label>Sign in as <select name=\"athlete\">{people}</select></label></p><p>{boxes}</p>\
         <p><button name=\"authorize\" value=\"1\">Authorize</button>\
         <button name=\"refuse\" value=\"1\">Cancel</button></p></form></body></html>",
        name = escape(&asked.app.name),
    )
}
