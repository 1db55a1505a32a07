//! Builds the file and sends it: the one step that must not happen twice.

use std::time::Duration;

use outbox::{StoreError, again_if_contended};
use strava_client::lease::Report;
use strava_client::{ApiResponse, ErrorKind, StravaError, Upload, UploadOutcome, UploadStatus};

use super::settle::{Settled, become_of};
use super::{
    AFTER_SEND_BEFORE_STORE, AFTER_SEND_STORED, BEFORE_SEND, BEFORE_SENDING, Next, RunCopyError,
    Step,
};
use crate::clients::streams::{self, StreamsError};
use crate::domain::connection::{Connection, to_write_with};
use crate::domain::copy::{Copy, State, Target, reason};
use crate::domain::file::{self, File};
use crate::domain::gpx::Heading;
use crate::store::{connections, copies, links};
use crate::usecases::ledger;

/// What the last look before sending said.
enum Cleared {
    /// Go: this is the line as it now is.
    Go(Box<Copy>),
    /// Something changed: begin again.
    Changed,
    /// It must not be sent.
    Stopped(&'static str),
    /// The job is somebody else's.
    Lost,
}

impl Step<'_> {
    pub(super) async fn send(self) -> Result<Next, RunCopyError> {
        if !self.is_linked().await? {
            self.skip(reason::LINK_ENDED).await?;
            return Ok(Next::Close);
        }
        let connection = match self.connection().await? {
            Ok(connection) => connection,
            Err(why) => return self.hold(why).await,
        };
        let file = match self.file().await {
            Ok(Some(file)) if file.bytes.len() > file::LARGEST => {
                self.fail(reason::TOO_LARGE, "").await?;
                return Ok(Next::Close);
            }
            Ok(Some(file)) => file,
            Ok(None) => {
                self.skip(reason::NO_STREAMS).await?;
                return Ok(Next::Close);
            }
            Err(RunCopyError::Streams(StreamsError::Gone)) => {
                self.await_streams().await?;
                return Ok(Next::Close);
            }
            Err(error) => return Err(error),
        };
        let lease = match self.lease(&connection, 0, 1).await {
            Ok(lease) => lease,
            Err(refused) => return self.refused(refused).await,
        };
        self.kit.failpoints.hit(BEFORE_SENDING);
        let copy = match self.clear(&connection).await? {
            Cleared::Go(copy) => *copy,
            Cleared::Changed => return Ok(self.again_in(Duration::ZERO, "changed", false)),
            Cleared::Lost => return Ok(Next::Lost),
            Cleared::Stopped(why) => {
                self.skip(why).await?;
                return Ok(Next::Close);
            }
        };
        let sent = Self { copy, ..self };
        sent.kit.failpoints.hit(BEFORE_SEND);
        let answer = sent.kit.strava.create_upload(&lease.access_token, sent.upload(file)).await;
        sent.kit.failpoints.hit(AFTER_SEND_BEFORE_STORE);
        let next = sent.answered(&answer).await?;
        sent.kit.failpoints.hit(AFTER_SEND_STORED);
        sent.report(&lease, &Report::for_write(&answer)).await;
        Ok(next)
    }

    /// The file as the link allows it; none when there are no samples.
    async fn file(&self) -> Result<Option<File>, RunCopyError> {
        let link = links::find(self.kit.database.readers(), self.copy.link).await?;
        let shares = link.is_some_and(|link| link.share_heart_rate);
        let track = streams::read(self.kit.objects.as_ref(), &self.copy.source.streams_key).await?;
        let track = if shares { track } else { track.without_heart_rate() };
        let source = self.copy.source.clone();
        let built = tokio::task::spawn_blocking(move || {
            let heading =
                Heading { name: &source.name, sport: &source.sport, start: source.start_at };
            file::build(heading, &track)
        });
        Ok(built.await??)
    }

