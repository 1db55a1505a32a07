//! What this service hears, and which use case each message becomes.

mod activities;
mod athletes;
mod replays;

use contracts::Topic;
use event_bus::{Bus, Subscription};
use outbox::ParkedEvents;

use crate::usecases::Kit;

/// Activities as they happen, connections and erases, and the ends of replays.
pub(crate) fn subscription(kit: &Kit, bus: &Bus) -> Subscription<ParkedEvents> {
    let group = crate::Service::NAME;
    let parked = ParkedEvents::new(kit.database.clone()).for_group(group);
    let ends = |topic| replays::Ends::new(kit.clone(), bus.clone(), topic);
    Subscription::new(group, parked)
        .on(Topic::Activities, activities::Activities::new(kit.clone()))
        .on(Topic::Activities, ends(Topic::Activities))
        .on(Topic::Athletes, athletes::Athletes::new(kit.clone()))
        .on(Topic::Athletes, ends(Topic::Athletes))
        .lanes(kit.settings.lanes)
}
