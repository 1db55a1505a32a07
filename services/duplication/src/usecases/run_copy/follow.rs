//! Asks what became of an upload, to the end.

use std::time::Duration;

use strava_client::lease::Report;
use strava_client::{ErrorKind, UploadOutcome};

use super::look::Found;
use super::settle::{Settled, become_of};
use super::{AFTER_DONE_STORED, AFTER_POLL_BEFORE_STORE, Next, RunCopyError, Step};
use crate::domain::copy::{State, reason};

impl Step<'_> {
    pub(super) async fn follow(self) -> Result<Next, RunCopyError> {
        let Some(upload) = self.copy.upload else { return self.look_instead().await };
        let connection = match self.connection().await? {
            Ok(connection) => connection,
            Err(why) => return self.hold(why).await,
        };
        let lease = match self.lease(&connection, 1, 0).await {
            Ok(lease) => lease,
            Err(refused) => return self.refused(refused).await,
        };
        let answer = self.kit.strava.get_upload(&lease.access_token, upload).await;
        self.kit.failpoints.hit(AFTER_POLL_BEFORE_STORE);
        let next = match &answer {
            Ok(answer) => self.told(answer.body.outcome()).await?,
            Err(error) if error.kind == ErrorKind::NotFound => self.look_instead().await?,
            Err(error) => self.failed_call(error).await?,
        };
        self.report(&lease, &Report::for_read(&answer)).await;
        Ok(next)
    }

    async fn told(&self, outcome: UploadOutcome) -> Result<Next, RunCopyError> {
        if outcome == UploadOutcome::Processing {
            return self.still_processing().await;
        }
        let settled = self
            .settle(|copy| {
                become_of(copy, &outcome);
                true
            })
            .await?;
        self.kit.failpoints.hit(AFTER_DONE_STORED);
        Ok(if settled == Settled::Lost { Next::Lost } else { Next::Close })
    }

    async fn still_processing(&self) -> Result<Next, RunCopyError> {
        let since = self.copy.sent_at.map_or(Duration::ZERO, |sent| self.now().since(sent));
        if since < Duration::from_secs(self.kit.settings.upload_patience_s) {
            return Ok(self.again_in(self.kit.settings.poll_after(since), "processing", false));
        }
        match self.find().await? {
            Ok(Found::Nothing) => {
                self.fail(reason::NO_RESULT, "").await?;
                Ok(Next::Close)
            }
            Ok(found) => self.take(found).await,
            Err(next) => Ok(next),
        }
    }

    /// Strava does not know the upload any more: its activity may be there all the same.
    async fn look_instead(&self) -> Result<Next, RunCopyError> {
        let settled = self
            .settle(|copy| {
                copy.stand(State::Sending, reason::UNANSWERED);
                copy.looks = 0;
                true
            })
            .await?;
        Ok(if settled == Settled::Lost {
            Next::Lost
        } else {
            self.again_in(Duration::ZERO, reason::UNANSWERED, false)
        })
    }
}
