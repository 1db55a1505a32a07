//! Takes the report of a lease: counts its calls, adopts Strava's figures, acts on its faults.

use std::time::Duration;

use kernel::{LeaseId, Timestamp};
use outbox::{Effect, StoreError, again_if_contended};
use strava_client::lease::{Report, ReportedFault};

use super::ServiceContext;
use super::connection::publish_change;
use crate::domain::budget::{Budget, CallCount};
use crate::domain::connection::Connection;
use crate::store::leases::{self, StoredLease};
use crate::store::{budgets, connections};

/// First pause of a connection whose token Strava calls dead although a refresh did not help; it
/// doubles with every such report.
const MIN_HOLD: Duration = Duration::from_secs(30);
/// Maximum pause of such a connection.
const MAX_HOLD: Duration = Duration::from_hours(1);
/// Maximum lead of Strava's clock over ours.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);

/// Takes a report; returns false if there is no such lease. The same report may come twice.
pub(crate) async fn report_lease(
    ctx: &ServiceContext,
    lease: LeaseId,
    report: &Report,
) -> Result<bool, StoreError> {
    let Some(known) = leases::find(ctx.database.readers(), lease).await? else {
        return Ok(false);
    };
    again_if_contended(|| try_count(ctx, &known, report)).await?;
    Ok(true)
}

async fn try_count(
    ctx: &ServiceContext,
    known: &StoredLease,
    report: &Report,
) -> Result<(), StoreError> {
    let now = ctx.now();
    let mut tx = ctx.database.effect(known.athlete).await?;
    let Some(lease) = leases::find(tx.conn(), known.id).await?.filter(|lease| !lease.reported)
    else {
        return Ok(());
    };
    let connection =
        connections::find_by_athlete(tx.conn(), lease.application, lease.athlete).await?;
    let mut budget = budgets::lock(tx.conn(), lease.application, now).await?;
    let used = CallCount::new(i64::from(report.reads), i64::from(report.writes));
    leases::close(tx.conn(), lease.id, used).await?;
    // Strava's clock is right by a little; one that is far ahead is somebody's mistake.
    let answered_at = report.date.filter(|date| *date <= now.plus(MAX_CLOCK_SKEW)).unwrap_or(now);
    budget.record_usage(used, report.limits.as_ref(), answered_at);
    judge_application(ctx, &mut budget, report);
    budgets::update(tx.conn(), &budget).await?;
    // A report on a token that was replaced says nothing about the connection as it is now.
    if let Some(connection) =
        connection.filter(|connection| connection.access_fingerprint == lease.access_fingerprint)
    {
        judge_connection(&mut tx, connection, &lease, report, now).await?;
    }
    tx.commit().await?;
    ctx.failpoints.hit("token.report-counted");
    Ok(())
}

/// Pauses the application, or resumes it, as Strava's answer says.
fn judge_application(ctx: &ServiceContext, budget: &mut Budget, report: &Report) {
    let now = ctx.now();
    match report.fault {
        Some(ReportedFault::AppInactive) => {
            if budget.inactive_since.is_none() {
                tracing::error!(application = %budget.application, "Strava switched the application off; leases pause");
            }
            budget.inactive_since.get_or_insert(now);
            budget.probe_at = Some(now.plus(ctx.settings.inactive_retry_interval()));
        }
        Some(ReportedFault::RateLimited) => budget.block_until_window_ends(),
        None if budget.inactive_since.is_some()
            && report.status.is_some_and(|status| status < 400) =>
        {
            tracing::info!(application = %budget.application, "Strava accepts the application again");
            budget.inactive_since = None;
            budget.probe_at = None;
        }
        _ => {}
    }
}

/// Changes the connection as Strava's answer says.
async fn judge_connection(
    tx: &mut Effect,
    mut connection: Connection,
    lease: &StoredLease,
    report: &Report,
    now: Timestamp,
) -> Result<(), StoreError> {
    match report.fault {
        Some(ReportedFault::TokenDead) => {
            // The next lease refreshes first. Should Strava then give the same token again, and call
            // it dead again, asking at once would not end.
            connection.token_expires_at = None;
            connection.dead_reports += 1;
            if connection.dead_reports > 1 {
                let doublings =
                    u32::try_from(connection.dead_reports - 2).unwrap_or(u32::MAX).min(10);
                connection.hold_until =
                    Some(now.plus((MIN_HOLD * 2_u32.pow(doublings)).min(MAX_HOLD)));
            }
        }
        Some(ReportedFault::ScopeMissing) => {
            let before = connection.scopes.clone();
            if lease.allowed.writes > 0 {
                connection.scopes.remove_write();
            } else {
                connection.scopes.remove_read();
            }
            if connection.scopes != before {
                publish_change(tx, &mut connection).await?;
            }
        }
        None if report.status.is_some_and(|status| status < 400) && connection.dead_reports > 0 => {
            connection.dead_reports = 0;
            connection.hold_until = None;
        }
        _ => return Ok(()),
    }
    connections::update(tx.conn(), &connection).await
}
