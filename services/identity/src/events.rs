//! What this service hears.

mod athletes;

use std::sync::Arc;

use contracts::Topic;
use event_bus::Subscription;
use outbox::ParkedEvents;

use crate::usecases::Core;

/// The group that hears of athletes.
const GROUP: &str = "identity";

/// Athletes who are gone.
pub(crate) fn live(core: &Arc<Core>) -> Subscription<ParkedEvents> {
    let parked = ParkedEvents::new(core.database.clone()).for_group(GROUP);
    Subscription::new(GROUP, parked).on(Topic::Athletes, athletes::Athletes::new(Arc::clone(core)))
}
