//! Consumers of the log: each message becomes one use case.

mod activities;
mod athletes;

use contracts::Topic;
use event_bus::Subscription;
use outbox::{ParkedEvents, ReplayMonitor};
use service_kit::RevokedSessions;
use takeout::ExportHandler;

use self::activities::ActivityHandler;
use self::athletes::AthleteHandler;
use crate::takeout::DuplicationTakeout;
use crate::usecases::ServiceContext;

/// Returns the subscription to activities, connections, erasures, and the ends of replays.
pub(crate) fn build_subscription(
    ctx: &ServiceContext,
    replays: &ReplayMonitor,
) -> Subscription<ParkedEvents> {
    let group = crate::settings::NAME;
    let parked = ParkedEvents::new(ctx.database.clone()).for_group(group);
    Subscription::new(group, parked)
        .on(Topic::Activities, ActivityHandler { ctx: ctx.clone() })
        .on(Topic::Activities, replays.done_handler())
        .on(Topic::Accounts, RevokedSessions::new(&ctx.database))
        .on(Topic::Athletes, AthleteHandler { ctx: ctx.clone() })
        .on(Topic::Athletes, replays.done_handler())
        .on(
            Topic::Exports,
            ExportHandler::new(&ctx.database, &ctx.objects, DuplicationTakeout(ctx.clone())),
        )
        .lanes(ctx.settings.lanes)
}
