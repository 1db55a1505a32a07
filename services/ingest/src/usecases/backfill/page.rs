//! Stores one page of a backfill in small transactions, so that live work passes in between.

use contracts::wire::Cause;
use jobs::ClaimedJob;
use kernel::Timestamp;
use outbox::{AthleteTx, StoreError};
use strava_client::SummaryActivity;

use super::Progress;
use crate::domain::backfill::{Backfill, BackfillState, NextPage, OldestStart, plan_next_page};
use crate::domain::connection::{RecentPoll, ReconcileCursor};
use crate::domain::facts::Facts;
use crate::store;
use crate::usecases::ServiceContext;
use crate::usecases::list_page::{ListPage, find_current_connection, record_rows};
use crate::usecases::request_fetch::request_fetch;

/// Rows per transaction.
const CHUNK_ROWS: usize = 50;

/// Rows stored in one transaction.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    page: &'a ListPage<'a>,
    rows: &'a [SummaryActivity],
    /// The backfill after the page, for the last rows.
    advanced: Option<&'a Backfill>,
}

/// Stores the page; the last transaction advances the backfill and, at the end of the list, closes the job.
pub(super) async fn store_page(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    backfill: &Backfill,
    page: &ListPage<'_>,
) -> Result<Progress, StoreError> {
    let answer = &page.answer;
    let rows = &answer.activities;
    let next = if answer.is_empty() {
        NextPage::End
    } else {
        let oldest = oldest_start(rows);
        let count = rows.len() + answer.unreadable.len();
        plan_next_page(count, ctx.settings.page as usize, oldest, backfill.before_s)
    };
    let advanced = backfill.advance(rows.len(), next, ctx.now());
    let last = rows.len().saturating_sub(1) / CHUNK_ROWS;
    for at in 0..=last {
        let chunk = &rows[at * CHUNK_ROWS..rows.len().min((at + 1) * CHUNK_ROWS)];
        let chunk = Chunk { page, rows: chunk, advanced: (at == last).then_some(&advanced) };
        let store = |tx| async move { try_store_chunk(ctx, &tx, job, chunk).await };
        if !ctx.bulk.run("store_backfill_rows", page.connection.athlete, store).await? {
            return Ok(Progress::Lost);
        }
    }
    Ok(if next == NextPage::End { Progress::Complete } else { Progress::NextPage })
}

/// Stores the rows and, with the last ones, the advanced backfill. Returns false if the job or the connection is lost.
async fn try_store_chunk(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    job: &ClaimedJob,
    chunk: Chunk<'_>,
) -> Result<bool, StoreError> {
    let Some(mut connection) = find_current_connection(tx, chunk.page.connection).await? else {
        return Ok(tx.unchanged(false));
    };
    if !ctx.queue.lock_claimed(tx, job).await? {
        return Ok(tx.unchanged(false));
    }
    record_chunk(ctx, tx, chunk, connection.connected_at).await?;
    if let Some(backfill) = chunk.advanced {
        store::backfills::save(tx.conn(), backfill, true).await?;
        tx.bump_version();
        if backfill.state == BackfillState::Done {
            // The whole list was just read: neither a poll nor a reconciliation is due.
            let now = ctx.now().as_micros();
            connection.recent_poll = RecentPoll::succeeded(now);
            connection.reconcile = ReconcileCursor { reconciled_us: now, before_s: None };
            store::connections::save(tx.conn(), &connection, true).await?;
            ctx.queue.close(tx, job).await?;
            tracing::info!(athlete.id = %tx.athlete(), "the import of an athlete's history is done");
        }
    }
    Ok(true)
}

/// Records the rows. What the athlete did since connecting is no history: its webhook may have come before
/// we knew the connection.
async fn record_chunk(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    chunk: Chunk<'_>,
    connected_at: Timestamp,
) -> Result<(), StoreError> {
    let is_new = |row: &SummaryActivity| Facts::from_summary(row).start_at >= connected_at;
    let (new, history): (Vec<_>, Vec<_>) = chunk.rows.iter().cloned().partition(is_new);
    record_rows(ctx, tx, chunk.page, &history, Cause::Backfill).await?;
    for strava in record_rows(ctx, tx, chunk.page, &new, Cause::Sweep).await? {
        request_fetch(ctx, tx, chunk.page.connection, strava, false).await?;
    }
    Ok(())
}

/// Returns the start of the last row of a page. A hidden start is shown as the first second of the day, while Strava
/// sorts by the true one, which is some time that day.
fn oldest_start(rows: &[SummaryActivity]) -> Option<OldestStart> {
    const DAY_S: i64 = 86_400;
    let starts: Vec<_> = rows
        .iter()
        .map(|row| {
            let shown = Facts::from_summary(row).start_at.as_secs();
            OldestStart {
                shown_s: shown,
                at_most_s: if row.hides_start() { shown + DAY_S } else { shown },
            }
        })
        .collect();
    let shown_s = starts.iter().map(|start| start.shown_s).min()?;
    let at_most_s = starts.iter().map(|start| start.at_most_s).min()?;
    Some(OldestStart { shown_s, at_most_s })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_start_may_have_been_any_time_that_day() {
        let row = serde_json::json!({
            "id": 1, "start_date": "2026-07-01T00:00:01Z", "start_date_local": "2026-07-01T00:00:01Z",
            "utc_offset": 0,
        });
        let row: SummaryActivity = serde_json::from_value(row).unwrap();

        let oldest = oldest_start(&[row]).unwrap();

        assert_eq!(oldest.at_most_s - oldest.shown_s, 86_400);
    }
}
