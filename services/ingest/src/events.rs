//! What ingest hears: hints, connections, the journal of others, requests for replays.

mod athletes;
mod hints;
mod journal;
mod replays;

use contracts::Topic;
use event_bus::{Bus, HandleError, Parking, Subscription};
use outbox::StoreError;

use crate::usecases::Core;

/// Everything ingest reads.
pub(crate) fn subscription<P: Parking>(core: &Core, bus: &Bus, parking: P) -> Subscription<P> {
    Subscription::new(crate::NAME, parking)
        .on(Topic::StravaEvents, hints::Hints(core.clone()))
        .on(Topic::Athletes, athletes::Athletes(core.clone()))
        .on(Topic::Athletes, athletes::Done::new(core.clone(), bus.clone()))
        .on(Topic::Journal, journal::Journal(core.clone()))
        .on(Topic::Replays, replays::Replays(core.clone()))
}

/// The store's trouble as the bus understands it.
fn trouble(error: StoreError) -> HandleError {
    error.into()
}
