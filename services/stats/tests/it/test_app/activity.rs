//! An activity as ingest would tell of it.

use contracts::activities::{ActivityChanged, ActivityFacts};
use contracts::{Envelope, Origin};
use kernel::{ActivityId, AthleteId};

use super::{APPLICATION, envelope, instant, new_activity, origin};

#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) id: ActivityId,
    athlete: AthleteId,
    origins: Vec<Origin>,
    message: ActivityChanged,
    replay: bool,
}

impl Activity {
    /// A run of 10 km in an hour, on 2026-11-20 at nine o'clock in Oslo.
    pub(crate) fn new(athlete: AthleteId) -> Self {
        let id = new_activity();
        let facts = ActivityFacts {
            name: "Morning Run".to_owned(),
            sport: "Run".to_owned(),
            legacy_type: "Run".to_owned(),
            distance_dm: 100_000,
            moving_time_s: 3_600,
            elapsed_time_s: 3_700,
            elevation_gain_dm: 1_234,
            visibility: "everyone".to_owned(),
            ..ActivityFacts::default()
        };
        let message = ActivityChanged {
            activity: id.to_string(),
            revision: 1,
            facts: Some(facts),
            application: APPLICATION,
            strava_activity: 9_007_199_254_740_993,
            ..ActivityChanged::default()
        };
        Self { id, athlete, origins: vec![origin(1)], message, replay: false }
            .starting_at("2026-11-20T09:00:00+01:00", "Europe/Oslo")
    }

    /// Another saying about the activity of this id.
    pub(crate) fn with_id(mut self, id: ActivityId) -> Self {
        self.id = id;
        self.message.activity = id.to_string();
        self
    }

    pub(crate) fn revision(mut self, revision: i64) -> Self {
        self.message.revision = revision;
        self
    }

    pub(crate) fn generation(mut self, generation: i64) -> Self {
        self.origins = vec![origin(generation)];
        self
    }

    /// It started at this local time (with its offset from UTC), in this zone (none, if not known).
    pub(crate) fn starting_at(mut self, local: &str, timezone: &str) -> Self {
        let wall_clock = local.get(..19).unwrap();
        let offset =
            chrono::DateTime::parse_from_rfc3339(local).unwrap().offset().local_minus_utc();
        let facts = self.facts();
        facts.start_at_us = instant(local).as_micros();
        wall_clock.clone_into(&mut facts.start_local);
        wall_clock.get(..10).unwrap().clone_into(&mut facts.local_date);
        facts.utc_offset_s = i64::from(offset);
        timezone.clone_into(&mut facts.timezone);
        self
    }

    pub(crate) fn sport(mut self, sport: &str) -> Self {
        let facts = self.facts();
        sport.clone_into(&mut facts.sport);
        facts.legacy_type = String::new();
        self
    }

    pub(crate) fn distance_dm(mut self, distance_dm: i64) -> Self {
        self.facts().distance_dm = distance_dm;
        self
    }

    pub(crate) fn with_facts(mut self, change: impl FnOnce(&mut ActivityFacts)) -> Self {
        change(self.facts());
        self
    }

    pub(crate) fn removed(mut self) -> Self {
        self.message.removed = true;
        self.message.facts = None;
        self
    }

    pub(crate) fn replayed(mut self) -> Self {
        self.replay = true;
        self
    }

    fn facts(&mut self) -> &mut ActivityFacts {
        self.message.facts.get_or_insert_default()
    }
}

impl From<Activity> for Envelope {
    fn from(activity: Activity) -> Self {
        let message = envelope(Some(activity.athlete), activity.origins, activity.message);
        Self { replay: activity.replay, ..message }
    }
}
