//! The consumers of this service, and the operation each message becomes.

mod activities;
mod athletes;

use std::sync::Arc;

use contracts::Topic;
use event_bus::Subscription;
use outbox::{ParkedEvents, ReplayMonitor, ReplaySource};
use service_kit::RevokedSessions;
use takeout::ExportHandler;

use activities::ActivityHandler;
use athletes::AthleteHandler;

use crate::takeout::StatsTakeout;
use crate::usecases::ServiceContext;
use crate::usecases::apply_activity::Priority;

/// Consumer group of what is live.
const LIVE_GROUP: &str = "stats";
/// Consumer group of history; it has lanes of its own, so that history never delays what is live.
const BULK_GROUP: &str = "stats.bulk";
/// Every consumer group.
pub(crate) const GROUPS: &[&str] = &[LIVE_GROUP, BULK_GROUP];
/// The states this service needs in full. Activities come again in bulk, so that they do not delay
/// what is live.
pub(crate) const REPLAY_SOURCES: &[ReplaySource] = &[
    ReplaySource::new(Topic::Activities, Topic::ActivitiesBulk),
    ReplaySource::new(Topic::Athletes, Topic::Athletes),
];
/// Number of athletes whose history is counted at once.
const BULK_LANES: usize = 4;

/// The consumer of live and swept activities, connections and erasures.
pub(crate) fn live_subscription(
    ctx: &Arc<ServiceContext>,
    replays: &ReplayMonitor,
) -> Subscription<ParkedEvents> {
    let (ctx, parked_events) = (Arc::clone(ctx), ctx.parked_events(LIVE_GROUP));
    let priority = Priority::Live;
    Subscription::new(LIVE_GROUP, parked_events)
        .on(Topic::Activities, ActivityHandler { ctx: Arc::clone(&ctx), priority })
        .on(Topic::Accounts, RevokedSessions::new(&ctx.database))
        .on(Topic::Athletes, AthleteHandler { ctx })
        .on(Topic::Athletes, replays.done_handler())
}

/// The consumer of backfilled, imported and replayed activities, and of exports.
pub(crate) fn bulk_subscription(
    ctx: &Arc<ServiceContext>,
    replays: &ReplayMonitor,
) -> Subscription<ParkedEvents> {
    let (ctx, parked_events) = (Arc::clone(ctx), ctx.parked_events(BULK_GROUP));
    let takeout = StatsTakeout(ctx.database.clone());
    let exports = ExportHandler::new(&ctx.database, &ctx.objects, takeout);
    Subscription::new(BULK_GROUP, parked_events)
        .on(Topic::ActivitiesBulk, ActivityHandler { ctx, priority: Priority::Bulk })
        .on(Topic::ActivitiesBulk, replays.done_handler())
        .on(Topic::Exports, exports)
        .lanes(BULK_LANES)
}
