//! An activity changed: is it to be copied?

use contracts::Cause;
use contracts::activities::{ActivityChanged, ActivityFacts, StreamsRef};
use event_bus::{HandleError, Handler, Received};
use kernel::{AthleteId, StravaActivityId, Timestamp};

use crate::domain::copy::Source;
use crate::domain::rule::Sighting;
use crate::usecases::Kit;
use crate::usecases::plan_copies::{PlanCopies, plan_copies};

/// Asks the links about activities.
pub(super) struct Activities {
    kit: Kit,
}

impl Activities {
    pub(super) const fn new(kit: Kit) -> Self {
        Self { kit }
    }
}

/// Why an event says nothing that can be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it names no athlete")]
    Athlete,
    #[error("its activity is no UUID")]
    Activity(#[from] uuid::Error),
    #[error("it is no removal and has no facts")]
    Facts,
}

impl Handler for Activities {
    type Event = ActivityChanged;

    async fn handle(&self, event: &Received<ActivityChanged>) -> Result<(), HandleError> {
        let change = read(event).map_err(|unusable| HandleError::Rejected(unusable.into()))?;
        plan_copies(&self.kit, &change).await?;
        Ok(())
    }
}

fn read(event: &Received<ActivityChanged>) -> Result<PlanCopies, Unusable> {
    let body = &event.body;
    let athlete: AthleteId = event.athlete.ok_or(Unusable::Athlete)?;
    let facts = match (body.removed, &body.facts) {
        (true, _) => None,
        (false, None) => return Err(Unusable::Facts),
        (false, Some(facts)) => {
            Some((sighting(facts, body.streams.as_ref()), source(event, facts)))
        }
    };
    Ok(PlanCopies {
        athlete,
        activity: body.activity.parse()?,
        revision: body.revision,
        origins: event.origins.clone(),
        fresh: matches!(event.cause, Cause::Live | Cause::Sweep),
        replay: event.replay,
        traceparent: event.traceparent.clone(),
        strava_activity: (body.strava_activity != 0)
            .then(|| StravaActivityId::new(body.strava_activity)),
        facts,
    })
}

fn sighting(facts: &ActivityFacts, streams: Option<&StreamsRef>) -> Sighting {
    Sighting {
        name: facts.name.clone(),
        external_id: facts.external_id.clone(),
        start_at: Timestamp::from_micros(facts.start_at_us),
        manual: facts.manual,
        private: facts.visibility == "only_me",
        streams: streams
            .filter(|streams| !streams.key.is_empty())
            .map(|streams| streams.kinds.clone()),
        is_known_copy: false,
    }
}

fn source(event: &Received<ActivityChanged>, facts: &ActivityFacts) -> Source {
    Source {
        revision: event.body.revision,
        name: facts.name.clone(),
        sport: facts.sport.clone(),
        start_at: Timestamp::from_micros(facts.start_at_us),
        distance_dm: facts.distance_dm,
        trainer: facts.trainer,
        commute: facts.commute,
        streams_key: event
            .body
            .streams
            .as_ref()
            .map(|streams| streams.key.clone())
            .unwrap_or_default(),
        origins: event.origins.clone(),
    }
}
