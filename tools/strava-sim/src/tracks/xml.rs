//! A small pull reader over XML that hands out local names and texts.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::TrackError;

/// What the reader saw.
pub(super) enum Node {
    /// An element begins; `empty` ones end at once.
    Open { name: String, attributes: Vec<(String, String)> },
    /// An element ends; `text` is the text directly before.
    Close { name: String, text: String },
}

/// Walks a document and calls back for every element.
pub(super) fn walk(bytes: &[u8], mut each: impl FnMut(Node)) -> Result<(), TrackError> {
    let text = std::str::from_utf8(bytes).map_err(|_not_utf8| TrackError::Malformed)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut content = String::new();
    let mut depth = 0usize;
    let mut elements = 0usize;
    loop {
        match reader.read_event().map_err(|_broken| TrackError::Malformed)? {
            Event::Start(tag) => {
                depth += 1;
                elements += 1;
                content.clear();
                each(Node::Open {
                    name: local(tag.local_name().as_ref()),
                    attributes: attributes(&tag),
                });
            }
            Event::Empty(tag) => {
                elements += 1;
                let name = local(tag.local_name().as_ref());
                each(Node::Open { name: name.clone(), attributes: attributes(&tag) });
                each(Node::Close { name, text: String::new() });
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                each(Node::Close {
                    name: local(tag.local_name().as_ref()),
                    text: std::mem::take(&mut content),
                });
            }
            Event::Text(part) => content.push_str(&part),
            Event::CData(part) => content.push_str(&part),
            Event::GeneralRef(entity) => content.push_str(resolve(&entity)),
            Event::Eof => break,
            _ => {}
        }
    }
    if depth > 0 || elements == 0 {
        return Err(TrackError::Malformed);
    }
    Ok(())
}

fn resolve(entity: &str) -> &'static str {
    match entity {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    }
}

fn local(name: &str) -> String {
    name.to_owned()
}

fn attributes(tag: &quick_xml::events::BytesStart<'_>) -> Vec<(String, String)> {
    tag.attributes()
        .flatten()
        .map(|attribute| {
            (local(attribute.key.local_name().as_ref()), attribute.value.clone().into_owned())
        })
        .collect()
}

/// Seconds since 1970 of an XML date-time, fractions kept; without an offset it counts as UTC.
pub(super) fn time(text: &str) -> Option<f64> {
    let text = text.trim();
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.timestamp_millis() as f64 / 1000.0)
        .or_else(|_| {
            chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                .map(|moment| moment.and_utc().timestamp_millis() as f64 / 1000.0)
        })
        .ok()
}
