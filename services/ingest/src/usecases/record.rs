//! From a changed observation to a changed activity: identity, revision, message, all in one effect.

use contracts::Topic;
use contracts::wire::Cause;
use kernel::{ActivityId, Generation, Revision};
use outbox::{Effect, OutboxMessage, StoreError};

use super::Core;
use crate::domain::activity::{Activity, State};
use crate::domain::observation::Observation;
use crate::store;

/// An observation, and what was there before it changed.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) observation: Observation,
    /// Whether the observation was stored before.
    pub(crate) known: bool,
    /// The activity as it was last told.
    pub(crate) told: Option<Activity>,
}

/// How a change is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling {
    pub(crate) cause: Cause,
    /// Also when nothing that matters changed: every fetch that a hint caused gets its revision.
    pub(crate) always: bool,
}

/// The topic of a cause: bulk never delays live.
pub(crate) const fn topic_of(cause: Cause) -> Topic {
    match cause {
        Cause::Live | Cause::Sweep => Topic::Activities,
        _ => Topic::ActivitiesBulk,
    }
}

impl Core {
    /// What is stored of this activity, or nothing yet.
    pub(crate) async fn load(
        &self,
        effect: &Effect,
        key: crate::domain::observation::Key,
    ) -> Result<Change, StoreError> {
        let stored = store::observations::find(effect.conn(), key).await?;
        let known = stored.is_some();
        let mut observation = stored.unwrap_or_else(|| Observation::unseen(key));
        if observation.activity.is_none() {
            observation.activity = store::observations::identity(effect.conn(), key).await?;
        }
        let told = match observation.activity {
            Some(id) => store::activities::find(effect.conn(), id).await?,
            None => None,
        };
        Ok(Change { observation, known, told })
    }

    /// Stores the observation and, where it makes a difference, tells what the activity now is.
    pub(crate) async fn record(
        &self,
        effect: &mut Effect,
        change: Change,
        telling: Telling,
    ) -> Result<Option<Activity>, StoreError> {
        let Change { mut observation, known, told } = change;
        if let Some(minimum) = effect.min_generation(observation.key.application) {
            observation.forget_through(Generation::new(minimum.get() - 1));
        }
        let state = State::derive(&observation);
        let nothing_yet = state.is_removed() && observation.missing.is_none() && told.is_none();
        let news = match &told {
            Some(told) => telling.always || state.matters_after(&told.state),
            None => !nothing_yet,
        };
        store::observations::save(effect.conn(), &observation, known).await?;
        if !news {
            return Ok(None);
        }
        let activity = Activity {
            id: self.identity(effect, &observation).await?,
            athlete: observation.key.athlete,
            application: observation.key.application,
            strava: observation.key.strava,
            revision: Revision::new(effect.next().await?),
            cause: telling.cause,
            changed_at: self.now(),
            state,
        };
        store::activities::save(effect.conn(), &activity, told.is_some()).await?;
        effect.publish(draft(&activity, false, topic_of(activity.cause))).await?;
        effect.bump_version();
        metrics::counter!("ingest_revisions_total", "cause" => activity.cause.as_str_name())
            .increment(1);
        Ok(Some(activity))
    }

    async fn identity(
        &self,
        effect: &Effect,
        observation: &Observation,
    ) -> Result<ActivityId, StoreError> {
        if let Some(id) = observation.activity {
            return Ok(id);
        }
        let id = ActivityId::from_uuid(self.ids.uuid_v7(self.now()));
        store::observations::identify(effect.conn(), observation.key, id).await?;
        Ok(id)
    }
}

/// The message of an activity as it is.
pub(crate) fn draft(
    activity: &Activity,
    replay: bool,
    topic: Topic,
) -> OutboxMessage<contracts::activities::ActivityChanged> {
    OutboxMessage {
        topic,
        athlete: Some(activity.athlete),
        origins: activity.state.origins.clone(),
        cause: activity.cause,
        replay,
        body: activity.to_wire(),
    }
}
