//! An activity of the guardian, as ingest publishes it.

use contracts::activities::{ActivityChanged, ActivityFacts, StreamsRef};
use contracts::streams_codec::StreamSet;
use contracts::{Cause, Envelope, Event, Origin};
use kernel::{
    ActivityId, ApplicationId, AthleteId, EventId, Generation, Ids, SystemIds, Timestamp,
};

/// The fields of the event; a test changes those that matter.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) athlete: AthleteId,
    pub(crate) activity: ActivityId,
    pub(crate) revision: i64,
    pub(crate) name: String,
    pub(crate) start: Timestamp,
    pub(crate) external_id: String,
    pub(crate) strava_activity: i64,
    pub(crate) cause: Cause,
    pub(crate) replay: bool,
    pub(crate) generation: i64,
    pub(crate) removed: bool,
    pub(crate) expired: bool,
    pub(crate) manual: bool,
    pub(crate) visibility: &'static str,
    pub(crate) streams: Option<StreamsRef>,
}

impl Run {
    pub(crate) fn to_envelope(&self) -> Envelope {
        let facts = ActivityFacts {
            name: self.name.clone(),
            sport: "Run".to_owned(),
            start_at_us: self.start.as_micros(),
            distance_dm: i64::from(SAMPLES - 1) * STEP_DM,
            external_id: self.external_id.clone(),
            manual: self.manual,
            visibility: self.visibility.to_owned(),
            ..ActivityFacts::default()
        };
        let body = ActivityChanged {
            activity: self.activity.to_string(),
            revision: self.revision,
            removed: self.removed,
            facts: (!self.removed).then_some(facts),
            streams: self.streams.clone(),
            application: 1,
            strava_activity: self.strava_activity,
            source: "strava:1".to_owned(),
            source_id: self.strava_activity.to_string(),
            sources: Vec::new(),
            expired: self.expired,
        };
        Envelope {
            event_id: EventId::from_uuid(SystemIds.uuid_v7(self.start)),
            occurred_at: self.start,
            athlete: Some(self.athlete),
            origins: vec![strava_origin(self.generation)],
            cause: self.cause,
            replay: self.replay,
            traceparent: String::new(),
            payload: body.into_payload(),
        }
    }

    pub(crate) fn with_name(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    pub(crate) fn with_revision(&self, revision: i64) -> Self {
        Self { revision, ..self.clone() }
    }

    pub(crate) fn without_streams(&self) -> Self {
        Self { streams: None, ..self.clone() }
    }

    pub(crate) fn with_cause(&self, cause: Cause) -> Self {
        Self { cause, ..self.clone() }
    }
}

fn strava_origin(generation: i64) -> Origin {
    Origin { application: ApplicationId::new(1), generation: Generation::new(generation) }
}

const SAMPLES: i32 = 300;
const STEP_DM: i64 = 28;

/// Returns five minutes of running north, with everything measured.
pub(crate) fn running_streams() -> StreamSet {
    let series = |from: i64, step: i64| {
        (0..i64::from(SAMPLES)).map(|index| from + index * step).collect::<Vec<_>>()
    };
    StreamSet {
        time_s: series(0, 1),
        distance_dm: series(0, STEP_DM),
        latitude_e7: series(473_811_111, 252),
        longitude_e7: series(85_422_222, 0),
        altitude_dm: series(4_000, 1),
        velocity_mm_s: series(2_800, 0),
        heartrate_bpm: series(100, 0),
        cadence_rpm: series(80, 0),
        ..StreamSet::default()
    }
}
