//! A webhook event as a hint: a reason to fetch an activity, never data about it.

use contracts::strava::{Aspect, Hint, ObjectType};
use kernel::ApplicationId;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Error of parsing an event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HintError {
    #[error("the body is not an event")]
    Unreadable(#[from] serde_json::Error),
    #[error("the event's {0} is unknown")]
    Unknown(&'static str),
}

#[derive(Debug, Deserialize)]
struct WebhookEvent {
    object_type: String,
    object_id: i64,
    aspect_type: String,
    owner_id: i64,
    subscription_id: i64,
    event_time: i64,
    #[serde(default)]
    updates: Option<Map<String, Value>>,
}

/// Changed fields that are forwarded by name.
const FORWARDED_FIELDS: [&str; 5] = ["title", "type", "sport_type", "private", "authorized"];

/// Parses an event of the application's subscription.
pub(crate) fn parse_hint(application: ApplicationId, body: &[u8]) -> Result<Hint, HintError> {
    let event: WebhookEvent = serde_json::from_slice(body)?;
    let updates = event.updates.unwrap_or_default();
    let object_type = match event.object_type.as_str() {
        "activity" => ObjectType::Activity,
        "athlete" => ObjectType::Athlete,
        _ => return Err(HintError::Unknown("object_type")),
    };
    let aspect = match event.aspect_type.as_str() {
        "create" => Aspect::Create,
        "update" => Aspect::Update,
        "delete" => Aspect::Delete,
        _ => return Err(HintError::Unknown("aspect_type")),
    };
    let deauthorized = match updates.get("authorized") {
        Some(Value::String(text)) => text == "false",
        Some(Value::Bool(authorized)) => !authorized,
        _ => false,
    };
    let updated = FORWARDED_FIELDS.into_iter().filter(|name| updates.contains_key(*name));
    Ok(Hint {
        application: application.get(),
        owner: event.owner_id,
        object_type: object_type.into(),
        object_id: event.object_id,
        aspect: aspect.into(),
        updated: updated.map(str::to_owned).collect(),
        deauthorized,
        event_time_s: event.event_time,
        subscription: event.subscription_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(body: &str) -> Result<Hint, HintError> {
        parse_hint(ApplicationId::new(5), body.as_bytes())
    }

    #[test]
    fn an_event_becomes_keys_and_codes_and_its_title_stays_behind() {
        let hint = hint(
            r#"{"object_type":"activity","object_id":16185205521,"aspect_type":"update",
                "updates":{"title":"Run with Milla","mood":"good"},"owner_id":7001,
                "subscription_id":120475,"event_time":1790012345}"#,
        )
        .unwrap();

        assert_eq!((hint.application, hint.owner, hint.object_id), (5, 7001, 16_185_205_521));
        assert_eq!((hint.object_type(), hint.aspect()), (ObjectType::Activity, Aspect::Update));
        assert_eq!(hint.updated, ["title"]);
    }

    #[test]
    fn no_body_stops_the_parser_and_what_it_takes_has_the_keys_of_an_event() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/fuzz/webhook");
        testkit::fuzz(corpus.as_ref(), &[], |body| {
            let Ok(hint) = parse_hint(ApplicationId::new(5), body) else { return };
            assert_eq!(hint.application, 5);
            assert!(hint.updated.iter().all(|name| name.len() <= body.len()));
            let event: serde_json::Value = serde_json::from_slice(body).unwrap();
            assert_eq!(event["object_id"], hint.object_id);
            assert_eq!(event["owner_id"], hint.owner);
        });
    }

    #[test]
    fn updates_may_be_absent_null_or_empty() {
        for updates in ["", r#","updates":null"#, r#","updates":{}"#] {
            let body = format!(
                r#"{{"object_type":"activity","object_id":1,"aspect_type":"create","owner_id":2,
                     "subscription_id":3,"event_time":4{updates}}}"#
            );
            assert!(hint(&body).is_ok(), "{updates}");
        }
    }

    #[test]
    fn a_deauthorization_is_known_by_its_field_whatever_the_aspect() {
        for aspect in ["update", "delete"] {
            let body = format!(
                r#"{{"object_type":"athlete","object_id":2,"aspect_type":"{aspect}","owner_id":2,
                     "subscription_id":3,"event_time":4,"updates":{{"authorized":"false"}}}}"#
            );
            assert!(hint(&body).unwrap().deauthorized, "{aspect}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        assert!(matches!(hint("{"), Err(HintError::Unreadable(_))));
        assert!(matches!(hint("[]"), Err(HintError::Unreadable(_))));
        let odd = r#"{"object_type":"club","object_id":1,"aspect_type":"create","owner_id":2,
            "subscription_id":3,"event_time":4}"#;
        assert!(matches!(hint(odd), Err(HintError::Unknown("object_type"))));
    }
}
