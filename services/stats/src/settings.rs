//! The settings of this service and their defaults.

use kernel::AthleteId;
use serde::{Deserialize, Deserializer, de::Error};

/// Name of the service, its database and its settings section.
pub(crate) const NAME: &str = "stats";

/// The section `stats`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The athlete whose numbers the predecessors' public routes show (`/strava/stats/…`,
    /// `/api/distance`). Unset (or empty): nobody's, and these routes answer 404 in the predecessor's
    /// words.
    #[serde(deserialize_with = "deserialize_athlete")]
    pub published_athlete: Option<AthleteId>,
    /// Interval, in seconds, at which the database is checked and missing events are requested.
    pub watch_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { published_athlete: None, watch_s: 15 }
    }
}

fn deserialize_athlete<'de, D: Deserializer<'de>>(input: D) -> Result<Option<AthleteId>, D::Error> {
    match Option::<String>::deserialize(input)?.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(id) => id
            .parse()
            .map(Some)
            .map_err(|error| D::Error::custom(format!("must be an athlete's id: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        serde_json::from_str(text).map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn nobody_is_published_unless_somebody_is_named() {
        let id = "01930000-0000-7000-8000-000000000001";
        for nobody in ["{}", r#"{"published_athlete": ""}"#, r#"{"published_athlete": null}"#] {
            assert_eq!(read(nobody).unwrap().published_athlete, None, "{nobody}");
        }
        let named = read(&format!(r#"{{"published_athlete": "{id}"}}"#)).unwrap();
        assert_eq!(named.published_athlete.map(|athlete| athlete.to_string()).as_deref(), Some(id));
    }

    #[test]
    fn an_invalid_setting_is_named() {
        let error = read(r#"{"published_athlete": "me"}"#).unwrap_err();
        assert!(error.contains("must be an athlete's id"), "{error}");
        assert!(read(r#"{"published": "me"}"#).unwrap_err().contains("published"));
    }
}
