//! Which handler takes which event.

use contracts::{Envelope, Event, Topic, payload_name};
use futures::future::BoxFuture;

use crate::{HandleError, Handler, Received, Record};

/// A handler with its event's type erased.
pub(crate) trait Route: Send + Sync {
    fn event(&self) -> &'static str;
    fn may_park(&self) -> bool;
    fn handle<'a>(
        &'a self,
        envelope: Envelope,
        record: &'a Record,
        attempt: u32,
    ) -> BoxFuture<'a, Result<(), HandleError>>;
}

struct Handled<H>(H);

impl<H: Handler> Route for Handled<H> {
    fn event(&self) -> &'static str {
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
                .map_err(|bad| HandleError::Rejected(bad.into()))?;
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

/// All handlers of a subscription.
#[derive(Default)]
pub(crate) struct Routes(Vec<(Topic, Box<dyn Route>)>);

impl Routes {
    pub(crate) fn add<H: Handler>(&mut self, topic: Topic, handler: H) {
        self.0.push((topic, Box::new(Handled(handler))));
    }

    /// The topics that are read, each once.
    pub(crate) fn topics(&self) -> Vec<Topic> {
        let mut topics: Vec<Topic> = self.0.iter().map(|(topic, _)| *topic).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// Who handles this envelope of this topic.
    pub(crate) fn find(&self, topic: Topic, envelope: &Envelope) -> Option<&dyn Route> {
        let event = payload_name(&envelope.payload);
        let fits = |(of, route): &&(Topic, Box<dyn Route>)| *of == topic && route.event() == event;
        self.0.iter().find(fits).map(|(_, route)| route.as_ref())
    }
}
