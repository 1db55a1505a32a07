//! Requests a fetch of an activity that a list showed, or left out.

use std::time::Duration;

use kernel::StravaActivityId;
use outbox::{AthleteTx, StoreError};

use super::{ServiceContext, job};
use crate::domain::connection::Connection;
use crate::domain::journal::JournalEntry;
use crate::domain::observation_key::ObservationKey;
use crate::store;

/// Interval at which an activity that lists leave out, but that is found when fetched, is fetched again.
const UNLISTED_INTERVAL: Duration = Duration::from_hours(7 * 24);

/// Requests a fetch. `is_unlisted`: a page that should list the activity did not.
pub(crate) async fn request_fetch(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    connection: &Connection,
    strava: StravaActivityId,
    is_unlisted: bool,
) -> Result<(), StoreError> {
    let key = ObservationKey::strava(connection.athlete, connection.application, strava);
    let mut change = ctx.load_observation(tx, &key).await?;
    let observation = &mut change.observation;
    let is_fresh =
        observation.answered_at().is_some_and(|at| ctx.now().since(at) < UNLISTED_INTERVAL);
    if is_unlisted && observation.hints.unlisted && is_fresh {
        return Ok(());
    }
    observation.hints.unlisted = is_unlisted;
    observation.hints.record(false, false);
    store::observations::save(tx.conn(), observation, change.is_stored).await?;
    ctx.queue.enqueue(tx, &job::fetch_request(&key, false, ctx.now())).await?;
    let entry = ctx.journal_entry(&key, "swept", "waiting");
    let entry = JournalEntry { activity: change.observation.activity, ..entry };
    store::journal::insert(tx.conn(), &entry).await
}
