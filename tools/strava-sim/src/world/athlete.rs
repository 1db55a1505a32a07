//! An athlete: profile, zones, gear and privacy.

use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::tracks::Circle;

/// One athlete.
#[derive(Clone, Debug)]
pub(crate) struct Athlete {
    pub(crate) id: i64,
    /// The detailed profile, `resource_state` 3.
    pub(crate) profile: Value,
    pub(crate) zones: Value,
    pub(crate) gear: Vec<Value>,
    pub(crate) zone: Tz,
    /// Positions in it are hidden from tokens without `activity:read_all`.
    pub(crate) privacy_zone: Option<Circle>,
}

/// Fields of the profile that are part of the summary.
#[rustfmt::skip]
const SUMMARY_FIELDS: [&str; 20] = [
    "id", "username", "resource_state", "firstname", "lastname", "bio", "city", "state", "country",
    "sex", "premium", "summit", "created_at", "updated_at", "badge_type_id", "weight",
    "profile_medium", "profile", "friend", "follower",
];

impl Athlete {
    /// The summary, `resource_state` 2.
    pub(crate) fn summary(&self) -> Value {
        let mut fields: Map<String, Value> = SUMMARY_FIELDS
            .iter()
            .map(|key| ((*key).to_owned(), self.profile.get(key).cloned().unwrap_or_default()))
            .collect();
        fields.insert("resource_state".to_owned(), json!(2));
        Value::Object(fields)
    }

    /// First and last name.
    pub(crate) fn name(&self) -> String {
        let part = |key| self.profile.get(key).and_then(Value::as_str).unwrap_or_default();
        format!("{} {}", part("firstname"), part("lastname")).trim().to_owned()
    }

    /// Lower and upper bounds of the heart rate zones; −1 for no bound.
    pub(crate) fn heart_rate_zones(&self) -> Vec<[f64; 2]> {
        let bound = |zone: &Value, key| zone.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        self.zones["heart_rate"]["zones"]
            .as_array()
            .map(|all| all.iter().map(|zone| [bound(zone, "min"), bound(zone, "max")]).collect())
            .unwrap_or_default()
    }
}
