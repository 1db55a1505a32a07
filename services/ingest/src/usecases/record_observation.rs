//! Turns a changed observation into a changed activity: identity, revision and message in one transaction.

use contracts::Topic;
use contracts::activities::ActivityChanged;
use contracts::wire::Cause;
use kernel::{ActivityId, Generation};
use outbox::{AthleteTx, OutboxMessage, StoreError};

use super::ServiceContext;
use crate::domain::activity::{Activity, ActivityState};
use crate::domain::observation::{ActivityKey, Observation};
use crate::store;

/// An observation to be changed, and the activity published before the change.
#[derive(Debug)]
pub(crate) struct ObservationChange {
    pub(crate) observation: Observation,
    /// True if the observation has a row already.
    pub(crate) is_stored: bool,
    /// The activity as last published.
    pub(crate) published: Option<Activity>,
}

/// Cause of a revision, and the condition for publishing one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishMode {
    pub(crate) cause: Cause,
    /// True to publish even if nothing relevant changed: every fetch caused by a hint gets its revision.
    pub(crate) always: bool,
}

/// Returns the topic for a cause: bulk messages never delay live ones.
pub(crate) const fn topic_for_cause(cause: Cause) -> Topic {
    match cause {
        Cause::Live | Cause::Sweep => Topic::Activities,
        _ => Topic::ActivitiesBulk,
    }
}

impl ServiceContext {
    /// Loads the observation of an activity, or an empty one.
    pub(crate) async fn load_observation(
        &self,
        tx: &AthleteTx,
        key: ActivityKey,
    ) -> Result<ObservationChange, StoreError> {
        let stored = store::observations::find(tx.conn(), key).await?;
        let is_stored = stored.is_some();
        let mut observation = stored.unwrap_or_else(|| Observation::empty(key));
        if observation.activity.is_none() {
            observation.activity = store::observations::find_identity(tx.conn(), key).await?;
        }
        let published = match observation.activity {
            Some(id) => store::activities::find(tx.conn(), id).await?,
            None => None,
        };
        Ok(ObservationChange { observation, is_stored, published })
    }

    /// Stores the observation and publishes the activity if it changed. Returns the new revision, if any.
    pub(crate) async fn record_observation(
        &self,
        tx: &AthleteTx,
        change: ObservationChange,
        mode: PublishMode,
    ) -> Result<Option<Activity>, StoreError> {
        let ObservationChange { mut observation, is_stored, published } = change;
        if let Some(minimum) = tx.min_generation(observation.key.application) {
            observation.erase_through(Generation::new(minimum.get() - 1));
        }
        let state = ActivityState::from_observation(&observation);
        let never_existed =
            state.is_removed() && observation.missing.is_none() && published.is_none();
        let needs_revision = match &published {
            Some(published) => mode.always || state.needs_revision_after(&published.state),
            None => !never_existed,
        };
        store::observations::save(tx.conn(), &observation, is_stored).await?;
        if !needs_revision {
            return Ok(None);
        }
        let activity = Activity {
            id: self.ensure_identity(tx, &observation).await?,
            athlete: observation.key.athlete,
            application: observation.key.application,
            strava: observation.key.strava,
            revision: tx.draw_revision(),
            cause: mode.cause,
            changed_at: self.now(),
            state,
        };
        store::activities::save(tx.conn(), &activity, published.is_some()).await?;
        tx.publish(activity_message(&activity, false, topic_for_cause(activity.cause))).await?;
        tx.bump_version();
        metrics::counter!("ingest_revisions_total", "cause" => activity.cause.as_str_name())
            .increment(1);
        Ok(Some(activity))
    }

    async fn ensure_identity(
        &self,
        tx: &AthleteTx,
        observation: &Observation,
    ) -> Result<ActivityId, StoreError> {
        if let Some(id) = observation.activity {
            return Ok(id);
        }
        let id = ActivityId::from_uuid(self.ids.uuid_v7(self.now()));
        store::observations::insert_identity(tx.conn(), observation.key, id).await?;
        Ok(id)
    }
}

/// Builds the message with the current state of an activity.
pub(crate) fn activity_message(
    activity: &Activity,
    replay: bool,
    topic: Topic,
) -> OutboxMessage<ActivityChanged> {
    OutboxMessage {
        topic,
        athlete: Some(activity.athlete),
        origins: activity.state.origins.clone(),
        cause: activity.cause,
        replay,
        body: activity.to_wire(),
    }
}
