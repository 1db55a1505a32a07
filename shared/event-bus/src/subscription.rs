//! A group's subscription: which handler takes which event, how often, and where the rest is parked.

use std::sync::Arc;

use contracts::Topic;
use lifecycle::Stop;

use crate::engine::{self, Routes};
use crate::{Bus, Handler, Parking};

/// What a group reads and who handles it.
pub struct Subscription<P: Parking> {
    group: &'static str,
    parking: P,
    routes: Routes,
    limits: engine::Limits,
}

impl<P: Parking> Subscription<P> {
    /// A group that handles nothing yet.
    pub fn new(group: &'static str, parking: P) -> Self {
        Self { group, parking, routes: Routes::default(), limits: engine::Limits::default() }
    }

    /// Handles one kind of event of a topic. Several handlers of a topic are told apart by the
    /// message's kind; a kind that nobody handles is skipped.
    pub fn on<H: Handler>(mut self, topic: Topic, handler: H) -> Self {
        self.routes.add(topic, handler);
        self
    }

    /// How many events are handled at once (8 unless told); never two of one key.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.limits.lanes = lanes.max(1);
        self
    }

    /// After how many failed attempts a record is parked (5 unless told).
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.limits.attempts = attempts.max(1);
        self
    }

    /// Reads and handles until stopped; returns when what was in hand is finished and committed.
    /// `soft`: finish what is in hand; `hard`: drop it.
    pub async fn run(self, bus: &Bus, soft: Stop, hard: Stop) -> Result<(), anyhow::Error> {
        let topics = self.routes.topics();
        let feed = bus.feed(self.group, &topics).await?;
        let work = engine::Work {
            group: self.group,
            routes: Arc::new(self.routes),
            parking: Arc::new(self.parking),
            limits: self.limits,
        };
        engine::drive(work, feed, soft, hard).await
    }
}
