//! Strava under a lease: every call is reported, whatever came of it.

use kernel::StravaActivityId;
use strava_client::lease::{Lease, LeaseClient, LeaseError, LeaseRequest, Purpose, Report};
use strava_client::{
    ActivityPage, ApiResponse, Client, DetailedActivity, ListQuery, Raw, StravaError, Streams,
};

use crate::domain::connection::Connection;

/// Strava, for whoever holds a lease.
#[derive(Clone, Debug)]
pub(crate) struct Strava {
    pub(crate) client: Client,
    pub(crate) leases: LeaseClient,
}

/// What a lease is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) purpose: Purpose,
    /// Names this attempt: asking again with it returns the same lease.
    pub(crate) attempt: String,
    pub(crate) reads: u32,
}

/// The permission to call, and what was done with it.
#[derive(Debug)]
pub(crate) struct Permission<'a> {
    strava: &'a Strava,
    lease: Lease,
    report: Report,
}

impl Strava {
    /// Asks for a lease.
    pub(crate) async fn ask(
        &self,
        connection: &Connection,
        ask: &Ask,
    ) -> Result<Permission<'_>, LeaseError> {
        let request = LeaseRequest {
            app: connection.application,
            athlete: connection.athlete,
            generation: connection.generation,
            purpose: ask.purpose,
            attempt: ask.attempt.clone(),
            reads: ask.reads,
            writes: 0,
        };
        let lease = self.leases.request_lease(&request).await?;
        Ok(Permission { strava: self, lease, report: Report::default() })
    }
}

impl Permission<'_> {
    /// One activity in detail.
    pub(crate) async fn activity(
        &mut self,
        id: StravaActivityId,
    ) -> Result<ApiResponse<Raw<DetailedActivity>>, StravaError> {
        let answer = self.strava.client.get_activity(&self.lease.access_token, id).await;
        self.note(Report::for_read(&answer));
        answer
    }

    /// Its streams.
    pub(crate) async fn streams(
        &mut self,
        id: StravaActivityId,
    ) -> Result<ApiResponse<Streams>, StravaError> {
        let answer = self.strava.client.get_streams(&self.lease.access_token, id).await;
        self.note(Report::for_read(&answer));
        answer
    }

    /// A page of the list.
    pub(crate) async fn page(
        &mut self,
        query: &ListQuery,
    ) -> Result<ApiResponse<ActivityPage>, StravaError> {
        let answer = self.strava.client.list_activities(&self.lease.access_token, query).await;
        self.note(Report::for_read(&answer));
        answer
    }

    /// Tells token what was used. A report that gets lost costs only budget: the lease then counts as used up.
    pub(crate) async fn close(self) {
        if let Err(error) = self.strava.leases.report_usage(self.lease.id, &self.report).await {
            tracing::warn!(%error, lease = %self.lease.id, "the report of a lease got lost");
        }
    }

    fn note(&mut self, call: Report) {
        self.report = std::mem::take(&mut self.report).merge(call);
    }
}
