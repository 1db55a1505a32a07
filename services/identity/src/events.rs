//! The consumer of this service.

mod athletes;

use std::sync::Arc;

use contracts::Topic;
use event_bus::Subscription;
use object_store::ObjectStore;
use outbox::ParkedEvents;
use takeout::ExportHandler;

use crate::takeout::IdentityTakeout;
use crate::usecases::ServiceContext;

/// Consumer group of this service.
const GROUP: &str = "identity";

/// The consumer of athletes who are gone, and of exports.
pub(crate) fn subscription(
    ctx: &Arc<ServiceContext>,
    objects: &Arc<dyn ObjectStore>,
) -> Subscription<ParkedEvents> {
    let takeout = IdentityTakeout(Arc::clone(ctx));
    let parked_events = ParkedEvents::new(ctx.database.clone()).for_group(GROUP);
    Subscription::new(GROUP, parked_events)
        .on(Topic::Athletes, athletes::AthleteHandler { ctx: Arc::clone(ctx) })
        .on(Topic::Exports, ExportHandler::new(&ctx.database, objects, takeout))
}
