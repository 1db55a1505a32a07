//! Ends a connection because the athlete asked: leases stop at once, the revoke follows.

use contracts::Erasure;
use kernel::AthleteId;
use outbox::{StoreError, again_if_contended};

use super::{Means, announce};
use crate::domain::connection::{Reason, State};
use crate::store::{by_id, save};

/// Disconnects; false when the athlete has no such connection.
pub(crate) async fn disconnect(
    means: &Means,
    athlete: AthleteId,
    connection: &str,
) -> Result<bool, StoreError> {
    let found = again_if_contended(|| end(means, athlete, connection)).await?;
    means.due.notify_one();
    Ok(found)
}

async fn end(means: &Means, athlete: AthleteId, id: &str) -> Result<bool, StoreError> {
    let mut effect = means.database.effect(athlete).await?;
    let Some(mut connection) =
        by_id(effect.conn(), id).await?.filter(|connection| connection.athlete == athlete)
    else {
        return Ok(false);
    };
    if connection.state == State::Disconnected {
        return Ok(true);
    }
    connection.revoking = !connection.refresh_print.is_empty();
    // A refresh under way may replace the token: its answer is waited for.
    let refresh_ends = connection.refresh_ends(means.settings.refresh_patience());
    connection.check_due =
        connection.revoking.then(|| refresh_ends.map_or(means.now(), |ends| ends.max(means.now())));
    connection.end(State::Disconnected, Reason::Asked);
    let through = connection.generation;
    effect
        .raise_fence(Erasure::Connection { application: connection.application, through })
        .await?;
    announce::changed(&mut effect, &mut connection).await?;
    save(effect.conn(), &connection).await?;
    effect.commit().await?;
    Ok(true)
}
