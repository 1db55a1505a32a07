//! Takes the report of a lease: counts its calls, adopts Strava's figures, acts on its faults.

use std::time::Duration;

use kernel::LeaseId;
use outbox::{AthleteTx, StoreError};
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

enum ReportResult {
    /// It was counted before.
    Repeated,
    Counted,
    ApplicationSwitchedOff,
    ApplicationAccepted,
}

/// Takes a report; returns false if there is no such lease. The same report may come twice.
pub(crate) async fn report_lease(
    ctx: &ServiceContext,
    lease: LeaseId,
    report: &Report,
) -> Result<bool, StoreError> {
    let Some(StoredLease { athlete, application, .. }) =
        leases::find(ctx.database.readers(), lease).await?
    else {
        return Ok(false);
    };
    let count = |tx: AthleteTx| async move { count_report(ctx, &tx, lease, report).await };
    match ctx.database.run("report_lease", athlete, count).await? {
        ReportResult::Repeated => return Ok(true),
        ReportResult::Counted => {}
        ReportResult::ApplicationSwitchedOff => {
            tracing::error!(%application, "Strava switched the application off; leases pause");
        }
        ReportResult::ApplicationAccepted => {
            tracing::info!(%application, "Strava accepts the application again");
        }
    }
    ctx.failpoints.hit("token.report-counted");
    Ok(true)
}

async fn count_report(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    lease: LeaseId,
    report: &Report,
) -> Result<ReportResult, StoreError> {
    let now = ctx.now();
    let Some(lease) = leases::find(tx.conn(), lease).await?.filter(|lease| !lease.reported) else {
        return Ok(tx.unchanged(ReportResult::Repeated));
    };
    let connection =
        connections::find_by_athlete(tx.conn(), lease.application, lease.athlete).await?;
    let mut budget = budgets::lock(tx.conn(), lease.application, now).await?;
    let used = CallCount::new(i64::from(report.reads), i64::from(report.writes));
    leases::close(tx.conn(), lease.id, used).await?;
    // Strava's clock is right by a little; one that is far ahead is somebody's mistake.
    let answered_at = report.date.filter(|date| *date <= now.plus(MAX_CLOCK_SKEW)).unwrap_or(now);
    budget.record_usage(used, report.limits.as_ref(), answered_at);
    let result = judge_application(ctx, &mut budget, report);
    budgets::update(tx.conn(), &budget).await?;
    // A report on a token that was replaced says nothing about the connection as it is now.
    if let Some(connection) =
        connection.filter(|connection| connection.access_fingerprint == lease.access_fingerprint)
    {
        judge_connection(ctx, tx, connection, &lease, report).await?;
    }
    Ok(result)
}

/// Pauses the application, or resumes it, as Strava's answer says.
fn judge_application(ctx: &ServiceContext, budget: &mut Budget, report: &Report) -> ReportResult {
    let now = ctx.now();
    match report.fault {
        Some(ReportedFault::AppInactive) => {
            budget.probe_at = Some(now.plus(ctx.settings.inactive_retry_interval()));
            if budget.inactive_since.is_none() {
                budget.inactive_since = Some(now);
                return ReportResult::ApplicationSwitchedOff;
            }
        }
        Some(ReportedFault::RateLimited) => budget.block_until_window_ends(),
        None if is_success(report) && budget.inactive_since.is_some() => {
            budget.inactive_since = None;
            budget.probe_at = None;
            return ReportResult::ApplicationAccepted;
        }
        _ => {}
    }
    ReportResult::Counted
}

fn is_success(report: &Report) -> bool {
    report.status.is_some_and(|status| status < 400)
}

/// Changes the connection as Strava's answer says.
async fn judge_connection(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    mut connection: Connection,
    lease: &StoredLease,
    report: &Report,
) -> Result<(), StoreError> {
    match report.fault {
        Some(ReportedFault::TokenDead) => {
            // The next lease refreshes first. Should Strava then give the same token again, and call
            // it dead again, asking at once would not end.
            connection.token_expires_at = None;
            connection.refused_token_reports += 1;
            if connection.refused_token_reports > 1 {
                let doublings =
                    u32::try_from(connection.refused_token_reports - 2).unwrap_or(u32::MAX).min(10);
                connection.hold_until =
                    Some(ctx.now().plus((MIN_HOLD * 2_u32.pow(doublings)).min(MAX_HOLD)));
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
                publish_change(ctx, tx, &mut connection).await?;
            }
        }
        None if is_success(report) && connection.refused_token_reports > 0 => {
            connection.refused_token_reports = 0;
            connection.hold_until = None;
        }
        _ => return Ok(()),
    }
    connections::update(tx.conn(), &connection).await
}
