//! Changes of activities.

use contracts::Cause;
use contracts::activities::{ActivityChanged, ActivityFacts};
use event_bus::{HandleError, Handler, Received};
use kernel::{InvalidSource, SourceKey, StravaActivityId, Timestamp};

use crate::domain::candidate::{ActivityRevision, CopyCandidate};
use crate::domain::copy::CopySource;
use crate::usecases::ServiceContext;
use crate::usecases::plan_copies::plan_copies;

/// Plans copies of changed activities.
pub(super) struct ActivityHandler {
    pub(super) ctx: ServiceContext,
}

/// Defect that makes an event unusable.
#[derive(Debug, thiserror::Error)]
enum InvalidEvent {
    #[error("the event names no athlete")]
    Athlete,
    #[error("the activity id is not a UUID")]
    Activity(#[from] uuid::Error),
    #[error(transparent)]
    Source(#[from] InvalidSource),
    #[error("the event is no removal and has no facts")]
    Facts,
}

impl Handler for ActivityHandler {
    type Event = ActivityChanged;

    async fn handle(&self, event: &Received<ActivityChanged>) -> Result<(), HandleError> {
        let revision =
            parse_revision(event).map_err(|invalid| HandleError::Rejected(invalid.into()))?;
        plan_copies(&self.ctx, &revision).await?;
        Ok(())
    }
}

fn parse_revision(event: &Received<ActivityChanged>) -> Result<ActivityRevision, InvalidEvent> {
    let body = &event.body;
    let candidate = match (body.removed, &body.facts) {
        (true, _) => None,
        (false, None) => return Err(InvalidEvent::Facts),
        (false, Some(facts)) => Some(to_candidate(event, facts)),
    };
    Ok(ActivityRevision {
        athlete: event.athlete.ok_or(InvalidEvent::Athlete)?,
        activity: body.activity.parse()?,
        revision: body.revision,
        origins: event.origins.clone(),
        is_live: matches!(event.cause, Cause::Live | Cause::Sweep),
        is_replay: event.replay,
        is_expired: body.expired,
        traceparent: event.traceparent.clone(),
        strava_activities: strava_activities(body)?,
        candidate,
    })
}

/// Returns Strava's ids of the activity, of every source it was derived from.
fn strava_activities(body: &ActivityChanged) -> Result<Vec<StravaActivityId>, InvalidSource> {
    let mut keys: Vec<_> = body.source_key()?.into_iter().collect();
    for source in &body.sources {
        keys.push(SourceKey::parse(&source.source, &source.source_id)?);
    }
    let mut ids: Vec<_> = keys.iter().filter_map(SourceKey::strava_activity).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn to_candidate(event: &Received<ActivityChanged>, facts: &ActivityFacts) -> CopyCandidate {
    let streams = event.body.streams.as_ref().filter(|streams| !streams.key.is_empty());
    CopyCandidate {
        source: CopySource {
            revision: event.body.revision,
            name: facts.name.clone(),
            sport: facts.sport.clone(),
            start_at: Timestamp::from_micros(facts.start_at_us),
            distance_dm: facts.distance_dm,
            trainer: facts.trainer,
            commute: facts.commute,
            streams_key: streams.map(|streams| streams.key.clone()).unwrap_or_default(),
            origins: event.origins.clone(),
        },
        external_id: facts.external_id.clone(),
        is_manual: facts.manual,
        is_private: facts.visibility == "only_me",
        stream_kinds: streams.map(|streams| streams.kinds.clone()),
        is_own_copy: false,
    }
}
