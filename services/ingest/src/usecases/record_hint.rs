//! Turns a hint into a job: called by the consumer, or by the intake while the log is unavailable.

use std::time::Duration;

use contracts::strava::{Aspect, Hint, ObjectType};
use kernel::{ApplicationId, EventId, StravaActivityId, StravaAthleteId, Timestamp};
use outbox::{AthleteTx, StoreError};

use super::{ServiceContext, job};
use crate::domain::connection::Connection;
use crate::domain::journal::JournalEntry;
use crate::domain::observation_key::ObservationKey;
use crate::store;

/// Maximum difference between Strava's clocks and ours, caches included.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);

/// Result of recording a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HintOutcome {
    /// A fetch is requested.
    Requested,
    /// The stored answer is newer than the hint.
    Outdated,
    /// No such athlete is connected; the backfill after connecting fetches the activity.
    UnknownOwner,
    /// The hint is not about an activity; token handles it.
    NotAnActivity,
}

/// Requests a fetch of the hinted activity.
pub(crate) async fn record_hint(
    ctx: &ServiceContext,
    id: EventId,
    hint: &Hint,
) -> Result<HintOutcome, StoreError> {
    if hint.object_type() != ObjectType::Activity {
        return Ok(HintOutcome::NotAnActivity);
    }
    let application = ApplicationId::new(hint.application);
    let owner = StravaAthleteId::new(hint.owner);
    let owner = store::connections::find_owner(ctx.database.readers(), application, owner).await?;
    let outcome = match &owner {
        Some(owner) => {
            let record = |tx| async move { try_record_hint(ctx, &tx, owner, id, hint).await };
            ctx.database.run("record_hint", owner.athlete, record).await?
        }
        None => HintOutcome::UnknownOwner,
    };
    if outcome == HintOutcome::Requested {
        ctx.failpoint("ingest.hint-noted");
    }
    metrics::counter!("ingest_hints_total", "noted" => outcome.as_str()).increment(1);
    if outcome == HintOutcome::UnknownOwner {
        tracing::debug!(
            application = hint.application,
            strava.athlete = hint.owner,
            strava.activity = hint.object_id,
            "hint of an unknown athlete dropped"
        );
    }
    Ok(outcome)
}

async fn try_record_hint(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    owner: &Connection,
    id: EventId,
    hint: &Hint,
) -> Result<HintOutcome, StoreError> {
    if tx.is_fenced(&[owner.origin()]) {
        return Ok(tx.unchanged(HintOutcome::UnknownOwner));
    }
    let strava = StravaActivityId::new(hint.object_id);
    let key = ObservationKey::strava(owner.athlete, owner.application, strava);
    let mut change = ctx.load_observation(tx, &key).await?;
    let newest_hint = Timestamp::from_secs(hint.event_time_s).plus(MAX_CLOCK_SKEW);
    if change.observation.answered_at().is_some_and(|answered| answered > newest_hint) {
        return Ok(tx.unchanged(HintOutcome::Outdated));
    }
    change.observation.hints.record(true, hint.aspect() == Aspect::Delete);
    store::observations::save(tx.conn(), &change.observation, change.is_stored).await?;
    ctx.queue.enqueue(tx, &job::fetch_request(&key, true, ctx.now())).await?;
    let entry = ctx.journal_entry(&key, "hinted", "waiting");
    let entry = JournalEntry { id, activity: change.observation.activity, ..entry };
    store::journal::insert(tx.conn(), &entry).await?;
    Ok(HintOutcome::Requested)
}

impl HintOutcome {
    /// Returns the label of the outcome in `ingest_hints_total`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "wanted",
            Self::Outdated => "old-news",
            Self::UnknownOwner => "unknown-owner",
            Self::NotAnActivity => "not-ours",
        }
    }
}
