//! Searches the child's list for a copy that was sent without an answer.

use std::time::Duration;

use kernel::{SourceKey, StravaActivityId, Timestamp};
use strava_client::lease::{Lease, Report};
use strava_client::{ListQuery, StravaError};

use super::{CopyStep, JobOutcome, StepError, StepResult};
use crate::domain::copy::CopyState;
use crate::domain::external_id::{ActivityExtent, is_same_activity, is_same_id};
use crate::domain::reason;

/// Distance from the start within which the list is searched: zones and clocks differ.
const SEARCH_RADIUS: Duration = Duration::from_hours(24);
/// Maximum number of pages read: nobody trains more often within two days.
const MAX_PAGES: u32 = 2;

/// An activity in the child's list that is the copy, or makes it needless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundActivity {
    key: SourceKey,
    /// [`reason::FOUND`] if it has our `external_id`, else [`reason::ALREADY_THERE`].
    reason: &'static str,
}

impl CopyStep<'_> {
    pub(super) async fn search(&self) -> StepResult {
        if let Some(due) = self.next_search_at().filter(|due| self.now() < *due) {
            return Ok(self.retry_after(due.since(self.now()), reason::UNANSWERED));
        }
        match self.find_in_list().await? {
            Some(found) => self.record_found(&found).await,
            None => self.record_not_found().await,
        }
    }

    /// Returns the earliest instant of the second search, which decides about another upload: a job
    /// that is woken before must not hasten it.
    fn next_search_at(&self) -> Option<Timestamp> {
        let sent_at = self.copy.sent_at.filter(|_| self.copy.searches > 0)?;
        Some(sent_at.plus(Duration::from_secs(self.ctx.settings.look_again_s)))
    }

    pub(super) async fn find_in_list(&self) -> Result<Option<FoundActivity>, StepError> {
        let connection = self.find_connection().await?;
        let lease = self.request_lease(&connection, MAX_PAGES, 0).await?;
        let mut report = Report::default();
        let found = self.read_list(&lease, &mut report).await;
        self.report_usage(&lease, &report).await;
        match found {
            Ok(found) => Ok(found.map(|(activity, reason)| FoundActivity {
                key: SourceKey::strava(connection.application, activity),
                reason,
            })),
            Err(error) => Err(self.handle_call_error(&error).await?.into()),
        }
    }

    /// Reads the list around the source's start, adding each call to the report.
    async fn read_list(
        &self,
        lease: &Lease,
        report: &mut Report,
    ) -> Result<Option<(StravaActivityId, &'static str)>, StravaError> {
        let source = &self.copy.source;
        let ours = ActivityExtent { start_at: source.start_at, distance_dm: source.distance_dm };
        let external_id = self.copy.external_id();
        let mut found = None;
        for page in 1..=MAX_PAGES {
            let query = ListQuery {
                before: Some(source.start_at.plus(SEARCH_RADIUS)),
                after: Some(source.start_at.minus(SEARCH_RADIUS)),
                page,
                ..ListQuery::default()
            };
            let response = self.ctx.strava.list_activities(&lease.access_token, &query).await;
            *report = std::mem::take(report).merge(Report::for_read(&response));
            let list = response?.body;
            for activity in &list.activities {
                if is_same_id(activity.external_id.as_deref(), &external_id) {
                    return Ok(Some((activity.id, reason::FOUND)));
                }
                let distance_m = activity.distance.unwrap_or_default();
                let theirs = ActivityExtent {
                    start_at: activity.start_date,
                    distance_dm: kernel::units::to_decimetres(distance_m),
                };
                if is_same_activity(ours, theirs) {
                    found = Some((activity.id, reason::ALREADY_THERE));
                }
            }
            if list.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    pub(super) async fn record_found(&self, found: &FoundActivity) -> StepResult {
        self.update(|copy| copy.set_done(Some(found.key.clone()), found.reason)).await?;
        Ok(JobOutcome::Done)
    }

    /// A copy that may have been sent is searched for twice before it is sent again: Strava may still
    /// be processing it.
    async fn record_not_found(&self) -> StepResult {
        if self.copy.state == CopyState::Planned {
            return self.allow_upload().await;
        }
        if self.copy.searches == 0 {
            self.update(|copy| {
                copy.searches += 1;
                copy.set_state(CopyState::Sending, reason::UNANSWERED);
            })
            .await?;
            let pause = Duration::from_secs(self.ctx.settings.look_again_s);
            return Ok(self.retry_after(pause, reason::UNANSWERED));
        }
        if self.copy.uploads >= i64::from(self.ctx.settings.max_sends) {
            return self.finish(CopyState::Failed, reason::UNANSWERED).await;
        }
        if !self.is_linked().await? {
            return self.finish(CopyState::Failed, reason::LINK_ENDED).await;
        }
        self.allow_upload().await
    }

    async fn allow_upload(&self) -> StepResult {
        self.update(|copy| {
            copy.set_state(CopyState::Planned, reason::NONE);
            copy.must_search = false;
            copy.target = None;
        })
        .await?;
        Ok(self.retry_after(Duration::ZERO, "not-found"))
    }
}
