//! Everything the simulator knows, behind one mutex.

mod activity;
mod apps;
mod athlete;
mod events;
mod limits;
mod state;
mod summary;
mod switches;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(crate) use activity::{Activity, Body, Sight, Source};
pub(crate) use apps::{App, Code, Issued, Rotation, Scopes, Subscription};
pub(crate) use athlete::Athlete;
pub(crate) use events::{Delivery, Pending};
pub(crate) use limits::Verdict;
pub(crate) use state::{Shelf, Upload, World};
pub(crate) use summary::{Field, SPORT_TYPES, Summary};
pub(crate) use switches::{
    ConsentSettings, Counters, FaultKind, FaultRule, UploadSettings, WebhookSettings,
};

use crate::clock::SimClock;
use crate::options::Options;

/// The shared heart of a simulator.
pub(crate) struct Sim {
    pub(crate) options: Options,
    pub(crate) clock: SimClock,
    /// Wakes the delivery of webhooks.
    pub(crate) wake: Notify,
    world: Mutex<World>,
}

impl Sim {
    /// A fresh world.
    pub(crate) fn new(options: Options) -> Arc<Self> {
        let clock = SimClock::default();
        let world = World::new(&options, clock.now_s());
        Arc::new(Self { options, clock, wake: Notify::new(), world: Mutex::new(world) })
    }

    /// The world, locked.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts everything back to the start, the clock too.
    pub(crate) fn reset(&self) {
        self.clock.set_offset_s(0);
        let fresh = World::new(&self.options, self.clock.now_s());
        *self.world() = fresh;
        self.wake.notify_one();
    }
}
