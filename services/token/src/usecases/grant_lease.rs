//! Grants a lease: the right connection, a fresh token, and room in the budget; or says when, or why never.

use std::sync::Arc;
use std::time::Duration;

use kernel::{LeaseId, Timestamp};
use outbox::{Effect, StoreError, again_if_contended};
use secrecy::ExposeSecret;
use strava_client::AccessToken;
use strava_client::lease::{DenialReason, LeaseRequest, Purpose};

use super::refresh::{Outcome, Why, refresh};
use super::{Means, refresh as refreshing};
use crate::domain::budget::{Budget, Calls, day_of};
use crate::domain::connection::{Connection, Reason, State};
use crate::store::{
    Column, GrantedLease, by_athlete, in_flight, insert_lease, lease_of_attempt, lock_budget,
    purge_leases, retire_attempt, save_budget, spent_by,
};

/// A token that ends sooner than this is not lent at all.
const LAST_MOMENT: Duration = Duration::from_secs(30);
/// When to ask again after others had less.
const UNFAIR: Duration = Duration::from_secs(5);
/// How long leases are remembered.
const MEMORY: Duration = Duration::from_hours(72);

/// A lease as it is handed out.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) lease: LeaseId,
    pub(crate) access_token: AccessToken,
    pub(crate) token_expires_at: Timestamp,
    pub(crate) lease_expires_at: Timestamp,
}

/// The answer to whoever asked.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Granted(Granted),
    RetryAt(Timestamp),
    Never(DenialReason),
}

enum Step {
    Done(Answer),
    /// The token has to be refreshed first; whether it could be lent as it is.
    Stale {
        connection: String,
        usable: bool,
    },
    /// No key opens the token.
    Unreadable(Box<Connection>),
}

/// Grants a lease, or says why not.
pub(crate) async fn grant_lease(
    means: &Arc<Means>,
    request: &LeaseRequest,
) -> Result<Answer, StoreError> {
    let mut margin = means.settings.refresh_margin();
    loop {
        match again_if_contended(|| step(means, request, margin)).await? {
            Step::Done(answer) => {
                count(request.purpose, &answer);
                return Ok(answer);
            }
            Step::Unreadable(connection) => {
                let Some((effect, connection)) = refreshing::locked(means, &connection.id).await?
                else {
                    continue;
                };
                refreshing::end(effect, connection, State::ReconnectNeeded, Reason::Unreadable)
                    .await?;
            }
            // Second time round: whatever Strava gave is the freshest there is.
            Step::Stale { .. } if margin == LAST_MOMENT => {
                return Ok(Answer::RetryAt(means.now().plus(UNFAIR)));
            }
            Step::Stale { connection, usable } => {
                match refresh(means, &connection, Why::Stale).await? {
                    Outcome::Later(at) if !usable => return Ok(Answer::RetryAt(at)),
                    Outcome::Fresh | Outcome::Ended | Outcome::Later(_) => margin = LAST_MOMENT,
                }
            }
        }
    }
}

async fn step(means: &Means, request: &LeaseRequest, margin: Duration) -> Result<Step, StoreError> {
    let now = means.now();
    let done = |answer| Ok(Step::Done(answer));
    let effect = means.database.effect(request.athlete).await?;
    let Some(connection) = by_athlete(effect.conn(), request.app, request.athlete).await? else {
        return done(Answer::Never(DenialReason::Disconnected));
    };
    if effect.is_gone() || means.app(request.app).is_none() {
        return done(Answer::Never(DenialReason::Disconnected));
    }
    if let Err(reason) = connection.admits(request.generation, request.reads, request.writes) {
        return done(Answer::Never(reason));
    }
    if let Some(until) = connection.hold_until.filter(|until| *until > now) {
        return done(Answer::RetryAt(until));
    }
    if !connection.is_fresh(now, margin) {
        let usable = connection.is_fresh(now, LAST_MOMENT);
        return Ok(Step::Stale { connection: connection.id, usable });
    }
    let Ok(token) = means.keys.open(&connection.id, Column::Access, &connection.access) else {
        return Ok(Step::Unreadable(Box::new(connection)));
    };
    let token_expires_at = connection.token_expires_at.unwrap_or(now);
    let lease = match spend(means, effect, request, &connection).await? {
        Ok(lease) => lease,
        Err(answer) => return done(answer),
    };
    means.failpoints.hit("token.lease-granted");
    done(Answer::Granted(Granted {
        lease: lease.id,
        access_token: AccessToken::new(token.expose_secret()),
        token_expires_at,
        lease_expires_at: lease.expires_at,
    }))
}

