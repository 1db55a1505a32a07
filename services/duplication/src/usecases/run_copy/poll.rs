//! Polls an upload until Strava has decided.

use std::time::Duration;

use strava_client::lease::Report;
use strava_client::{ErrorKind, UploadOutcome};

use super::update::apply_upload_outcome;
use super::{
    AFTER_DONE_STORED, AFTER_POLL_BEFORE_STORE, CopyStep, JobOutcome, StepResult, into_outcome,
};
use crate::domain::copy::CopyState;
use crate::domain::reason;

impl CopyStep<'_> {
    pub(super) async fn poll(&self) -> StepResult {
        let Some(upload) = self.copy.upload else { return self.restart_search().await };
        let connection = self.find_connection().await?;
        let lease = self.request_lease(&connection, 1, 0).await?;
        let response = self.ctx.strava.get_upload(&lease.access_token, upload).await;
        self.ctx.failpoints.hit(AFTER_POLL_BEFORE_STORE);
        let outcome = into_outcome(match &response {
            Ok(response) => self.record_poll(&response.body.outcome()).await,
            Err(error) if error.kind == ErrorKind::NotFound => self.restart_search().await,
            Err(error) => self.handle_call_error(error).await,
        })?;
        self.report_usage(&lease, &Report::for_read(&response)).await;
        Ok(outcome)
    }

    async fn record_poll(&self, outcome: &UploadOutcome) -> StepResult {
        if *outcome == UploadOutcome::Processing {
            return self.wait_for_result().await;
        }
        self.update(|copy| apply_upload_outcome(copy, outcome)).await?;
        self.ctx.failpoints.hit(AFTER_DONE_STORED);
        Ok(JobOutcome::Done)
    }

    /// Polls again later. After `upload_patience_s` the child's list decides instead.
    async fn wait_for_result(&self) -> StepResult {
        let waited = self.copy.sent_at.map_or(Duration::ZERO, |sent_at| self.now().since(sent_at));
        if waited < Duration::from_secs(self.ctx.settings.upload_patience_s) {
            return Ok(self.retry_after(self.ctx.settings.poll_pause(waited), "processing"));
        }
        match self.find_in_list().await? {
            Some(found) => self.record_found(&found).await,
            None => self.finish(CopyState::Failed, reason::NO_RESULT).await,
        }
    }

    /// Strava does not know the upload any more: its activity may be in the child's list all the same.
    async fn restart_search(&self) -> StepResult {
        self.update(|copy| {
            copy.set_state(CopyState::Sending, reason::UNANSWERED);
            copy.searches = 0;
        })
        .await?;
        Ok(self.retry_after(Duration::ZERO, reason::UNANSWERED))
    }
}
