//! Connections, as token told them.

use kernel::{ApplicationId, AthleteId, Generation, StravaAthleteId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult};

use super::row::{get, id};
use crate::domain::connection::{Connection, Head, State, Turn};

/// The athlete's connection to this application.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<Option<Connection>, StoreError> {
    let row = sql::one(
        conn,
        "SELECT * FROM connection WHERE athlete = ? AND application = ?",
        [athlete.to_string().into(), application.get().into()],
    )
    .await?;
    row.map(|row| read(&row)).transpose()
}

/// Whose this Strava athlete is now: the connection that is not withdrawn, or else none.
pub(crate) async fn owner<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<Option<Connection>, StoreError> {
    let row = sql::one(
        conn,
        "SELECT * FROM connection WHERE application = ? AND strava_athlete = ? AND state <> ? \
         ORDER BY connected_at_us DESC LIMIT 1",
        [application.get().into(), strava_athlete.get().into(), code(State::Disconnected).into()],
    )
    .await?;
    row.map(|row| read(&row)).transpose()
}

/// Every connection that works.
pub(crate) async fn connected<C: ConnectionTrait>(conn: &C) -> Result<Vec<Connection>, StoreError> {
    let rows = sql::all(
        conn,
        "SELECT * FROM connection WHERE state = ? ORDER BY athlete",
        [code(State::Connected).into()],
    )
    .await?;
    rows.iter().map(read).collect()
}

/// Keeps it; `known`: whether one was stored before. What is known of its head page stays.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    it: &Connection,
    known: bool,
) -> Result<(), StoreError> {
    let statement = if known {
        "UPDATE connection SET strava_athlete = ?, generation = ?, state = ?, scopes = ?, connected_at_us = ?, \
         reason = ?, revision = ? WHERE athlete = ? AND application = ?"
    } else {
        "INSERT INTO connection (strava_athlete, generation, state, scopes, connected_at_us, reason, revision, \
         athlete, application, head_at_us, head_tried_us, head_problem, turned_at_us) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '', 0)"
    };
    let values = [
        it.strava_athlete.get().into(),
        it.generation.get().into(),
        code(it.state).into(),
        it.scopes.join(",").chars().take(500).collect::<String>().into(),
        it.connected_at.as_micros().into(),
        it.reason.chars().take(64).collect::<String>().into(),
        it.revision.into(),
        it.athlete.to_string().into(),
        it.application.get().into(),
    ];
    sql::execute(conn, statement, values).await?;
    Ok(())
}

/// Notes a look at the head page.
pub(crate) async fn looked<C: ConnectionTrait>(
    conn: &C,
    (athlete, application): (AthleteId, ApplicationId),
    head: &Head,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE connection SET head_at_us = ?, head_tried_us = ?, head_problem = ? \
         WHERE athlete = ? AND application = ?",
        [
            head.looked_us.into(),
            head.tried_us.into(),
            head.problem.clone().into(),
            athlete.to_string().into(),
            application.get().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Notes a turn of the page that goes round.
pub(crate) async fn turned<C: ConnectionTrait>(
    conn: &C,
    (athlete, application): (AthleteId, ApplicationId),
    turn: Turn,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE connection SET turned_at_us = ?, turn_before_s = ? WHERE athlete = ? AND application = ?",
        [
            turn.turned_us.into(),
            turn.before_s.into(),
            athlete.to_string().into(),
            application.get().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Forgets everything the athlete has.
pub(crate) async fn forget_everything<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM connection WHERE athlete = ?", [athlete.to_string().into()])
        .await?;
    Ok(())
}

const fn code(state: State) -> i64 {
    match state {
        State::Connected => 1,
        State::ReconnectNeeded => 2,
        State::Disconnected => 3,
    }
}

fn read(row: &QueryResult) -> Result<Connection, StoreError> {
    Ok(Connection {
        athlete: id(row, "athlete")?,
        application: ApplicationId::new(get(row, "application")?),
        strava_athlete: StravaAthleteId::new(get(row, "strava_athlete")?),
        generation: Generation::new(get(row, "generation")?),
        state: match get::<i64>(row, "state")? {
            1 => State::Connected,
            2 => State::ReconnectNeeded,
            _ => State::Disconnected,
        },
        scopes: super::activities::words(&get::<String>(row, "scopes")?),
        connected_at: Timestamp::from_micros(get(row, "connected_at_us")?),
        reason: get(row, "reason")?,
        revision: get(row, "revision")?,
        head: Head {
            looked_us: get(row, "head_at_us")?,
            tried_us: get(row, "head_tried_us")?,
            problem: get(row, "head_problem")?,
        },
        turn: Turn { turned_us: get(row, "turned_at_us")?, before_s: get(row, "turn_before_s")? },
    })
}
