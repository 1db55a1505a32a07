//! Pages of an athlete's list: fetched under a lease, recorded many rows at a time.

use std::collections::HashMap;

use contracts::wire::Cause;
use jobs::ClaimedJob;
use kernel::{StravaActivityId, Ticket, Timestamp};
use outbox::{AthleteTx, Database, StoreError};
use strava_client::lease::Purpose;
use strava_client::{ActivityPage, ApiResponse, ErrorKind, ListQuery};

use super::ServiceContext;
use super::job_failure::{JobError, JobFailure};
use super::record_observation::{ObservationChange, PublishMode};
use crate::clients::strava::LeaseOptions;
use crate::domain::activity::Activity;
use crate::domain::connection::Connection;
use crate::domain::facts::Facts;
use crate::domain::observation::{ActivityKey, Observation, Source};
use crate::store;

/// One row of the list.
#[derive(Clone, Debug)]
pub(crate) struct ListedActivity {
    pub(crate) strava: StravaActivityId,
    pub(crate) facts: Facts,
}

/// A page to be fetched for a job.
#[derive(Clone, Debug)]
pub(crate) struct PageRequest {
    pub(crate) purpose: Purpose,
    /// Name of the attempt, for the lease.
    pub(crate) attempt: String,
    /// Attempts of the job so far.
    pub(crate) attempts: i64,
    pub(crate) before: Option<Timestamp>,
    pub(crate) per_page: u32,
}

/// A page of the list and its source.
#[derive(Clone, Debug)]
pub(crate) struct FetchedPage {
    pub(crate) source: Source,
    pub(crate) page: ActivityPage,
}

/// Rows of a page to be recorded in one transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedRows<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) source: Source,
    pub(crate) rows: &'a [ListedActivity],
}

impl FetchedPage {
    /// Returns the readable rows.
    pub(crate) fn rows(&self) -> Vec<ListedActivity> {
        let rows = self.page.activities.iter();
        rows.map(|row| ListedActivity { strava: row.id, facts: Facts::from_summary(row) }).collect()
    }
}

/// Draws the ticket of a request; none behind a fence.
pub(crate) async fn draw_ticket(
    database: &Database,
    connection: &Connection,
) -> Result<Option<Ticket>, StoreError> {
    let draw = |tx: AthleteTx| async move {
        if tx.is_fenced(&[connection.origin()]) {
            return Ok(tx.unchanged(None));
        }
        Ok(Some(tx.draw_ticket()))
    };
    database.run("draw_ticket", connection.athlete, draw).await
}

/// Fetches a page of the list. The ticket is drawn before the request: an answer is as old as its request.
pub(crate) async fn fetch_page(
    ctx: &ServiceContext,
    connection: &Connection,
    request: &PageRequest,
) -> Result<FetchedPage, JobError> {
    let database = if request.purpose == Purpose::Backfill { &ctx.bulk } else { &ctx.database };
    let ticket = draw_ticket(database, connection).await?.ok_or(JobFailure::FENCED)?;
    let answer = call_list(ctx, connection, request).await?;
    let source = Source {
        ticket,
        generation: connection.generation,
        answered_at: answer.date.unwrap_or_else(|| ctx.now()),
    };
    Ok(FetchedPage { source, page: answer.body })
}

/// Calls Strava; after a dead token was reported, and thereby refreshed, once more.
async fn call_list(
    ctx: &ServiceContext,
    connection: &Connection,
    request: &PageRequest,
) -> Result<ApiResponse<ActivityPage>, JobFailure> {
    let query =
        ListQuery { before: request.before, per_page: request.per_page, ..ListQuery::default() };
    let mut retries = 0;
    loop {
        let attempt = format!("{}:{retries}", request.attempt);
        let options = LeaseOptions { purpose: request.purpose, attempt, reads: 1 };
        let leased = ctx.strava.acquire_lease(connection, options).await;
        let mut strava = leased.map_err(|refusal| JobFailure::from_lease(&refusal, ctx.now()))?;
        let answer = strava.list_activities(&query).await;
        strava.report_usage().await;
        match answer {
            Err(error) if error.kind == ErrorKind::TokenDead && retries == 0 => retries += 1,
            Err(error) => {
                return Err(JobFailure::from_strava(&error, request.attempts, ctx.now()));
            }
            Ok(answer) => return Ok(answer),
        }
    }
}

