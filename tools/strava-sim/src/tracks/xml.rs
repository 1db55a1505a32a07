//! A small pull reader over XML that hands out local names and texts.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::track::TrackError;

/// The start or the end of an element.
pub(super) enum Tag {
    Open {
        name: String,
        attributes: Attributes,
    },
    /// `text` is the text directly before the end.
    Close {
        name: String,
        text: String,
    },
}

/// The attributes of an element by local name.
pub(super) struct Attributes(Vec<(String, String)>);

impl Attributes {
    fn read(start: &BytesStart<'_>) -> Self {
        let pairs = start.attributes().flatten().map(|attribute| {
            let name = attribute.key.local_name().as_ref().to_owned();
            (name, attribute.value.clone().into_owned())
        });
        Self(pairs.collect())
    }

    /// The value of an attribute.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Walks a document and calls back for every start and end of an element.
pub(super) fn walk(bytes: &[u8], mut visit: impl FnMut(Tag)) -> Result<(), TrackError> {
    let text = std::str::from_utf8(bytes).map_err(|_not_utf8| TrackError::Malformed)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut content = String::new();
    let mut depth = 0usize;
    let mut elements = 0usize;
    loop {
        match reader.read_event().map_err(|_broken| TrackError::Malformed)? {
            Event::Start(start) => {
                depth += 1;
                elements += 1;
                content.clear();
                let name = start.local_name().as_ref().to_owned();
                visit(Tag::Open { name, attributes: Attributes::read(&start) });
            }
            Event::Empty(start) => {
                elements += 1;
                let name = start.local_name().as_ref().to_owned();
                visit(Tag::Open { name: name.clone(), attributes: Attributes::read(&start) });
                visit(Tag::Close { name, text: String::new() });
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                let name = end.local_name().as_ref().to_owned();
                visit(Tag::Close { name, text: std::mem::take(&mut content) });
            }
            Event::Text(part) => content.push_str(&part),
            Event::CData(part) => content.push_str(&part),
            Event::GeneralRef(entity) => content.push_str(resolve_entity(&entity)),
            Event::Eof => break,
            _ => {}
        }
    }
    if depth > 0 || elements == 0 {
        return Err(TrackError::Malformed);
    }
    Ok(())
}

fn resolve_entity(entity: &str) -> &'static str {
    match entity {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    }
}

/// Seconds since 1970 of an XML date-time, fractions kept; without an offset it counts as UTC.
pub(super) fn parse_time(text: &str) -> Option<f64> {
    let text = text.trim();
    let millis = match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(moment) => moment.timestamp_millis(),
        Err(_) => chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .ok()?
            .and_utc()
            .timestamp_millis(),
    };
    Some(millis as f64 / 1000.0)
}
