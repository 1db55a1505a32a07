//! Builds the file and uploads it: the one step that must not happen twice.

use std::time::Duration;

use strava_client::lease::Report;
use strava_client::{ApiResponse, ErrorKind, StravaError, Upload, UploadOutcome, UploadStatus};

use super::update::apply_upload_outcome;
use super::{
    AFTER_SEND_BEFORE_STORE, AFTER_SEND_STORED, BEFORE_SEND, BEFORE_SENDING, CopyStep, JobOutcome,
    StepError, StepResult, into_outcome,
};
use crate::clients::streams::{self, StreamsError};
use crate::domain::connection::{Connection, select_for_upload};
use crate::domain::copy::{Copy, CopyState};
use crate::domain::reason;
use crate::domain::track::TrackHeader;
use crate::domain::upload_file::{MAX_UPLOAD_BYTES, UploadFile, build_file};
use crate::store::{connections, links};
use crate::usecases::copy_records;

impl CopyStep<'_> {
    pub(super) async fn upload(&self) -> StepResult {
        if !self.is_linked().await? {
            return self.finish(CopyState::Skipped, reason::LINK_ENDED).await;
        }
        let connection = self.find_connection().await?;
        let file = self.build_file().await?;
        let lease = self.request_lease(&connection, 0, 1).await?;
        self.ctx.failpoints.hit(BEFORE_SENDING);
        let copy = self.mark_sending(&connection).await?;
        if copy.state != CopyState::Sending {
            return Ok(JobOutcome::Done);
        }
        let step = CopyStep { copy, ..*self };
        step.ctx.failpoints.hit(BEFORE_SEND);
        let response =
            step.ctx.strava.create_upload(&lease.access_token, step.upload_request(file)).await;
        step.ctx.failpoints.hit(AFTER_SEND_BEFORE_STORE);
        let outcome = into_outcome(step.record_response(&response).await)?;
        step.ctx.failpoints.hit(AFTER_SEND_STORED);
        step.report_usage(&lease, &Report::for_write(&response)).await;
        Ok(outcome)
    }

    /// Builds the file as the link allows it; ends the step if there is nothing that can be uploaded.
    async fn build_file(&self) -> Result<UploadFile, StepError> {
        let link = links::find(self.ctx.database.readers(), self.copy.link).await?;
        let source = self.copy.source.clone();
        let track = match streams::read_track(self.ctx.objects.as_ref(), &source.streams_key).await
        {
            // Superseded: a newer event names a newer object, and enqueues the job.
            Err(StreamsError::Gone) => {
                return Err(self.finish(CopyState::Planned, reason::STREAMS_GONE).await?.into());
            }
            track => track?,
        };
        let shares_heart_rate = link.is_some_and(|link| link.share_heart_rate);
        let track = if shares_heart_rate { track } else { track.without_heart_rate() };
        let built = tokio::task::spawn_blocking(move || {
            let header =
                TrackHeader { name: &source.name, sport: &source.sport, start: source.start_at };
            build_file(header, &track)
        });
        let outcome = match built.await?? {
            Some(file) if file.bytes.len() <= MAX_UPLOAD_BYTES => return Ok(file),
            Some(_) => self.finish(CopyState::Failed, reason::TOO_LARGE).await?,
            None => self.finish(CopyState::Skipped, reason::NO_STREAMS).await?,
        };
        Err(outcome.into())
    }

    /// Checks the job's lease, both fences, the link, the connection and the source once more, then
    /// stores the copy as `sending`, so that whoever continues searches first. Stores it as `skipped`
    /// if it must not be sent.
    async fn mark_sending(&self, connection: &Connection) -> Result<Copy, StepError> {
        let target = connection.origin();
        self.ctx
            .database
            .run_many("mark_copy_sending", &self.athletes(), |tx| async move {
                let mut copy = self.load_current(&tx).await?;
                let (guardian, child) = (tx.athlete(copy.guardian)?, tx.athlete(copy.child)?);
                let link = links::find(tx.conn(), copy.link).await?;
                if guardian.is_fenced(&copy.source.origins) {
                    copy.set_state(CopyState::Skipped, reason::SOURCE_WITHDRAWN);
                } else if !link.is_some_and(|link| link.covers(copy.source.start_at)) {
                    copy.set_state(CopyState::Skipped, reason::LINK_ENDED);
                } else {
                    let connections = connections::list_by_athlete(tx.conn(), copy.child).await?;
                    if select_for_upload(&connections) != Ok(connection)
                        || child.is_fenced(&[target])
                    {
                        return Err(self.end_as_changed());
                    }
                    copy.set_state(CopyState::Sending, reason::NONE);
                    copy.target = Some(target);
                    copy.uploads += 1;
                    copy.searches = 0;
                    copy.sent_at = Some(self.now());
                }
                copy_records::update(self.ctx, &guardian, &mut copy).await?;
                Ok(copy)
            })
            .await
    }

    fn upload_request(&self, file: UploadFile) -> Upload {
        let source = &self.copy.source;
        let external_id = self.copy.external_id();
        Upload {
            file: file.bytes,
            file_name: format!("{external_id}.{}", file.data_type),
            data_type: file.data_type.to_owned(),
            sport_type: Some(source.sport.clone()).filter(|sport| !sport.is_empty()),
            name: Some(source.name.clone()),
            description: Some(self.ctx.settings.description.clone())
                .filter(|description| !description.is_empty()),
            trainer: source.trainer,
            commute: source.commute,
            external_id: Some(external_id),
        }
    }

    async fn record_response(
        &self,
        response: &Result<ApiResponse<UploadStatus>, StravaError>,
    ) -> StepResult {
        let error = match response {
            Ok(response) => return self.record_status(&response.body).await,
            Err(error) => error,
        };
        match &error.kind {
            // Some versions of Strava's API refuse a duplicate at once.
            ErrorKind::Fault(fault) => self.record_status(&refused_status(fault.to_string())).await,
            // Certainly not accepted.
            ErrorKind::RateLimited
            | ErrorKind::TokenDead
            | ErrorKind::ScopeMissing { .. }
            | ErrorKind::AppInactive => {
                let copy = self.unmark_sending().await?;
                CopyStep { copy, ..*self }.handle_call_error(error).await
            }
            // It may have arrived: it is searched for before it is sent again.
            _ => {
                self.record_reason(reason::UNANSWERED).await?;
                let due = self.now().plus(Duration::from_secs(self.ctx.settings.look_after_s));
                let reason = reason::UNANSWERED.to_owned();
                Ok(JobOutcome::Later { due, reason, counts: true })
            }
        }
    }

    async fn record_status(&self, status: &UploadStatus) -> StepResult {
        let outcome = status.outcome();
        self.update(|copy| {
            copy.upload = Some(status.id);
            apply_upload_outcome(copy, &outcome);
        })
        .await?;
        let first_poll = Duration::from_millis(self.ctx.settings.first_poll_ms);
        Ok(match outcome {
            UploadOutcome::Processing => self.retry_after(first_poll, "processing"),
            _ => JobOutcome::Done,
        })
    }

    async fn unmark_sending(&self) -> Result<Copy, StepError> {
        self.update(|copy| {
            copy.set_state(CopyState::Planned, reason::NONE);
            copy.target = None;
            copy.uploads -= 1;
        })
        .await
    }
}

fn refused_status(error: String) -> UploadStatus {
    UploadStatus { id: 0, external_id: None, error: Some(error), status: None, activity_id: None }
}
