//! Looks after the database at a slow pace: is it whole, is anything missing, what may be forgotten?

use std::time::Duration;

use event_bus::Bus;
use lifecycle::Stop;
use outbox::StoreError;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::usecases::Core;
use crate::usecases::ask_again::{ask_if_incomplete, note_caught_up};
use crate::usecases::check_store::{Found, Seen, check_store};
use crate::usecases::forget_erased::forget_erased;

/// How often it is noted that everything is handled, and what was erased long ago is forgotten. The
/// first time comes as late, for a consumer that has not begun to read has nothing unhandled either.
const BOOKS: Duration = Duration::from_mins(10);

/// Why the watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was told to.
    Stopped,
    /// The database is gone and must be opened anew.
    Lost,
}

/// Watches until stopped, or until the database is found lost; then it stops whoever works on it.
pub(crate) async fn watch(
    core: &Core,
    bus: &Bus,
    (every, mut seen): (Duration, Seen),
    round: Stop,
) -> Ended {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut books = Instant::now() + BOOKS;
    while round.run_until_stopped(ticks.tick()).await.is_some() {
        match look(core, &mut seen).await {
            Ok(Found::Lost) => {
                round.trigger();
                return Ended::Lost;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the watch could not look at the database"),
        }
        if Instant::now() >= books {
            books = Instant::now() + BOOKS;
            if let Err(error) = keep_books(core, bus).await {
                tracing::warn!(error = format!("{error:#}"), "the watch could not keep the books");
            }
        }
    }
    Ended::Stopped
}

async fn look(core: &Core, seen: &mut Seen) -> Result<Found, StoreError> {
    let found = check_store(core, seen).await?;
    if found != Found::Lost {
        ask_if_incomplete(core).await?;
    }
    Ok(found)
}

async fn keep_books(core: &Core, bus: &Bus) -> anyhow::Result<()> {
    if bus.lag_of_groups(&["stats", "stats.bulk"]).await? == 0 {
        note_caught_up(core).await?;
    }
    forget_erased(core).await?;
    Ok(())
}
