//! One page of the past, taken in small transactions so that live work passes in between.

use contracts::wire::Cause;
use jobs::Claimed;
use outbox::{StoreError, again_if_contended};
use strava_client::{ActivityPage, SummaryActivity};

use super::Turned;
use crate::domain::connection::{Connection, Head, Turn};
use crate::domain::facts::Facts;
use crate::domain::import::{self, Import, Next, Oldest, State};
use crate::domain::observation::Source;
use crate::store;
use crate::usecases::Core;
use crate::usecases::list::{Row, is_current, see_rows};
use crate::usecases::record::Telling;

/// Rows per transaction.
const CHUNK: usize = 50;

/// Takes the page in; the last transaction moves the import on and, at the end, closes the job.
pub(super) async fn keep(
    core: &Core,
    claimed: &Claimed,
    connection: &Connection,
    (import, source, page): (Import, Source, ActivityPage),
) -> Result<Turned, StoreError> {
    let rows: Vec<Row> =
        page.activities.iter().map(|row| (row.value.id, Facts::of(&row.value))).collect();
    let next = if page.is_empty() {
        Next::End
    } else {
        let oldest = oldest(page.activities.iter().map(|row| &row.value));
        let count = page.activities.len() + page.unreadable.len();
        import::next((count, core.settings.page as usize), oldest, import.before_s)
    };
    let chunks: Vec<&[Row]> =
        if rows.is_empty() { vec![&[]] } else { rows.chunks(CHUNK).collect() };
    for (at, chunk) in chunks.iter().enumerate() {
        let last = (at + 1 == chunks.len()).then(|| moved(core, &import, rows.len(), next));
        let kept = again_if_contended(|| {
            keep_chunk(core, claimed, connection, (source, chunk, last.as_ref()))
        })
        .await?;
        if !kept {
            return Ok(Turned::Lost);
        }
    }
    Ok(if next == Next::End { Turned::End } else { Turned::On })
}

async fn keep_chunk(
    core: &Core,
    claimed: &Claimed,
    connection: &Connection,
    (source, rows, last): (Source, &[Row], Option<&Import>),
) -> Result<bool, StoreError> {
    let mut effect = core.bulk.effect(connection.athlete).await?;
    if !is_current(&effect, connection).await? || !core.queue.holds(effect.conn(), claimed).await? {
        return Ok(false);
    }
    let telling = Telling { cause: Cause::Backfill, always: false };
    see_rows(core, &mut effect, (connection, source, rows), telling).await?;
    if let Some(import) = last {
        store::imports::save(effect.conn(), import, true).await?;
        effect.bump_version();
        if import.state == State::Done {
            // The end of the list is the newest page too: no need to look at that again at once.
            let now = core.now().as_micros();
            let head = Head { looked_us: now, tried_us: now, problem: String::new() };
            store::connections::looked(
                effect.conn(),
                (connection.athlete, connection.application),
                &head,
            )
            .await?;
            let turn = Turn { turned_us: now, before_s: None };
            let of = (connection.athlete, connection.application);
            store::connections::turned(effect.conn(), of, turn).await?;
            core.queue.done(effect.conn(), claimed).await?;
        }
    }
    effect.commit().await?;
    Ok(true)
}

fn moved(core: &Core, import: &Import, rows: usize, next: Next) -> Import {
    let now = core.now();
    let mut moved =
        Import { changed_at: now, next_try_us: 0, reason: String::new(), ..import.clone() };
    moved.calls += 1;
    moved.done += rows as i64;
    match next {
        Next::End => moved.state = State::Done,
        Next::Before(second) => {
            moved.state = State::Running;
            moved.before_s = Some(second);
        }
    }
    moved
}

/// When the last row of a page began. Whoever hides start times shows the day's first second: Strava sorts by the
/// true one, which is some time that day.
fn oldest<'a>(rows: impl Iterator<Item = &'a SummaryActivity>) -> Option<Oldest> {
    const DAY_S: i64 = 86_400;
    let starts: Vec<_> = rows
        .map(|row| {
            let shown = Facts::of(row).start_at.as_secs();
            Oldest {
                shown_s: shown,
                at_most_s: if row.hides_start() { shown + DAY_S } else { shown },
            }
        })
        .collect();
    let shown_s = starts.iter().map(|start| start.shown_s).min()?;
    let at_most_s = starts.iter().map(|start| start.at_most_s).min()?;
    Some(Oldest { shown_s, at_most_s })
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

        let oldest = oldest([&row].into_iter()).unwrap();

        assert_eq!(oldest.at_most_s - oldest.shown_s, 86_400);
    }
}