    /// Immediately before sending: job lease, both fences, the link, the connection and the source
    /// once more; then the ledger says `sending`, so that whoever comes after us looks first.
    async fn clear(&self, connection: &Connection) -> Result<Cleared, StoreError> {
        again_if_contended(|| async {
            let mut effect = self.kit.database.effect(self.copy.guardian).await?;
            let Some(mut copy) = self.ours(&effect).await? else {
                return Ok(if self.kit.queue.holds(effect.conn(), self.claimed).await? {
                    Cleared::Changed
                } else {
                    Cleared::Lost
                });
            };
            if effect.is_fenced(&copy.source.origins) {
                return Ok(Cleared::Stopped(reason::SOURCE_WITHDRAWN));
            }
            let link = links::find(effect.conn(), copy.link).await?;
            if !link.is_some_and(|link| link.covers(copy.source.start_at)) {
                return Ok(Cleared::Stopped(reason::LINK_ENDED));
            }
            let target =
                Target { application: connection.application, generation: connection.generation };
            let now = connections::of(effect.conn(), copy.child).await?;
            if to_write_with(&now) != Ok(connection)
                || connections::is_fenced(effect.conn(), copy.child, target).await?
                || copy.source != self.copy.source
            {
                return Ok(Cleared::Changed);
            }
            copy.stand(State::Sending, reason::NONE);
            copy.target = Some(target);
            copy.sends += 1;
            copy.looks = 0;
            copy.sent_at = Some(self.now());
            ledger::record(self.kit, &mut effect, &mut copy).await?;
            effect.commit().await?;
            Ok(Cleared::Go(Box::new(copy)))
        })
        .await
    }

    fn upload(&self, file: File) -> Upload {
        let (source, settings) = (&self.copy.source, &self.kit.settings);
        let external_id = self.copy.external_id();
        Upload {
            file: file.bytes,
            file_name: format!("{external_id}.{}", file.data_type),
            data_type: file.data_type.to_owned(),
            sport_type: Some(source.sport.clone()).filter(|sport| !sport.is_empty()),
            name: Some(source.name.clone()),
            description: Some(settings.description.clone()).filter(|text| !text.is_empty()),
            trainer: source.trainer,
            commute: source.commute,
            external_id: Some(external_id),
        }
    }

    async fn answered(
        &self,
        answer: &Result<ApiResponse<UploadStatus>, StravaError>,
    ) -> Result<Next, RunCopyError> {
        match answer {
            Ok(answer) => self.accepted(&answer.body).await,
            Err(error) => match &error.kind {
                ErrorKind::Fault(fault) => self.refused_by_strava(&fault.to_string()).await,
                // Strava did not take it, without a doubt.
                ErrorKind::RateLimited
                | ErrorKind::TokenDead
                | ErrorKind::ScopeMissing { .. }
                | ErrorKind::AppInactive => self.not_taken(error).await,
                // It may have arrived: nobody sends again before having looked.
                _ => {
                    self.note(reason::UNANSWERED).await?;
                    let after = Duration::from_secs(self.kit.settings.look_after_s);
                    Ok(self.again_in(after, reason::UNANSWERED, true))
                }
            },
        }
    }

    async fn accepted(&self, status: &UploadStatus) -> Result<Next, RunCopyError> {
        let settled = self
            .settle(|copy| {
                copy.upload = Some(status.id);
                become_of(copy, &status.outcome());
                true
            })
            .await?;
        Ok(match (settled, status.outcome()) {
            (Settled::Lost, _) => Next::Lost,
            (_, UploadOutcome::Processing) => self.again_in(
                Duration::from_millis(self.kit.settings.first_poll_ms),
                "processing",
                false,
            ),
            _ => Next::Close,
        })
    }

    /// Older Stravas refuse a duplicate at once.
    async fn refused_by_strava(&self, words: &str) -> Result<Next, RunCopyError> {
        let status = UploadStatus {
            id: 0,
            external_id: None,
            error: Some(words.to_owned()),
            status: None,
            activity_id: None,
        };
        self.accepted(&status).await
    }

    /// Back to where it was, and again when it may help.
    async fn not_taken(&self, error: &StravaError) -> Result<Next, RunCopyError> {
        let settled = self
            .settle(|copy| {
                copy.stand(State::Planned, reason::NONE);
                copy.target = None;
                copy.sends -= 1;
                true
            })
            .await?;
        if settled == Settled::Lost {
            return Ok(Next::Lost);
        }
        let copy = copies::find(self.kit.database.readers(), self.copy.id).await?;
        let copy = copy.unwrap_or_else(|| self.copy.clone());
        Step { kit: self.kit, claimed: self.claimed, copy }.failed_call(error).await
    }
}
