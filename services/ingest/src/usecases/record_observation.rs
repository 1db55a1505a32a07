//! Turns a changed observation into a changed activity: identity, revision and message in one transaction.

use contracts::Topic;
use contracts::activities::ActivityChanged;
use contracts::wire::Cause;
use kernel::{ActivityId, Generation};
use outbox::{AthleteTx, OutboxMessage, StoreError};

use super::ServiceContext;
use crate::domain::activity::{Activity, ActivityState};
use crate::domain::observation::Observation;
use crate::domain::observation_key::ObservationKey;
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
    /// Loads an observation, or an empty one.
    pub(crate) async fn load_observation(
        &self,
        tx: &AthleteTx,
        key: &ObservationKey,
    ) -> Result<ObservationChange, StoreError> {
        let stored = store::observations::find(tx.conn(), key).await?;
        let is_stored = stored.is_some();
        let mut observation = stored.unwrap_or_else(|| Observation::empty(key.clone()));
        if observation.activity.is_none() {
            observation.activity = store::identities::find(tx.conn(), key).await?;
        }
        let published = match observation.activity {
            Some(id) => store::activities::find(tx.conn(), id).await?,
            None => None,
        };
        Ok(ObservationChange { observation, is_stored, published })
    }

    /// Stores the observation and publishes its activity if that changed. Returns the new revision, if any.
    pub(crate) async fn record_observation(
        &self,
        tx: &AthleteTx,
        change: ObservationChange,
        mode: PublishMode,
    ) -> Result<Option<Activity>, StoreError> {
        let ObservationChange { mut observation, is_stored, published } = change;
        let application = observation.key.source.application();
        if let Some(minimum) = application.and_then(|application| tx.min_generation(application)) {
            observation.erase_through(Generation::new(minimum.get() - 1));
        }
        store::observations::save(tx.conn(), &observation, is_stored).await?;
        let key = observation.key.clone();
        let mut all = match observation.activity {
            Some(id) => store::observations::list_for_activity(tx.conn(), key.athlete, id).await?,
            None => Vec::new(),
        };
        all.retain(|other| other.key != key);
        all.push(observation);
        let state = ActivityState::derive(&all);
        let was_ever_there = published.is_some() || all.iter().any(|it| !it.is_blank());
        let needs_revision = match &published {
            Some(published) => mode.always || state.needs_revision_after(&published.state),
            None => was_ever_there,
        };
        if !needs_revision {
            return Ok(None);
        }
        let known = all.iter().find_map(|observation| observation.activity);
        let id = match known {
            Some(id) => id,
            None => self.new_identity(tx, &key).await?,
        };
        let activity = Activity {
            id,
            athlete: key.athlete,
            source: state.leading_source().unwrap_or_else(|| key.source_key()),
            revision: tx.draw_revision(),
            cause: mode.cause,
            changed_at: self.now(),
            state,
        };
        self.publish_activity(tx, activity, published.is_some()).await.map(Some)
    }

    /// Derives an activity again from the observations that are left, and publishes it if it changed, with this cause
    /// or the one it had. Without any observation it is deleted.
    pub(crate) async fn derive_again(
        &self,
        tx: &AthleteTx,
        id: ActivityId,
        cause: Option<Cause>,
    ) -> Result<Option<Activity>, StoreError> {
        let Some(published) = store::activities::find(tx.conn(), id).await? else {
            return Ok(None);
        };
        let all = store::observations::list_for_activity(tx.conn(), tx.athlete(), id).await?;
        let Some(first) = all.first() else {
            store::activities::delete(tx.conn(), id).await?;
            return Ok(None);
        };
        let state = ActivityState::derive(&all);
        if !state.needs_revision_after(&published.state) {
            return Ok(None);
        }
        let activity = Activity {
            source: state.leading_source().unwrap_or_else(|| first.key.source_key()),
            revision: tx.draw_revision(),
            cause: cause.unwrap_or(published.cause),
            changed_at: self.now(),
            state,
            ..published
        };
        self.publish_activity(tx, activity, true).await.map(Some)
    }

    async fn publish_activity(
        &self,
        tx: &AthleteTx,
        activity: Activity,
        is_stored: bool,
    ) -> Result<Activity, StoreError> {
        store::activities::save(tx.conn(), &activity, is_stored).await?;
        tx.publish(activity_message(&activity, false, topic_for_cause(activity.cause))).await?;
        tx.bump_version();
        metrics::counter!("ingest_revisions_total", "cause" => activity.cause.as_str_name())
            .increment(1);
        Ok(activity)
    }

    async fn new_identity(
        &self,
        tx: &AthleteTx,
        key: &ObservationKey,
    ) -> Result<ActivityId, StoreError> {
        let id = key.source_key().activity_id(key.athlete);
        store::identities::insert(tx.conn(), key, id).await?;
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
