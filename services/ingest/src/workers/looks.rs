//! The workers of the queue: those of live looks, of head pages and of bulk work never wait for each other.

use jobs::{Claimed, JobHandler, Outcome};
use lifecycle::Stop;
use tracing::Instrument;

use crate::usecases::answer_replay::answer_replay;
use crate::usecases::look_at_activity::look_at_activity;
use crate::usecases::look_at_head::look_at_head;
use crate::usecases::read_past::read_past;
use crate::usecases::{Core, job};

/// Does ingest's jobs.
#[derive(Debug)]
pub(crate) struct Looks {
    pub(crate) core: Core,
    pub(crate) soft: Stop,
}

impl JobHandler for Looks {
    async fn run(&self, claimed: &Claimed) -> Result<Outcome, anyhow::Error> {
        let span = tracing::info_span!("job", kind = claimed.kind, subject = claimed.subject);
        if let Some(trace) = claimed.payload["trace"].as_str() {
            telemetry::set_parent(&span, trace);
        }
        self.work(claimed).instrument(span).await
    }
}

impl Looks {
    async fn work(&self, claimed: &Claimed) -> Result<Outcome, anyhow::Error> {
        match claimed.kind.as_str() {
            job::ACTIVITY => look_at_activity(&self.core, claimed).await,
            job::HEAD | job::TURN => look_at_head(&self.core, claimed).await,
            job::PAST => read_past(&self.core, claimed, &self.soft).await,
            job::REPLAY => answer_replay(&self.core, claimed).await,
            other => Ok(Outcome::Failed { reason: format!("no worker does {other}") }),
        }
    }
}
