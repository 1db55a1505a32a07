//! What the passing of time makes due: head pages, and forgetting old lines of the journal.

use std::time::Duration;

use jobs::priority;
use outbox::StoreError;

use super::{Core, job};
use crate::domain::import::State;
use crate::store;

/// How often the page that goes round turns.
const DAY: Duration = Duration::from_hours(24);

/// Wants a look at every head page that was not looked at for the interval: hourly where no webhook reaches us, and for
/// everyone at once after a long absence. Once a day another page goes round the whole list.
pub(crate) async fn sweep(core: &Core) -> Result<usize, StoreError> {
    let now = core.now();
    let due_before = now.minus(core.settings.head_interval()).as_micros();
    let mut wanted = 0;
    for connection in store::connections::connected(core.database.readers()).await? {
        let head_due = connection.head.looked_us.max(connection.head.tried_us) <= due_before;
        let turn_due = connection.turn.turned_us <= now.minus(DAY).as_micros();
        if !head_due && !turn_due {
            continue;
        }
        let readers = core.database.readers();
        let import =
            store::imports::find(readers, connection.athlete, connection.application).await?;
        let Some(import) = import else { continue };
        let rested = import.changed_at <= now.minus(DAY);
        if import.state == State::Failed && import.reason != "scope-missing" && rested {
            // What failed once may pass another day; a missing scope waits for the athlete.
            core.queue.want(core.database.writer(), &job::past_of(&connection, now)).await?;
        }
        if import.state != State::Done {
            continue;
        }
        if head_due {
            let wish = job::head_of(&connection, priority::RECONCILE, now);
            core.queue.want(core.database.writer(), &wish).await?;
        }
        if turn_due {
            core.queue.want(core.database.writer(), &job::turn_of(&connection, now)).await?;
        }
        wanted += 1;
    }
    Ok(wanted)
}

/// Forgets lines of the journal that are older than it is kept.
pub(crate) async fn forget_old_lines(core: &Core) -> Result<(), StoreError> {
    let kept = Duration::from_secs(core.settings.journal_days * 86_400);
    store::journal::forget_before(core.database.writer(), core.now().minus(kept)).await
}
