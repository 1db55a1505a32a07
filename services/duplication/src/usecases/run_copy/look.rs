//! Looks for the copy in the child's list: what was sent without an answer may be there.

use std::time::Duration;

use kernel::{StravaActivityId, Timestamp};
use strava_client::lease::{Lease, Report};
use strava_client::{ListQuery, StravaError};

use super::settle::Settled;
use super::{Next, RunCopyError, Step};
use crate::domain::copy::{State, reason};
use crate::domain::upload::{bears, is_the_same};

/// Around the start: zones and clocks differ.
const AROUND: Duration = Duration::from_hours(24);
/// Nobody trains so often within two days.
const PAGES: u32 = 2;

/// What the list held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The activity that bears our mark.
    Ours(StravaActivityId),
    /// One that is the same without it.
    Theirs(StravaActivityId),
    Nothing,
}

impl Step<'_> {
    pub(super) async fn look(self) -> Result<Next, RunCopyError> {
        if let Some(at) = self.too_early() {
            return Ok(Next::Again { at, reason: reason::UNANSWERED.to_owned(), counts: false });
        }
        match self.find().await? {
            Ok(Found::Nothing) => self.not_found().await,
            Ok(found) => self.take(found).await,
            Err(next) => Ok(next),
        }
    }

    /// The second look decides whether the file is sent again: whoever wakes the job before its time
    /// must not hasten it.
    fn too_early(&self) -> Option<Timestamp> {
        let sent = self.copy.sent_at.filter(|_| self.copy.looks > 0)?;
        let at = sent.plus(Duration::from_secs(self.kit.settings.look_again_s));
        (self.now() < at).then_some(at)
    }

    /// What the child's list holds, or what to do instead of knowing.
    pub(super) async fn find(&self) -> Result<Result<Found, Next>, RunCopyError> {
        let connection = match self.connection().await? {
            Ok(connection) => connection,
            Err(why) => return self.hold(why).await.map(Err),
        };
        let lease = match self.lease(&connection, PAGES, 0).await {
            Ok(lease) => lease,
            Err(refused) => return self.refused(refused).await.map(Err),
        };
        let (found, report) = self.read_list(&lease).await;
        self.report(&lease, &report).await;
        match found {
            Ok(found) => Ok(Ok(found)),
            Err(error) => self.failed_call(&error).await.map(Err),
        }
    }

    async fn read_list(&self, lease: &Lease) -> (Result<Found, StravaError>, Report) {
        let start = self.copy.source.start_at;
        let mark = self.copy.external_id();
        let (mut report, mut same) = (Report::default(), Found::Nothing);
        for page in 1..=PAGES {
            let query = ListQuery {
                before: Some(start.plus(AROUND)),
                after: Some(start.minus(AROUND)),
                page,
                ..ListQuery::default()
            };
            let answer = self.kit.strava.list_activities(&lease.access_token, &query).await;
            report = report.merge(Report::for_read(&answer));
            let rows = match answer {
                Ok(answer) => answer.body,
                Err(error) => return (Err(error), report),
            };
            for row in &rows.activities {
                if bears(row.external_id.as_deref(), &mark) {
                    return (Ok(Found::Ours(row.id)), report);
                }
                let distance_dm = kernel::units::to_decimetres(row.distance.unwrap_or_default());
                if is_the_same(
                    (start.as_secs(), self.copy.source.distance_dm),
                    (row.start_date.as_secs(), distance_dm),
                ) {
                    same = Found::Theirs(row.id);
                }
            }
            if rows.is_empty() {
                break;
            }
        }
        (Ok(same), report)
    }

    pub(super) async fn take(&self, found: Found) -> Result<Next, RunCopyError> {
        let (activity, why) = match found {
            Found::Ours(activity) => (activity, reason::FOUND),
            Found::Theirs(activity) => (activity, reason::ALREADY_THERE),
            Found::Nothing => return Ok(Next::Close),
        };
        let settled = self
            .settle(|copy| {
                copy.arrived(activity, why);
                true
            })
            .await?;
        Ok(if settled == Settled::Lost { Next::Lost } else { Next::Close })
    }

    /// Once is not enough when something was sent: Strava may still be at it.
    async fn not_found(&self) -> Result<Next, RunCopyError> {
        if self.copy.state == State::Planned {
            return self.send_at_last().await;
        }
        if self.copy.looks == 0 {
            let settled = self
                .settle(|copy| {
                    copy.looks += 1;
                    copy.stand(State::Sending, reason::UNANSWERED);
                    true
                })
                .await?;
            if settled == Settled::Lost {
                return Ok(Next::Lost);
            }
            let again = Duration::from_secs(self.kit.settings.look_again_s);
            return Ok(self.again_in(again, reason::UNANSWERED, false));
        }
        if self.copy.sends >= i64::from(self.kit.settings.max_sends) {
            self.fail(reason::UNANSWERED, "").await?;
            return Ok(Next::Close);
        }
        if !self.is_linked().await? {
            self.fail(reason::LINK_ENDED, "").await?;
            return Ok(Next::Close);
        }
        self.send_at_last().await
    }

    /// It is not there: it may be sent.
    async fn send_at_last(&self) -> Result<Next, RunCopyError> {
        let settled = self
            .settle(|copy| {
                copy.stand(State::Planned, reason::NONE);
                copy.must_look = false;
                copy.target = None;
                true
            })
            .await?;
        Ok(match settled {
            Settled::Lost => Next::Lost,
            Settled::Written => self.again_in(Duration::ZERO, "not-found", false),
        })
    }
}
