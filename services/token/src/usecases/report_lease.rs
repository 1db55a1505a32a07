//! Takes the report of a lease: counts its calls, believes Strava's figures, acts on its faults.

use std::time::Duration;

use kernel::{LeaseId, Timestamp};
use outbox::{Effect, StoreError, again_if_contended};
use strava_client::lease::{Report, ReportedFault};

use super::{Means, announce};
use crate::domain::budget::{Budget, Calls};
use crate::domain::connection::Connection;
use crate::store::{
    GrantedLease, by_athlete, close_lease, find_lease, lock_budget, save, save_budget,
};

/// The first pause of a connection whose token Strava calls dead although a refresh did not help.
const HOLD: Duration = Duration::from_secs(30);
/// The longest.
const LONGEST_HOLD: Duration = Duration::from_hours(1);

/// How far ahead of ours Strava's clock may be.
const SKEW: Duration = Duration::from_mins(5);

/// Takes a report; false when there is no such lease. The same report may come twice.
pub(crate) async fn report_lease(
    means: &Means,
    lease: LeaseId,
    report: &Report,
) -> Result<bool, StoreError> {
    let Some(known) = find_lease(means.database.readers(), lease).await? else { return Ok(false) };
    again_if_contended(|| take(means, &known, report)).await?;
    Ok(true)
}

async fn take(means: &Means, known: &GrantedLease, report: &Report) -> Result<(), StoreError> {
    let now = means.now();
    let mut effect = means.database.effect(known.athlete).await?;
    let Some(lease) = find_lease(effect.conn(), known.id).await?.filter(|lease| !lease.reported)
    else {
        return Ok(());
    };
    let connection = by_athlete(effect.conn(), lease.application, lease.athlete).await?;
    let mut budget = lock_budget(effect.conn(), lease.application, now).await?;
    let used = Calls::new(i64::from(report.reads), i64::from(report.writes));
    close_lease(effect.conn(), lease.id, used).await?;
    // Strava's clock is right by a little; one that is far ahead is somebody's mistake.
    let at = report.date.filter(|date| *date <= now.plus(SKEW)).unwrap_or(now);
    budget.count(used, report.limits.as_ref(), at);
    judge_application(means, &mut budget, report);
    save_budget(effect.conn(), &budget).await?;
    // A token that was replaced meanwhile says nothing about the connection as it is now.
    if let Some(connection) =
        connection.filter(|connection| connection.access_print == lease.access_print)
    {
        judge_connection(&mut effect, connection, &lease, report, now).await?;
    }
    effect.commit().await?;
    means.failpoints.hit("token.report-counted");
    Ok(())
}

fn judge_application(means: &Means, budget: &mut Budget, report: &Report) {
    let now = means.now();
    match report.fault {
        Some(ReportedFault::AppInactive) => {
            if budget.inactive_since.is_none() {
                tracing::error!(application = %budget.application, "Strava switched the application off; everything pauses");
            }
            budget.inactive_since.get_or_insert(now);
            budget.probe_at = Some(now.plus(means.settings.inactive_retry()));
        }
        Some(ReportedFault::RateLimited) => budget.block(),
        None if budget.inactive_since.is_some()
            && report.status.is_some_and(|status| status < 400) =>
        {
            tracing::info!(application = %budget.application, "Strava takes the application again");
            budget.inactive_since = None;
            budget.probe_at = None;
        }
        _ => {}
    }
}

async fn judge_connection(
    effect: &mut Effect,
    mut connection: Connection,
    lease: &GrantedLease,
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
                    Some(now.plus((HOLD * 2_u32.pow(doublings)).min(LONGEST_HOLD)));
            }
        }
        Some(ReportedFault::ScopeMissing) => {
            let before = connection.scopes.clone();
            if lease.allowed.writes > 0 {
                connection.scopes.take_writing();
            } else {
                connection.scopes.take_reading();
            }
            if connection.scopes != before {
                announce::changed(effect, &mut connection).await?;
            }
        }
        None if report.status.is_some_and(|status| status < 400) && connection.dead_reports > 0 => {
            connection.dead_reports = 0;
            connection.hold_until = None;
        }
        _ => return Ok(()),
    }
    save(effect.conn(), &connection).await
}
