//! Consumers of the log: each message becomes one use case.

mod activities;
mod athletes;
mod replays;

use contracts::Topic;
use event_bus::{Bus, Subscription};
use outbox::ParkedEvents;

use crate::usecases::ServiceContext;

/// Returns the subscription to activities, connections, erasures, and the ends of replays.
pub(crate) fn subscription(ctx: &ServiceContext, bus: &Bus) -> Subscription<ParkedEvents> {
    let group = crate::Service::NAME;
    let parked = ParkedEvents::new(ctx.database.clone()).for_group(group);
    let replay_ends = |topic| replays::ReplayEndHandler::new(ctx.clone(), bus.clone(), topic);
    Subscription::new(group, parked)
        .on(Topic::Activities, activities::ActivityHandler::new(ctx.clone()))
        .on(Topic::Activities, replay_ends(Topic::Activities))
        .on(Topic::Athletes, athletes::AthleteHandler::new(ctx.clone()))
        .on(Topic::Athletes, replay_ends(Topic::Athletes))
        .lanes(ctx.settings.lanes)
}
