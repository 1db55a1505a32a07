//! Grants a lease: the right connection, a fresh token, and room in the budget.

use std::sync::Arc;
use std::time::Duration;

use kernel::{LeaseId, Timestamp};
use outbox::{Effect, StoreError, again_if_contended};
use secrecy::ExposeSecret;
use strava_client::AccessToken;
use strava_client::lease::{DenialReason, LeaseRequest, Purpose};

use super::ServiceContext;
use super::connection::{end_connection, load_for_update};
use super::refresh_token::{RefreshOutcome, RefreshReason, refresh_token};
use crate::domain::budget::{Budget, CallCount, start_of_day};
use crate::domain::connection::{Connection, ConnectionState, StateReason};
use crate::store::leases::{self, StoredLease};
use crate::store::{TokenKind, budgets, connections};

/// A token that ends sooner than this is not lent at all.
const MIN_TOKEN_LIFE: Duration = Duration::from_secs(30);
/// Pause for an athlete who had more than a fair share.
const UNFAIR_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Age at which leases are deleted.
const LEASE_RETENTION: Duration = Duration::from_hours(72);

/// A lease as it is handed out.
#[derive(Clone, Debug)]
pub(crate) struct GrantedLease {
    pub(crate) lease: LeaseId,
    pub(crate) access_token: AccessToken,
    pub(crate) token_expires_at: Timestamp,
    pub(crate) lease_expires_at: Timestamp,
}

/// The answer to a request for a lease.
#[derive(Clone, Debug)]
pub(crate) enum LeaseDecision {
    Granted(GrantedLease),
    RetryAt(Timestamp),
    Never(DenialReason),
}

enum GrantAttempt {
    Decided(LeaseDecision),
    /// The token has to be refreshed first; `usable` if it could be lent as it is.
    Stale {
        connection: String,
        usable: bool,
    },
    /// No key opens the token of this connection.
    Unreadable {
        connection: String,
    },
}

enum Reservation {
    Reserved(StoredLease),
    Refused(LeaseDecision),
}

/// Grants a lease, or says why not.
pub(crate) async fn grant_lease(
    ctx: &Arc<ServiceContext>,
    request: &LeaseRequest,
) -> Result<LeaseDecision, StoreError> {
    let mut margin = ctx.settings.refresh_margin();
    loop {
        match again_if_contended(|| try_grant(ctx, request, margin)).await? {
            GrantAttempt::Decided(decision) => {
                count_decision(request.purpose, &decision);
                return Ok(decision);
            }
            GrantAttempt::Unreadable { connection } => {
                again_if_contended(|| try_end_unreadable(ctx, &connection)).await?;
            }
            // After a refresh: the token Strava gave is the freshest there is.
            GrantAttempt::Stale { .. } if margin == MIN_TOKEN_LIFE => {
                return Ok(LeaseDecision::RetryAt(ctx.now().plus(UNFAIR_RETRY_DELAY)));
            }
            GrantAttempt::Stale { connection, usable } => {
                match refresh_token(ctx, &connection, RefreshReason::Stale).await? {
                    RefreshOutcome::RetryAt(at) if !usable => {
                        return Ok(LeaseDecision::RetryAt(at));
                    }
                    _ => margin = MIN_TOKEN_LIFE,
                }
            }
        }
    }
}

async fn try_end_unreadable(ctx: &ServiceContext, id: &str) -> Result<(), StoreError> {
    let Some((tx, connection)) = load_for_update(ctx, id).await? else { return Ok(()) };
    end_connection(tx, connection, ConnectionState::ReconnectNeeded, StateReason::Unreadable).await
}

async fn try_grant(
    ctx: &ServiceContext,
    request: &LeaseRequest,
    margin: Duration,
) -> Result<GrantAttempt, StoreError> {
    let now = ctx.now();
    let decided = |decision| Ok(GrantAttempt::Decided(decision));
    let tx = ctx.database.effect(request.athlete).await?;
    let connection = connections::find_by_athlete(tx.conn(), request.app, request.athlete).await?;
    let Some(connection) = connection.filter(|_| !tx.is_gone() && ctx.app(request.app).is_some())
    else {
        return decided(LeaseDecision::Never(DenialReason::Disconnected));
    };
    if let Err(reason) = connection.admits(request.generation, request.reads, request.writes) {
        return decided(LeaseDecision::Never(reason));
    }
    if let Some(until) = connection.hold_until.filter(|until| *until > now) {
        return decided(LeaseDecision::RetryAt(until));
    }
    if !connection.is_token_fresh(now, margin) {
        let usable = connection.is_token_fresh(now, MIN_TOKEN_LIFE);
        return Ok(GrantAttempt::Stale { connection: connection.id, usable });
    }
    let Ok(token) = ctx.keys.open(&connection.id, TokenKind::Access, &connection.access) else {
        return Ok(GrantAttempt::Unreadable { connection: connection.id });
    };
    let lease = match reserve_calls(ctx, tx, request, &connection).await? {
        Reservation::Reserved(lease) => lease,
        Reservation::Refused(decision) => return decided(decision),
    };
    ctx.failpoints.hit("token.lease-granted");
    decided(LeaseDecision::Granted(GrantedLease {
        lease: lease.id,
        access_token: AccessToken::new(token.expose_secret()),
        token_expires_at: connection.token_expires_at.unwrap_or(now),
        lease_expires_at: lease.expires_at,
    }))
}

