//! Grants a lease: the right connection, a fresh token, and room in the budget.

use std::sync::Arc;
use std::time::Duration;

use kernel::{LeaseId, Timestamp};
use outbox::{AthleteTx, StoreError};
use secrecy::ExposeSecret;
use strava_client::AccessToken;
use strava_client::lease::{DenialReason, Lease, LeaseRequest, Purpose};

use super::connection::report_unreadable;
use super::refresh_token::{RefreshOutcome, RefreshReason, refresh_token};
use super::{ServiceContext, seats};
use crate::domain::budget::{Budget, CallCount, start_of_day};
use crate::domain::connection::Connection;
use crate::store::leases::{self, StoredLease};
use crate::store::{TokenKind, budgets, connections};

/// A token that ends sooner than this is not lent at all.
const MIN_TOKEN_LIFE: Duration = Duration::from_secs(30);
/// Pause for an athlete who had more than a fair share.
const UNFAIR_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Age at which leases are deleted.
const LEASE_RETENTION: Duration = Duration::from_hours(72);

/// The answer to a request for a lease.
#[derive(Debug)]
pub(crate) enum LeaseDecision {
    Granted(Lease),
    RetryAt(Timestamp),
    Denied(DenialReason),
}

enum GrantAttempt {
    Decided(LeaseDecision),
    /// The token has to be refreshed first; `usable` if it could be lent as it is.
    Stale {
        connection: String,
        usable: bool,
    },
    /// No key opens the token of this connection.
    Unreadable(String),
}

/// Grants a lease, or says why not.
pub(crate) async fn grant_lease(
    ctx: &Arc<ServiceContext>,
    request: &LeaseRequest,
) -> Result<LeaseDecision, StoreError> {
    let mut margin = ctx.settings.refresh_margin();
    loop {
        let attempt = ctx.database.run("grant_lease", request.athlete, |tx| async move {
            try_grant(ctx, &tx, request, margin).await
        });
        match attempt.await? {
            GrantAttempt::Decided(decision) => {
                if matches!(decision, LeaseDecision::Granted(_)) {
                    ctx.failpoints.hit("token.lease-granted");
                }
                count_decision(request.purpose, &decision);
                return Ok(decision);
            }
            GrantAttempt::Unreadable(connection) => {
                return Ok(LeaseDecision::RetryAt(report_unreadable(ctx, &connection)));
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

async fn try_grant(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    request: &LeaseRequest,
    margin: Duration,
) -> Result<GrantAttempt, StoreError> {
    let now = ctx.now();
    let refused = |decision| Ok(tx.unchanged(GrantAttempt::Decided(decision)));
    let connection = connections::find_by_athlete(tx.conn(), request.app, request.athlete).await?;
    let Some(connection) = connection.filter(|_| !tx.is_gone() && ctx.app(request.app).is_some())
    else {
        return refused(LeaseDecision::Denied(DenialReason::Disconnected));
    };
    if let Err(reason) = connection.admits(request.generation, request.reads, request.writes) {
        return refused(LeaseDecision::Denied(reason));
    }
    if let Some(until) = connection.hold_until.filter(|until| *until > now) {
        return refused(LeaseDecision::RetryAt(until));
    }
    if !connection.is_token_fresh(now, margin) {
        let usable = connection.is_token_fresh(now, MIN_TOKEN_LIFE);
        return Ok(tx.unchanged(GrantAttempt::Stale { connection: connection.id, usable }));
    }
    let Ok(token) = ctx.keys.open(&connection.id, TokenKind::Access, &connection.access) else {
        return Ok(tx.unchanged(GrantAttempt::Unreadable(connection.id)));
    };
    let token = AccessToken::new(token.expose_secret());
    Ok(GrantAttempt::Decided(reserve_calls(ctx, tx, request, &connection, token).await?))
}

/// Finds room in the budget and stores the lease; or finds the one this attempt has already.
async fn reserve_calls(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    request: &LeaseRequest,
    connection: &Connection,
    access_token: AccessToken,
) -> Result<LeaseDecision, StoreError> {
    let now = ctx.now();
    let granted = |lease: &StoredLease| {
        LeaseDecision::Granted(Lease {
            id: lease.id,
            access_token,
            token_expires_at: connection.token_expires_at.unwrap_or(now),
            lease_expires_at: lease.expires_at,
        })
    };
    let conn = tx.conn();
    let mut budget = budgets::lock(conn, request.app, now).await?;
    if let Some(earlier) =
        leases::find_by_attempt(conn, request.app, request.athlete, &request.attempt).await?
    {
        if !earlier.reported && earlier.expires_at > now {
            return Ok(tx.unchanged(granted(&earlier)));
        }
        leases::retire_attempt(conn, earlier.id).await?;
    }
    if budget.inactive_since.is_some() {
        if budget.probe_at.is_some_and(|at| at > now) {
            return Ok(tx.unchanged(LeaseDecision::Denied(DenialReason::AppInactive)));
        }
        budget.probe_at = Some(now.plus(ctx.settings.inactive_retry_interval()));
    }
    let lease = new_lease(ctx, request, connection, &budget);
    if let Some(at) = find_retry_time(ctx, tx, &budget, &lease).await? {
        return Ok(tx.unchanged(LeaseDecision::RetryAt(at)));
    }
    leases::insert(conn, &lease).await?;
    if request.purpose == Purpose::Live {
        seats::record_use(tx, now).await?;
    }
    leases::delete_before(conn, request.app, start_of_day(now).minus(LEASE_RETENTION)).await?;
    budgets::update(conn, &budget).await?;
    Ok(granted(&lease))
}

/// The time to ask again if the budget has no room, or, in bulk, if this athlete had more than the
/// others; none if the lease fits.
async fn find_retry_time(
    ctx: &ServiceContext,
    tx: &AthleteTx,
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
    // In memory, but the same again if the transaction is retried.
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
        LeaseDecision::Denied(reason) => reason.code(),
    };
    let purpose = leases::purpose_code(purpose);
    metrics::counter!("token_leases_total", "purpose" => purpose, "answer" => answer).increment(1);
}
