//! What this service hears, and which use case each message becomes.

mod activities;
mod athletes;
mod replays;

use std::sync::Arc;

use contracts::Topic;
use event_bus::{Bus, Subscription};
use outbox::ParkedEvents;

use crate::usecases::Core;
use crate::usecases::apply_activity::Pace;

/// The group that hears what is live.
const LIVE: &str = "stats";
/// The group that hears history; it has lanes of its own, so that history never delays what is live.
const BULK: &str = "stats.bulk";
/// History of at most this many athletes is counted at once.
const BULK_LANES: usize = 4;

/// Live and swept activities, connections and erases.
pub(crate) fn live(core: &Arc<Core>, bus: &Bus) -> Subscription<ParkedEvents> {
    Subscription::new(LIVE, core.parked(LIVE))
        .on(Topic::Activities, activities::Activities::new(Arc::clone(core), Pace::Live))
        .on(Topic::Athletes, athletes::Athletes::new(Arc::clone(core)))
        .on(Topic::Athletes, replays::Answers::new(Arc::clone(core), bus.clone(), Topic::Athletes))
}

/// Backfilled, imported and replayed activities.
pub(crate) fn bulk(core: &Arc<Core>, bus: &Bus) -> Subscription<ParkedEvents> {
    Subscription::new(BULK, core.parked(BULK))
        .on(Topic::ActivitiesBulk, activities::Activities::new(Arc::clone(core), Pace::Bulk))
        .on(
            Topic::ActivitiesBulk,
            replays::Answers::new(Arc::clone(core), bus.clone(), Topic::ActivitiesBulk),
        )
        .lanes(BULK_LANES)
}
