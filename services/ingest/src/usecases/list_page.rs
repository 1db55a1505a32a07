//! Pages of an athlete's list: fetched under a lease, recorded many rows at a time.

use std::collections::HashMap;

use contracts::wire::Cause;
use jobs::ClaimedJob;
use kernel::{SourceId, StravaActivityId, Ticket};
use outbox::{AthleteTx, Database, StoreError};
use strava_client::lease::Purpose;
use strava_client::{ActivityPage, ErrorKind, ListQuery, SummaryActivity};

use super::ServiceContext;
use super::job_failure::JobFailure;
use super::record_observation::{ObservationChange, PublishMode};
use crate::domain::connection::Connection;
use crate::domain::facts::Facts;
use crate::domain::observation::{Observation, SourceAnswer};
use crate::domain::observation_key::ObservationKey;
use crate::store;

/// A page of the list, and the connection and request it came through.
#[derive(Clone, Debug)]
pub(crate) struct ListPage<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) query: ListQuery,
    /// The ticket of the request, and when it was answered.
    pub(crate) received: SourceAnswer,
    pub(crate) answer: ActivityPage,
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
pub(crate) async fn fetch_page<'a>(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    connection: &'a Connection,
    purpose: Purpose,
    query: ListQuery,
) -> Result<ListPage<'a>, anyhow::Error> {
    let database = if purpose == Purpose::Backfill { &ctx.bulk } else { &ctx.database };
    let ticket = draw_ticket(database, connection).await?.ok_or(JobFailure::FENCED)?;
    let mut retries = 0;
    let answer = loop {
        let attempt = format!("{}:{}:{ticket}:{retries}", job.id, job.epoch);
        let leased = ctx.strava.acquire_lease(connection, purpose, attempt, 1).await;
        let mut strava = leased.map_err(|refusal| JobFailure::from_lease(&refusal, ctx.now()))?;
        let answer = strava.list_activities(&query).await;
        strava.report_usage().await;
        match answer {
            // Reporting the dead token has made token refresh it.
            Err(error) if error.kind == ErrorKind::TokenDead && retries == 0 => retries += 1,
            Err(error) => {
                return Err(JobFailure::from_strava(&error, job.attempts, ctx.now()).into());
            }
            Ok(answer) => break answer,
        }
    };
    let answered_at = answer.date.unwrap_or_else(|| ctx.now());
    let received = SourceAnswer { ticket, generation: connection.generation, answered_at };
    Ok(ListPage { connection, query, received, answer: answer.body })
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

/// Records some rows of the page. Returns those of the activities that changed whose details are not known.
pub(crate) async fn record_rows(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    page: &ListPage<'_>,
    rows: &[SummaryActivity],
    cause: Cause,
) -> Result<Vec<StravaActivityId>, StoreError> {
    let connection = page.connection;
    let athlete = connection.athlete;
    let ids: Vec<_> = rows.iter().map(|row| SourceId::from(row.id)).collect();
    let stored =
        store::observations::find_many(tx.conn(), athlete, connection.source(), &ids).await?;
    let mut stored: HashMap<_, _> =
        stored.into_iter().map(|it| (it.key.source_id.clone(), it)).collect();
    let new: Vec<_> = ids.into_iter().filter(|id| !stored.contains_key(id)).collect();
    let identities =
        store::identities::find_many(tx.conn(), athlete, connection.source(), &new).await?;
    let known = stored.values().filter_map(|observation| observation.activity);
    let known: Vec<_> = known.chain(identities.values().copied()).collect();
    let published = store::activities::find_many(tx.conn(), &known).await?;
    let mut published: HashMap<_, _> = published.into_iter().map(|it| (it.id, it)).collect();
    let mut changed = Vec::new();
    for row in rows {
        let facts = Facts::from_summary(row);
        let key = ObservationKey::strava(athlete, connection.application, row.id);
        let observation = stored.remove(&key.source_id);
        let is_stored = observation.is_some();
        let identity = identities.get(&key.source_id).copied();
        let mut observation = observation.unwrap_or_else(|| Observation::empty(key));
        if is_stored && repeats_stored(&observation, page.received, &facts) {
            continue;
        }
        observation.activity = observation.activity.or(identity);
        observation.hints.unlisted = false;
        if observation.record_summary(page.received, facts) {
            let published = observation.activity.and_then(|id| published.remove(&id));
            let change = ObservationChange { observation, is_stored, published };
            let mode = PublishMode { cause, always: false };
            let recorded = ctx.record_observation(tx, change, mode).await?;
            changed.extend(recorded.filter(|it| !it.state.has_details).map(|_| row.id));
        }
    }
    Ok(changed)
}

/// Returns true if the row repeats facts that were stored through the same connection.
fn repeats_stored(observation: &Observation, received: SourceAnswer, facts: &Facts) -> bool {
    let generation = observation.last_sighting().map(|sighting| sighting.generation);
    generation == Some(received.generation)
        && observation.facts().is_some_and(|stored| facts.repeat(stored))
        && !observation.hints.unlisted
}
