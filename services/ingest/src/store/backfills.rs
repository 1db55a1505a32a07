//! Backfills, in the table `import`.

use kernel::{ApplicationId, AthleteId, Generation, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult};

use super::row::{get, id};
use crate::domain::backfill::{Backfill, BackfillState};

/// Finds the backfill of a connection.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<Option<Backfill>, StoreError> {
    let row = sql::one(
        conn,
        "SELECT * FROM import WHERE athlete = ? AND application = ?",
        [athlete.to_string().into(), application.get().into()],
    )
    .await?;
    row.map(|row| read(&row)).transpose()
}

/// Lists the backfills of an athlete.
pub(crate) async fn list_for_athlete<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<Vec<Backfill>, StoreError> {
    let query = "SELECT * FROM import WHERE athlete = ? ORDER BY application";
    sql::all(conn, query, [athlete.to_string().into()]).await?.iter().map(read).collect()
}

/// Inserts or, if it is stored already, updates a backfill.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    backfill: &Backfill,
    is_stored: bool,
) -> Result<(), StoreError> {
    let statement = if is_stored {
        "UPDATE import SET generation = ?, state = ?, reason = ?, done = ?, calls = ?, before_s = ?, \
         started_at_us = ?, changed_at_us = ?, next_try_us = ? WHERE athlete = ? AND application = ?"
    } else {
        "INSERT INTO import (generation, state, reason, done, calls, before_s, started_at_us, changed_at_us, \
         next_try_us, athlete, application) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    };
    let values = [
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
    sql::execute(conn, statement, values).await?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<Backfill, StoreError> {
    let state: String = get(row, "state")?;
    Ok(Backfill {
        athlete: id(row, "athlete")?,
        application: ApplicationId::new(get(row, "application")?),
        generation: Generation::new(get(row, "generation")?),
        state: BackfillState::parse(&state).ok_or_else(|| {
            StoreError::inconsistent(format!("{state:?} is not a state of a backfill"))
        })?,
        reason: get(row, "reason")?,
        done: get(row, "done")?,
        calls: get(row, "calls")?,
        before_s: get(row, "before_s")?,
        started_at: Timestamp::from_micros(get(row, "started_at_us")?),
        changed_at: Timestamp::from_micros(get(row, "changed_at_us")?),
        next_try_us: get(row, "next_try_us")?,
    })
}
