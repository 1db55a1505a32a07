//! Consumers: hints, connections, journal entries and export parts of other services, replay requests.

mod athletes;
mod exports;
mod hints;
mod journal;
mod replays;

use contracts::Topic;
use event_bus::{Parking, Subscription};
use outbox::ReplayMonitor;
use service_kit::RevokedSessions;

use crate::usecases::ServiceContext;

/// Builds the subscription of ingest.
pub(crate) fn subscription<P: Parking>(
    ctx: &ServiceContext,
    monitor: &ReplayMonitor,
    parking: P,
) -> Subscription<P> {
    Subscription::new(crate::settings::NAME, parking)
        .on(Topic::StravaEvents, hints::HintHandler(ctx.clone()))
        .on(Topic::Athletes, athletes::AthleteHandler(ctx.clone()))
        .on(Topic::Accounts, RevokedSessions::new(&ctx.database))
        .on(Topic::Athletes, monitor.done_handler())
        .on(Topic::Journal, journal::JournalHandler(ctx.clone()))
        .on(Topic::Exports, exports::PartHandler(ctx.clone()))
        .on(Topic::Replays, replays::ReplayRequestHandler(ctx.clone()))
}