/// Finds room in the budget and stores the lease; or finds the one this attempt has already.
async fn reserve_calls(
    ctx: &ServiceContext,
    tx: Effect,
    request: &LeaseRequest,
    connection: &Connection,
) -> Result<Reservation, StoreError> {
    let now = ctx.now();
    let conn = tx.conn();
    let mut budget = budgets::lock(conn, request.app, now).await?;
    if let Some(earlier) =
        leases::find_by_attempt(conn, request.app, request.athlete, &request.attempt).await?
    {
        if !earlier.reported && earlier.expires_at > now {
            return Ok(Reservation::Reserved(earlier));
        }
        leases::retire_attempt(conn, earlier.id).await?;
    }
    if budget.inactive_since.is_some() {
        if budget.probe_at.is_some_and(|at| at > now) {
            return Ok(Reservation::Refused(LeaseDecision::Never(DenialReason::AppInactive)));
        }
        budget.probe_at = Some(now.plus(ctx.settings.inactive_retry_interval()));
    }
    let lease = new_lease(ctx, request, connection, &budget);
    if let Some(at) = find_retry_time(ctx, &tx, &budget, &lease).await? {
        return Ok(Reservation::Refused(LeaseDecision::RetryAt(at)));
    }
    leases::insert(conn, &lease).await?;
    leases::delete_before(conn, request.app, start_of_day(now).minus(LEASE_RETENTION)).await?;
    budgets::update(conn, &budget).await?;
    tx.commit().await?;
    Ok(Reservation::Reserved(lease))
}

/// The time to ask again if the budget has no room, or, in bulk, if this athlete had more than the
/// others; none if the lease fits.
async fn find_retry_time(
    ctx: &ServiceContext,
    tx: &Effect,
    budget: &Budget,
    lease: &StoredLease,
) -> Result<Option<Timestamp>, StoreError> {
    let now = ctx.now();
    let (application, purpose) = (lease.application, lease.purpose);
    let in_flight = leases::sum_in_flight(tx.conn(), application, lease.quarter, lease.day).await?;
    if let Err(at) = budget.admits(purpose, lease.allowed, in_flight, now) {
        return Ok(Some(at));
    }
    if purpose < Purpose::Reconcile {
        return Ok(None);
    }
    let requesters = ctx.recent_requesters.record_request(application, purpose, lease.athlete, now);
    if requesters < 2 {
        return Ok(None);
    }
    let spent = leases::sum_spent(tx.conn(), lease).await?;
    let is_fair = budget.is_fair(purpose, requesters, spent, lease.allowed);
    Ok((!is_fair).then(|| now.plus(UNFAIR_RETRY_DELAY).min(budget.quarter_ends())))
}

fn new_lease(
    ctx: &ServiceContext,
    request: &LeaseRequest,
    connection: &Connection,
    budget: &Budget,
) -> StoredLease {
    let now = ctx.now();
    let ends = now.plus(ctx.settings.max_lease_duration()).min(budget.quarter_ends());
    StoredLease {
        id: LeaseId::from_uuid(ctx.ids.uuid_v7(now)),
        application: request.app,
        athlete: request.athlete,
        purpose: request.purpose,
        attempt: request.attempt.clone(),
        access_fingerprint: connection.access_fingerprint.clone(),
        allowed: CallCount::new(i64::from(request.reads), i64::from(request.writes)),
        expires_at: connection.token_expires_at.map_or(ends, |token| token.min(ends)),
        quarter: budget.quarter.since,
        day: budget.day.since,
        reported: false,
    }
}

fn count_decision(purpose: Purpose, decision: &LeaseDecision) {
    let answer = match decision {
        LeaseDecision::Granted(_) => "granted",
        LeaseDecision::RetryAt(_) => "later",
        LeaseDecision::Never(reason) => reason.code(),
    };
    let purpose = leases::purpose_code(purpose);
    metrics::counter!("token_leases_total", "purpose" => purpose, "answer" => answer).increment(1);
}
