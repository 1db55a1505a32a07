//! What can be set, with what it is unless set.

use kernel::AthleteId;
use serde::{Deserialize, Deserializer, de::Error};

/// The section `stats`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whose numbers the predecessors' public routes tell (`/strava/stats/…`, `/api/distance`). Unset
    /// (or empty): nobody's, and these routes answer 404 in the predecessor's words.
    #[serde(deserialize_with = "athlete_or_nobody")]
    pub published_athlete: Option<AthleteId>,
    /// How often, in seconds, it is checked that the database is still whole.
    pub watch_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { published_athlete: None, watch_s: 15 }
    }
}

fn athlete_or_nobody<'de, D: Deserializer<'de>>(input: D) -> Result<Option<AthleteId>, D::Error> {
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
    fn what_is_wrong_is_told() {
        let told = read(r#"{"published_athlete": "me"}"#).unwrap_err();
        assert!(told.contains("must be an athlete's id"), "{told}");
        assert!(read(r#"{"published": "me"}"#).unwrap_err().contains("published"));
    }
}