/// Finds the stored connection that a request went through; none if it is withdrawn or replaced meanwhile.
pub(crate) async fn find_current_connection(
    tx: &AthleteTx,
    requested: &Connection,
) -> Result<Option<Connection>, StoreError> {
    if tx.is_fenced(&[requested.origin()]) {
        return Ok(None);
    }
    let (athlete, application) = (requested.athlete, requested.application);
    let stored = store::connections::find(tx.conn(), athlete, application).await?;
    let generation = requested.generation;
    Ok(stored.filter(|stored| stored.generation == generation && stored.is_connected()))
}

/// Returns the name of the lease attempt of a claimed job.
pub(crate) fn attempt_name(job: &ClaimedJob) -> String {
    format!("{}:{}", job.id, job.epoch)
}

/// Records the rows and returns the activities that changed.
pub(crate) async fn record_rows(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    listed: ListedRows<'_>,
    cause: Cause,
) -> Result<Vec<Activity>, StoreError> {
    let (athlete, application) = (listed.connection.athlete, listed.connection.application);
    let mode = PublishMode { cause, always: false };
    let mut before = load_rows(tx, listed).await?;
    let mut changed = Vec::new();
    for ListedActivity { strava, facts } in listed.rows {
        let key = ActivityKey { athlete, application, strava: *strava };
        let mut change = before.take_change(key);
        let observation = &mut change.observation;
        if change.is_stored && repeats_stored(observation, listed.source, facts) {
            continue;
        }
        observation.hints.unlisted = false;
        if observation.record_summary(listed.source, facts.clone()) {
            changed.extend(ctx.record_observation(tx, change, mode).await?);
        }
    }
    Ok(changed)
}

/// The stored state of the rows of a page.
struct StoredRows {
    observations: HashMap<StravaActivityId, Observation>,
    identities: HashMap<StravaActivityId, kernel::ActivityId>,
    published: HashMap<kernel::ActivityId, Activity>,
}

impl StoredRows {
    fn take_change(&mut self, key: ActivityKey) -> ObservationChange {
        let stored = self.observations.remove(&key.strava);
        let is_stored = stored.is_some();
        let mut observation = stored.unwrap_or_else(|| Observation::empty(key));
        if observation.activity.is_none() {
            observation.activity = self.identities.get(&key.strava).copied();
        }
        let published = observation.activity.and_then(|id| self.published.remove(&id));
        ObservationChange { observation, is_stored, published }
    }
}

async fn load_rows(tx: &AthleteTx, listed: ListedRows<'_>) -> Result<StoredRows, StoreError> {
    let (athlete, application) = (listed.connection.athlete, listed.connection.application);
    let ids: Vec<_> = listed.rows.iter().map(|row| row.strava).collect();
    let observations =
        store::observations::find_many(tx.conn(), athlete, application, &ids).await?;
    let observations: HashMap<_, _> =
        observations.into_iter().map(|stored| (stored.key.strava, stored)).collect();
    let new: Vec<_> = ids.into_iter().filter(|id| !observations.contains_key(id)).collect();
    let identities =
        store::observations::find_identities(tx.conn(), athlete, application, &new).await?;
    let known = observations.values().filter_map(|observation| observation.activity);
    let known: Vec<_> = known.chain(identities.values().copied()).collect();
    let published = store::activities::find_many(tx.conn(), &known).await?;
    let published = published.into_iter().map(|activity| (activity.id, activity)).collect();
    Ok(StoredRows { observations, identities, published })
}

/// Returns true if the row repeats facts that were stored through the same connection.
fn repeats_stored(observation: &Observation, source: Source, facts: &Facts) -> bool {
    let generation = observation.last_sighting().map(|sighting| sighting.generation);
    generation == Some(source.generation)
        && observation.facts() == Some(facts)
        && !observation.hints.unlisted
}
