//! Connections as published by token.

use kernel::{ApplicationId, AthleteId, Generation, StravaAthleteId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult};

use super::row::{get, id};
use crate::domain::connection::{Connection, ConnectionState, RecentPoll, ReconcileCursor};

/// Finds the athlete's connection to an application.
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

/// Finds the connection of a Strava athlete that is not withdrawn.
pub(crate) async fn find_owner<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<Option<Connection>, StoreError> {
    let row = sql::one(
        conn,
        "SELECT * FROM connection WHERE application = ? AND strava_athlete = ? AND state <> ? \
         ORDER BY connected_at_us DESC LIMIT 1",
        [
            application.get().into(),
            strava_athlete.get().into(),
            state_code(ConnectionState::Disconnected).into(),
        ],
    )
    .await?;
    row.map(|row| read(&row)).transpose()
}

/// Lists all connected connections.
pub(crate) async fn list_connected<C: ConnectionTrait>(
    conn: &C,
) -> Result<Vec<Connection>, StoreError> {
    let rows = sql::all(
        conn,
        "SELECT * FROM connection WHERE state = ? ORDER BY athlete",
        [state_code(ConnectionState::Connected).into()],
    )
    .await?;
    rows.iter().map(read).collect()
}

/// Inserts or, if it is stored already, updates a connection. Its poll and its reconciliation stay.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
    is_stored: bool,
) -> Result<(), StoreError> {
    let statement = if is_stored {
        "UPDATE connection SET strava_athlete = ?, generation = ?, state = ?, scopes = ?, connected_at_us = ?, \
         reason = ?, revision = ? WHERE athlete = ? AND application = ?"
    } else {
        "INSERT INTO connection (strava_athlete, generation, state, scopes, connected_at_us, reason, revision, \
         athlete, application, head_at_us, head_tried_us, head_problem, turned_at_us) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '', 0)"
    };
    let values = [
        connection.strava_athlete.get().into(),
        connection.generation.get().into(),
        state_code(connection.state).into(),
        connection.scopes.join(",").chars().take(500).collect::<String>().into(),
        connection.connected_at.as_micros().into(),
        connection.reason.chars().take(64).collect::<String>().into(),
        connection.revision.into(),
        connection.athlete.to_string().into(),
        connection.application.get().into(),
    ];
    sql::execute(conn, statement, values).await?;
    Ok(())
}

/// Stores a poll of the connection.
pub(crate) async fn save_recent_poll<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
    poll: &RecentPoll,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE connection SET head_at_us = ?, head_tried_us = ?, head_problem = ? \
         WHERE athlete = ? AND application = ?",
        [
            poll.succeeded_us.into(),
            poll.tried_us.into(),
            poll.problem.clone().into(),
            connection.athlete.to_string().into(),
            connection.application.get().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Stores the position of the reconciliation.
pub(crate) async fn save_reconcile_cursor<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
    cursor: ReconcileCursor,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE connection SET turned_at_us = ?, turn_before_s = ? WHERE athlete = ? AND application = ?",
        [
            cursor.reconciled_us.into(),
            cursor.before_s.into(),
            connection.athlete.to_string().into(),
            connection.application.get().into(),
        ],
    )
    .await?;
    Ok(())
}

const fn state_code(state: ConnectionState) -> i64 {
    match state {
        ConnectionState::Connected => 1,
        ConnectionState::ReconnectNeeded => 2,
        ConnectionState::Disconnected => 3,
    }
}

fn read(row: &QueryResult) -> Result<Connection, StoreError> {
    Ok(Connection {
        athlete: id(row, "athlete")?,
        application: ApplicationId::new(get(row, "application")?),
        strava_athlete: StravaAthleteId::new(get(row, "strava_athlete")?),
        generation: Generation::new(get(row, "generation")?),
        state: match get::<i64>(row, "state")? {
            1 => ConnectionState::Connected,
            2 => ConnectionState::ReconnectNeeded,
            _ => ConnectionState::Disconnected,
        },
        scopes: super::activities::split_words(&get::<String>(row, "scopes")?),
        connected_at: Timestamp::from_micros(get(row, "connected_at_us")?),
        reason: get(row, "reason")?,
        revision: get(row, "revision")?,
        recent_poll: RecentPoll {
            succeeded_us: get(row, "head_at_us")?,
            tried_us: get(row, "head_tried_us")?,
            problem: get(row, "head_problem")?,
        },
        reconcile: ReconcileCursor {
            reconciled_us: get(row, "turned_at_us")?,
            before_s: get(row, "turn_before_s")?,
        },
    })
}
