//! Expires what came from Strava's API: streams first, then facts. The numbers that count stay.

use std::time::Duration;

use contracts::wire::Cause;
use kernel::{Generation, Timestamp};
use object_store::ObjectMeta;
use object_store::path::Path;
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use super::delete_objects::delete_objects;
use crate::domain::observation::Observation;
use crate::store;

/// A little more than the time between the writing of an object and the commit that names it.
const MAX_REQUEST: Duration = Duration::from_hours(1);
/// Observations that are read at once.
const BATCH_SIZE: u64 = 100;
/// Maximum number of batches at a time: other periodic work waits for them.
const MAX_BATCHES: usize = 20;

/// Expires what is older than `strava.retention`, if that is a number of days. Returns the number of observations; more
/// may be left for the next time.
pub(crate) async fn expire(ctx: &ServiceContext) -> Result<usize, anyhow::Error> {
    let Some(retention) = ctx.settings.retention() else { return Ok(0) };
    let before = ctx.now().minus(retention);
    let mut expired = 0;
    for _batch in 0..MAX_BATCHES {
        let readers = ctx.database.readers();
        let mut due = store::observations::list_streams_before(readers, before, BATCH_SIZE).await?;
        if due.is_empty() {
            due = store::observations::list_facts_before(readers, before, BATCH_SIZE).await?;
        }
        if due.is_empty() {
            break;
        }
        let mut failure = None;
        for observation in &due {
            match expire_observation(ctx, observation, before).await {
                Ok(()) => expired += 1,
                // One that fails keeps no other.
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
    }
    Ok(expired)
}

/// Deletes the objects first: a row that is left behind is found again, an object without a row is not.
async fn expire_observation(
    ctx: &ServiceContext,
    due: &Observation,
    before: Timestamp,
) -> Result<(), anyhow::Error> {
    for origin in due.origins() {
        delete_streams(ctx, due, origin.generation, before).await?;
    }
    let expire = |tx: AthleteTx| async move { try_expire(ctx, &tx, due, before).await };
    ctx.bulk.run("expire_observation", due.key.athlete, expire).await?;
    Ok(())
}

/// Deletes the streams of the activity that are due, and every object that no row names and no request under way can
/// name any more: a commit that failed has left it.
async fn delete_streams(
    ctx: &ServiceContext,
    due: &Observation,
    generation: Generation,
    before: Timestamp,
) -> Result<(), anyhow::Error> {
    let Some(prefix) = due.key.streams_prefix(generation) else { return Ok(()) };
    let goes = |object: &ObjectMeta| {
        let named = due.streams.as_ref().filter(|part| part.value.key == object.location.as_ref());
        let written_at = Timestamp::from_micros(object.last_modified.timestamp_micros());
        named.map_or(written_at.plus(MAX_REQUEST) < ctx.now(), |part| {
            part.answer.answered_at < before
        })
    };
    delete_objects(ctx, &Path::from(prefix), goes).await?;
    Ok(())
}

async fn try_expire(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    due: &Observation,
    before: Timestamp,
) -> Result<(), StoreError> {
    let Some(mut observation) = store::observations::find(tx.conn(), &due.key).await? else {
        return tx.unchanged(Ok(()));
    };
    let stored = observation.clone();
    observation.expire_streams(before);
    if stored.streams == observation.streams {
        observation.expire_facts(before);
    }
    if observation == stored {
        return tx.unchanged(Ok(()));
    }
    store::observations::save(tx.conn(), &observation, true).await?;
    if let Some(activity) = observation.activity {
        ctx.derive_again(tx, activity, Some(Cause::Operator)).await?;
    }
    Ok(())
}
