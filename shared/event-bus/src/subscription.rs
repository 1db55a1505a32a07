//! A consumer group's subscription: its handlers, its limits, and its parking place.

use std::sync::Arc;

use contracts::Topic;
use lifecycle::Stop;

use crate::engine::{self, Routes};
use crate::{Bus, Handler, Parking};

/// The handlers of a consumer group.
pub struct Subscription<P: Parking> {
    group: &'static str,
    parking: P,
    routes: Routes,
    limits: engine::Limits,
}

impl<P: Parking> Subscription<P> {
    /// Creates a subscription without handlers.
    pub fn new(group: &'static str, parking: P) -> Self {
        Self { group, parking, routes: Routes::default(), limits: engine::Limits::default() }
    }

    /// Adds a handler for one kind of event of a topic. A topic may have several handlers, one for each
    /// kind of message; a kind without a handler is skipped.
    pub fn on<H: Handler>(mut self, topic: Topic, handler: H) -> Self {
        self.routes.add(topic, handler);
        self
    }

    /// Sets the maximum number of events handled at once (default 8); never two of one key.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.limits.lanes = lanes.max(1);
        self
    }

    /// Sets the number of failed attempts after which a record is parked (default 5).
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.limits.max_attempts = attempts.max(1);
        self
    }

    /// Reads and handles until stopped; returns once running handlers are finished and their records
    /// committed. `soft` lets running handlers finish, `hard` aborts them.
    pub async fn run(self, bus: &Bus, soft: Stop, hard: Stop) -> Result<(), anyhow::Error> {
        let stream = bus.open_stream(self.group, &self.routes.topics()).await?;
        let group = engine::ConsumerGroup {
            name: self.group,
            routes: Arc::new(self.routes),
            parking: Arc::new(self.parking),
            limits: self.limits,
        };
        engine::run(group, stream, soft, hard).await
    }
}
