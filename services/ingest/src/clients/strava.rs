//! Strava under a lease: every call is reported, whatever its result.

use kernel::StravaActivityId;
use strava_client::lease::{Lease, LeaseClient, LeaseError, LeaseRequest, Purpose, Report};
use strava_client::{
    ActivityPage, ApiResponse, Client, DetailedActivity, ListQuery, StravaError, Streams,
};

use crate::domain::connection::Connection;

/// Strava and the lease service.
#[derive(Clone, Debug)]
pub(crate) struct Strava {
    pub(crate) client: Client,
    pub(crate) leases: LeaseClient,
}

/// Strava with a lease, and the usage to be reported.
#[derive(Debug)]
pub(crate) struct LeasedStrava<'a> {
    strava: &'a Strava,
    lease: Lease,
    usage: Report,
}

impl Strava {
    /// Acquires a lease for so many reads. A repeated attempt returns the same lease.
    pub(crate) async fn acquire_lease(
        &self,
        connection: &Connection,
        purpose: Purpose,
        attempt: String,
        reads: u32,
    ) -> Result<LeasedStrava<'_>, LeaseError> {
        let request = LeaseRequest {
            app: connection.application,
            athlete: connection.athlete,
            generation: connection.generation,
            purpose,
            attempt,
            reads,
            writes: 0,
        };
        let lease = self.leases.request_lease(&request).await?;
        Ok(LeasedStrava { strava: self, lease, usage: Report::default() })
    }
}

impl LeasedStrava<'_> {
    /// Fetches an activity in detail.
    pub(crate) async fn fetch_activity(
        &mut self,
        id: StravaActivityId,
    ) -> Result<ApiResponse<DetailedActivity>, StravaError> {
        let answer = self.strava.client.get_activity(&self.lease.access_token, id).await;
        self.record_usage(answer)
    }

    /// Fetches the streams of an activity.
    pub(crate) async fn fetch_streams(
        &mut self,
        id: StravaActivityId,
    ) -> Result<ApiResponse<Streams>, StravaError> {
        let answer = self.strava.client.get_streams(&self.lease.access_token, id).await;
        self.record_usage(answer)
    }

    /// Fetches a page of the list.
    pub(crate) async fn list_activities(
        &mut self,
        query: &ListQuery,
    ) -> Result<ApiResponse<ActivityPage>, StravaError> {
        let answer = self.strava.client.list_activities(&self.lease.access_token, query).await;
        self.record_usage(answer)
    }

    /// Reports the usage to token. A lost report only costs budget: the lease then counts as used up.
    pub(crate) async fn report_usage(self) {
        if let Err(error) = self.strava.leases.report_usage(self.lease.id, &self.usage).await {
            tracing::warn!(%error, lease = %self.lease.id, "the usage of a lease was not reported");
        }
    }

    fn record_usage<T>(
        &mut self,
        answer: Result<ApiResponse<T>, StravaError>,
    ) -> Result<ApiResponse<T>, StravaError> {
        self.usage = std::mem::take(&mut self.usage).merge(Report::for_read(&answer));
        answer
    }
}
