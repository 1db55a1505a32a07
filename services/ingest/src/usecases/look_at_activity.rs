//! One activity: ask Strava under a lease, keep the streams, commit what it now is.

mod commit;
mod fetch;

use jobs::{Claimed, Outcome};
use kernel::Timestamp;
use outbox::StoreError;

use super::journal::Line;
use super::trouble::Trouble;
use super::{Core, job};
use crate::domain::connection::Connection;
use crate::domain::observation::{Key, Observation};
use crate::store;

/// What is looked at, and what was known before.
#[derive(Clone, Debug)]
struct Look {
    key: Key,
    connection: Connection,
    before: Observation,
}

/// Does the job.
pub(crate) async fn look_at_activity(
    core: &Core,
    claimed: &Claimed,
) -> Result<Outcome, anyhow::Error> {
    let told: job::ActivityJob = serde_json::from_value(claimed.payload.clone())?;
    let Some(athlete) = claimed.athlete else { return Ok(Outcome::Done) };
    let key = Key { athlete, application: told.application, strava: told.strava };
    let readers = core.database.readers();
    let connection = store::connections::find(readers, athlete, told.application).await?;
    let Some(connection) = connection.filter(Connection::is_connected) else {
        return Ok(give_up(core, claimed, key, Trouble::Drop { reason: "disconnected" }).await?);
    };
    let before =
        store::observations::find(readers, key).await?.unwrap_or_else(|| Observation::unseen(key));
    let look = Look { key, connection, before };
    match fetch::fetch(core, claimed, &look).await? {
        Ok((found, permission)) => {
            // The report need not keep the athlete waiting.
            let commit = commit::commit(core, claimed, &look, found);
            let (committed, ()) = tokio::join!(commit, permission.close());
            Ok(committed?)
        }
        Err(trouble) => Ok(give_up(core, claimed, key, trouble).await?),
    }
}

/// Writes down what became of a job that could not do its work.
async fn give_up(
    core: &Core,
    claimed: &Claimed,
    key: Key,
    trouble: Trouble,
) -> Result<Outcome, StoreError> {
    let line = Line {
        step: "fetched",
        state: trouble.state(),
        reason: trouble.reason(),
        attempts: claimed.attempts,
        next_try: trouble.due(),
        activity: None,
    };
    core.note_alone(key, line).await?;
    Ok(match trouble {
        Trouble::Later { due, reason, counts } => {
            Outcome::Later { due, reason: reason.to_owned(), counts }
        }
        Trouble::Drop { .. } => Outcome::Done,
        Trouble::Fail { reason } => Outcome::Failed { reason: reason.to_owned() },
    })
}

/// The earlier of two instants, of which there may be none.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}
