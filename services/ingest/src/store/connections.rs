//! Connections as published by token.

use kernel::{ApplicationId, AthleteId, Generation, StravaAthleteId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::Result;
use super::row::{Table, parse_id, split_words, truncate};
use crate::domain::connection::{Connection, ConnectionState, RecentPoll, ReconcileCursor};

const TABLE: Table = Table {
    name: "connection",
    columns: "strava_athlete, generation, state, scopes, connected_at_us, reason, revision, \
              polled_at_us, poll_tried_at_us, poll_problem, reconciled_at_us, reconcile_cursor_s, athlete, \
              application",
    key_columns: 2,
};

#[derive(FromQueryResult)]
struct ConnectionRow {
    athlete: String,
    application: i64,
    strava_athlete: i64,
    generation: i64,
    state: i64,
    scopes: String,
    connected_at_us: i64,
    reason: String,
    revision: i64,
    polled_at_us: i64,
    poll_tried_at_us: i64,
    poll_problem: String,
    reconciled_at_us: i64,
    reconcile_cursor_s: Option<i64>,
}

/// Finds the athlete's connection to an application.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<Option<Connection>> {
    let select = "SELECT * FROM connection WHERE athlete = ? AND application = ?";
    let values = [athlete.to_string().into(), application.get().into()];
    let row = sql::fetch_one::<ConnectionRow>(conn, select, values).await?;
    row.map(Connection::try_from).transpose()
}

/// Finds the athlete's connection to an application, if Strava can be called through it.
pub(crate) async fn find_connected(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<Option<Connection>> {
    Ok(find(conn, athlete, application).await?.filter(Connection::is_connected))
}

/// Finds the connection of a Strava athlete that is not withdrawn.
pub(crate) async fn find_owner(
    conn: &impl ConnectionTrait,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<Option<Connection>> {
    let select = "SELECT * FROM connection WHERE application = ? AND strava_athlete = ? AND state <> ? \
                  ORDER BY connected_at_us DESC LIMIT 1";
    let withdrawn = state_code(ConnectionState::Disconnected);
    let values = [application.get().into(), strava_athlete.get().into(), withdrawn.into()];
    let row = sql::fetch_one::<ConnectionRow>(conn, select, values).await?;
    row.map(Connection::try_from).transpose()
}

/// Lists all connected connections.
pub(crate) async fn list_connected(conn: &impl ConnectionTrait) -> Result<Vec<Connection>> {
    let select = "SELECT * FROM connection WHERE state = ? ORDER BY athlete";
    let values = [state_code(ConnectionState::Connected).into()];
    let rows = sql::fetch_all::<ConnectionRow>(conn, select, values).await?;
    rows.into_iter().map(Connection::try_from).collect()
}

/// Lists the connections of an athlete.
pub(crate) async fn list_for_athlete(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<Connection>> {
    let select = "SELECT * FROM connection WHERE athlete = ? ORDER BY application";
    let rows = sql::fetch_all::<ConnectionRow>(conn, select, [athlete.to_string().into()]).await?;
    rows.into_iter().map(Connection::try_from).collect()
}

/// Inserts or, if it is stored already, updates a connection. The athlete's row must be locked.
pub(crate) async fn save(
    conn: &impl ConnectionTrait,
    connection: &Connection,
    is_stored: bool,
) -> Result<()> {
    let values = vec![
        connection.strava_athlete.get().into(),
        connection.generation.get().into(),
        state_code(connection.state).into(),
        truncate(&connection.scopes.join(","), 500),
        connection.connected_at.as_micros().into(),
        truncate(&connection.reason, 64),
        connection.revision.into(),
        connection.recent_poll.succeeded_us.into(),
        connection.recent_poll.tried_us.into(),
        connection.recent_poll.problem.clone().into(),
        connection.reconcile.reconciled_us.into(),
        connection.reconcile.before_s.into(),
        connection.athlete.to_string().into(),
        connection.application.get().into(),
    ];
    TABLE.save(conn, values, is_stored).await
}

const fn state_code(state: ConnectionState) -> i64 {
    match state {
        ConnectionState::Connected => 1,
        ConnectionState::ReconnectNeeded => 2,
        ConnectionState::Disconnected => 3,
    }
}

/// Forgets when each list was last looked at, so that all are looked at again.
pub(crate) async fn forget_polls(conn: &impl ConnectionTrait) -> Result<()> {
    let update = "UPDATE connection SET polled_at_us = 0, poll_tried_at_us = 0, \
         reconciled_at_us = 0, reconcile_cursor_s = NULL";
    sql::execute(conn, update, []).await?;
    Ok(())
}

impl TryFrom<ConnectionRow> for Connection {
    type Error = StoreError;

    fn try_from(row: ConnectionRow) -> Result<Self> {
        Ok(Self {
            athlete: parse_id(&row.athlete)?,
            application: ApplicationId::new(row.application),
            strava_athlete: StravaAthleteId::new(row.strava_athlete),
            generation: Generation::new(row.generation),
            state: match row.state {
                1 => ConnectionState::Connected,
                2 => ConnectionState::ReconnectNeeded,
                _ => ConnectionState::Disconnected,
            },
            scopes: split_words(&row.scopes),
            connected_at: Timestamp::from_micros(row.connected_at_us),
            reason: row.reason,
            revision: row.revision,
            recent_poll: RecentPoll {
                succeeded_us: row.polled_at_us,
                tried_us: row.poll_tried_at_us,
                problem: row.poll_problem,
            },
            reconcile: ReconcileCursor {
                reconciled_us: row.reconciled_at_us,
                before_s: row.reconcile_cursor_s,
            },
        })
    }
}
