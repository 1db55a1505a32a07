//! Finds the handler of an event.

use contracts::{Envelope, Event, Topic, payload_name};
use futures::future::BoxFuture;

use crate::{HandleError, Handler, Received, Record};

/// A handler with its event's type erased.
pub(crate) trait Route: Send + Sync {
    fn event_name(&self) -> &'static str;
    fn may_park(&self) -> bool;
    fn handle<'a>(
        &'a self,
        envelope: Envelope,
        record: &'a Record,
        attempt: u32,
    ) -> BoxFuture<'a, Result<(), HandleError>>;
}

struct HandlerRoute<H>(H);

impl<H: Handler> Route for HandlerRoute<H> {
    fn event_name(&self) -> &'static str {
        H::Event::NAME
    }

    fn may_park(&self) -> bool {
        H::MAY_PARK
    }

    fn handle<'a>(
        &'a self,
        envelope: Envelope,
        record: &'a Record,
        attempt: u32,
    ) -> BoxFuture<'a, Result<(), HandleError>> {
        Box::pin(async move {
            let body = H::Event::from_payload(envelope.payload)
                .map_err(|error| HandleError::Rejected(error.into()))?;
            let received = Received {
                id: envelope.event_id,
                athlete: envelope.athlete,
                origins: envelope.origins,
                cause: envelope.cause,
                replay: envelope.replay,
                occurred_at: envelope.occurred_at,
                traceparent: envelope.traceparent,
                attempt,
                topic: record.topic,
                partition: record.partition,
                offset: record.offset,
                body,
            };
            self.0.handle(&received).await
        })
    }
}

/// All handlers of a subscription, by topic.
#[derive(Default)]
pub(crate) struct Routes(Vec<(Topic, Box<dyn Route>)>);

impl Routes {
    pub(crate) fn add<H: Handler>(&mut self, topic: Topic, handler: H) {
        let is_new = |(of, route): &(Topic, Box<dyn Route>)| {
            *of != topic || route.event_name() != H::Event::NAME
        };
        debug_assert!(self.0.iter().all(is_new), "{topic} has two handlers of one kind of message");
        self.0.push((topic, Box::new(HandlerRoute(handler))));
    }

    /// The topics to read, without duplicates.
    pub(crate) fn topics(&self) -> Vec<Topic> {
        let mut topics: Vec<Topic> = self.0.iter().map(|(topic, _)| *topic).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// The handler of this envelope in this topic.
    pub(crate) fn find(&self, topic: Topic, envelope: &Envelope) -> Option<&dyn Route> {
        let event = payload_name(&envelope.payload);
        let (_, route) = self
            .0
            .iter()
            .find(|(handled, route)| *handled == topic && route.event_name() == event)?;
        Some(route.as_ref())
    }
}
