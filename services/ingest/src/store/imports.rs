//! How far the reading of each past has come.

use kernel::{ApplicationId, AthleteId, Generation, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult};

use super::row::{get, id};
use crate::domain::import::{Import, State};

/// The import of this connection.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<Option<Import>, StoreError> {
    let row = sql::one(
        conn,
        "SELECT * FROM import WHERE athlete = ? AND application = ?",
        [athlete.to_string().into(), application.get().into()],
    )
    .await?;
    row.map(|row| read(&row)).transpose()
}

/// All imports of the athlete.
pub(crate) async fn all_of<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<Vec<Import>, StoreError> {
    let query = "SELECT * FROM import WHERE athlete = ? ORDER BY application";
    sql::all(conn, query, [athlete.to_string().into()]).await?.iter().map(read).collect()
}

/// Keeps it; `known`: whether one was stored before.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    it: &Import,
    known: bool,
) -> Result<(), StoreError> {
    let statement = if known {
        "UPDATE import SET generation = ?, state = ?, reason = ?, done = ?, calls = ?, before_s = ?, \
         started_at_us = ?, changed_at_us = ?, next_try_us = ? WHERE athlete = ? AND application = ?"
    } else {
        "INSERT INTO import (generation, state, reason, done, calls, before_s, started_at_us, changed_at_us, \
         next_try_us, athlete, application) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    };
    let values = [
        it.generation.get().into(),
        it.state.as_str().into(),
        it.reason.clone().into(),
        it.done.into(),
        it.calls.into(),
        it.before_s.into(),
        it.started_at.as_micros().into(),
        it.changed_at.as_micros().into(),
        it.next_try_us.into(),
        it.athlete.to_string().into(),
        it.application.get().into(),
    ];
    sql::execute(conn, statement, values).await?;
    Ok(())
}

/// Forgets everything the athlete has.
pub(crate) async fn forget_everything<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM import WHERE athlete = ?", [athlete.to_string().into()])
        .await?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<Import, StoreError> {
    let state: String = get(row, "state")?;
    Ok(Import {
        athlete: id(row, "athlete")?,
        application: ApplicationId::new(get(row, "application")?),
        generation: Generation::new(get(row, "generation")?),
        state: State::parse(&state).ok_or_else(|| {
            StoreError::inconsistent(format!("{state:?} is no state of an import"))
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
