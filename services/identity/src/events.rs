//! The consumer of this service.

mod athletes;

use std::sync::Arc;

use contracts::Topic;
use event_bus::Subscription;
use outbox::ParkedEvents;

use crate::usecases::ServiceContext;

/// Consumer group of this service.
const GROUP: &str = "identity";

/// The consumer of athletes who are gone.
pub(crate) fn subscription(ctx: &Arc<ServiceContext>) -> Subscription<ParkedEvents> {
    let parked_events = ParkedEvents::new(ctx.database.clone()).for_group(GROUP);
    Subscription::new(GROUP, parked_events)
        .on(Topic::Athletes, athletes::AthleteHandler { ctx: Arc::clone(ctx) })
}
