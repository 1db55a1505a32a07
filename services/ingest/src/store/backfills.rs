//! Backfills.

use kernel::{ApplicationId, AthleteId, Generation, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::Result;
use super::row::{Table, parse_id};
use crate::domain::backfill::{Backfill, BackfillState};

const TABLE: Table = Table {
    name: "backfill",
    columns: "generation, state, reason, activities_read, calls, cursor_s, started_at_us, changed_at_us, \
              next_try_us, athlete, application",
    key_columns: 2,
};

#[derive(FromQueryResult)]
struct BackfillRow {
    athlete: String,
    application: i64,
    generation: i64,
    state: String,
    reason: String,
    activities_read: i64,
    calls: i64,
    cursor_s: Option<i64>,
    started_at_us: i64,
    changed_at_us: i64,
    next_try_us: i64,
}

/// Finds the backfill of a connection.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<Option<Backfill>> {
    let select = "SELECT * FROM backfill WHERE athlete = ? AND application = ?";
    let values = [athlete.to_string().into(), application.get().into()];
    let row = sql::fetch_one::<BackfillRow>(conn, select, values).await?;
    row.map(Backfill::try_from).transpose()
}

/// Lists the backfills of an athlete.
pub(crate) async fn list_for_athlete(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<Backfill>> {
    let select = "SELECT * FROM backfill WHERE athlete = ? ORDER BY application";
    let rows = sql::fetch_all::<BackfillRow>(conn, select, [athlete.to_string().into()]).await?;
    rows.into_iter().map(Backfill::try_from).collect()
}

/// Inserts or, if it is stored already, updates a backfill.
pub(crate) async fn save(
    conn: &impl ConnectionTrait,
    backfill: &Backfill,
    is_stored: bool,
) -> Result<()> {
    let values = vec![
        backfill.generation.get().into(),
        backfill.state.as_str().into(),
        backfill.reason.clone().into(),
        backfill.done.into(),
        backfill.calls.into(),
        backfill.before_s.into(),
        backfill.started_at.as_micros().into(),
        backfill.changed_at.as_micros().into(),
        backfill.next_try_us.into(),
        backfill.athlete.to_string().into(),
        backfill.application.get().into(),
    ];
    TABLE.save(conn, values, is_stored).await
}

impl TryFrom<BackfillRow> for Backfill {
    type Error = StoreError;

    fn try_from(row: BackfillRow) -> Result<Self> {
        let state = BackfillState::parse(&row.state).ok_or_else(|| {
            StoreError::inconsistent(format!("{:?} is not a state of a backfill", row.state))
        })?;
        Ok(Self {
            athlete: parse_id(&row.athlete)?,
            application: ApplicationId::new(row.application),
            generation: Generation::new(row.generation),
            state,
            reason: row.reason,
            done: row.activities_read,
            calls: row.calls,
            before_s: row.cursor_s,
            started_at: Timestamp::from_micros(row.started_at_us),
            changed_at: Timestamp::from_micros(row.changed_at_us),
            next_try_us: row.next_try_us,
        })
    }
}
