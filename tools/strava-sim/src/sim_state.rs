//! The state shared by all handlers and the webhook delivery.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::web::Data;
use tokio::sync::Notify;

use crate::clock::SimClock;
use crate::content;
use crate::options::Options;
use crate::world::World;

/// The state as handlers receive it.
pub(crate) type SimData = Data<SimState>;

/// Options, clock and world of a running simulator.
pub(crate) struct SimState {
    pub(crate) options: Options,
    pub(crate) clock: Arc<SimClock>,
    /// Wakes the delivery of webhooks.
    pub(crate) wake: Arc<Notify>,
    world: Mutex<World>,
}

impl SimState {
    /// Builds the world that the options describe.
    pub(crate) fn new(options: Options) -> Arc<Self> {
        let (clock, wake) = (Arc::new(SimClock::default()), Arc::new(Notify::new()));
        let world = Mutex::new(build_world(&options, &clock, &wake));
        Arc::new(Self { options, clock, wake, world })
    }

    /// Locks the world.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Restores the initial state, the clock included.
    pub(crate) fn reset(&self) {
        self.clock.set_offset_s(0);
        let world = build_world(&self.options, &self.clock, &self.wake);
        *self.world() = world;
        self.wake.notify_one();
    }
}

fn build_world(options: &Options, clock: &Arc<SimClock>, wake: &Arc<Notify>) -> World {
    let athletes = content::build_athletes(options, clock.now_s());
    World::new(options, athletes, clock.clone(), wake.clone())
}