/// Finds room in the budget and stores the lease; or the one this attempt has already.
async fn spend(
    means: &Means,
    effect: Effect,
    request: &LeaseRequest,
    connection: &Connection,
) -> Result<Result<GrantedLease, Answer>, StoreError> {
    let now = means.now();
    let conn = effect.conn();
    let mut budget = lock_budget(conn, request.app, now).await?;
    if let Some(before) =
        lease_of_attempt(conn, request.app, request.athlete, &request.attempt).await?
    {
        if !before.reported && before.expires_at > now {
            return Ok(Ok(before));
        }
        retire_attempt(conn, before.id).await?;
    }
    if budget.inactive_since.is_some() {
        if budget.probe_at.is_some_and(|at| at > now) {
            return Ok(Err(Answer::Never(DenialReason::AppInactive)));
        }
        budget.probe_at = Some(now.plus(means.settings.inactive_retry()));
    }
    let lease = lease(means, request, connection, &budget);
    if let Err(at) = fits(means, &effect, &budget, &lease).await? {
        return Ok(Err(Answer::RetryAt(at)));
    }
    insert_lease(conn, &lease).await?;
    purge_leases(conn, request.app, day_of(now).minus(MEMORY)).await?;
    save_budget(conn, &budget).await?;
    effect.commit().await?;
    Ok(Ok(lease))
}

/// Whether the budget has room, and in bulk this athlete more than the others had.
async fn fits(
    means: &Means,
    effect: &Effect,
    budget: &Budget,
    lease: &GrantedLease,
) -> Result<Result<(), Timestamp>, StoreError> {
    let now = means.now();
    let flying = in_flight(effect.conn(), lease.application, lease.quarter, lease.day).await?;
    if let Err(at) = budget.admits(lease.purpose, lease.allowed, flying, now) {
        return Ok(Err(at));
    }
    if lease.purpose < Purpose::Reconcile {
        return Ok(Ok(()));
    }
    let among = means.askers.note((lease.application, lease.purpose), lease.athlete, now);
    if among < 2 {
        return Ok(Ok(()));
    }
    let spent = spent_by(effect.conn(), lease).await?;
    let fair = budget.is_fair(lease.purpose, among, spent, lease.allowed);
    Ok(if fair { Ok(()) } else { Err(now.plus(UNFAIR).min(budget.quarter_ends())) })
}

fn lease(
    means: &Means,
    request: &LeaseRequest,
    connection: &Connection,
    budget: &Budget,
) -> GrantedLease {
    let now = means.now();
    let ends = now.plus(means.settings.lease_life()).min(budget.quarter_ends());
    GrantedLease {
        id: LeaseId::from_uuid(means.ids.uuid_v7(now)),
        application: request.app,
        athlete: request.athlete,
        purpose: request.purpose,
        attempt: request.attempt.clone(),
        access_print: connection.access_print.clone(),
        allowed: Calls::new(i64::from(request.reads), i64::from(request.writes)),
        expires_at: connection.token_expires_at.map_or(ends, |token| token.min(ends)),
        quarter: budget.quarter.since,
        day: budget.day.since,
        reported: false,
    }
}

fn count(purpose: Purpose, answer: &Answer) {
    let answer = match answer {
        Answer::Granted(_) => "granted",
        Answer::RetryAt(_) => "later",
        Answer::Never(reason) => reason.code(),
    };
    let purpose = format!("{purpose:?}").to_lowercase();
    metrics::counter!("token_leases_total", "purpose" => purpose, "answer" => answer).increment(1);
}
