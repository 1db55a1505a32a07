//! Connections. Rows are written whole, under the lock of the athlete.

use kernel::{ApplicationId, AthleteId, Generation, Revision, StravaAthleteId, Timestamp};
use outbox::{Database, StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::{ColumnValue, from_micros, micros};
use crate::domain::connection::{
    Connection, ConnectionState, RefreshIntent, SealedToken, StateReason,
};
use crate::domain::scopes::Scopes;

#[derive(FromQueryResult)]
struct StateCount {
    state: String,
    count: i64,
}

/// Maximum number of connections in a page.
const PAGE_SIZE: i64 = 200;
/// Maximum number of connections that are checked at once.
const DUE_LIMIT: i64 = 20;

/// Finds the connection of an athlete with an application.
pub(crate) async fn find_by_athlete<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    athlete: AthleteId,
) -> Result<Option<Connection>, StoreError> {
    let values = [application.get().into(), athlete.to_string().into()];
    select_one(conn, "application = ? AND athlete = ?", values).await
}

/// Finds the connection of this id.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    id: &str,
) -> Result<Option<Connection>, StoreError> {
    select_one(conn, "id = ?", [id.into()]).await
}

/// The connection of this id, which must exist.
pub(crate) async fn get<C: ConnectionTrait>(conn: &C, id: &str) -> Result<Connection, StoreError> {
    let missing = || StoreError::inconsistent(format!("the connection {id} is missing"));
    find(conn, id).await?.ok_or_else(missing)
}

/// Finds the connection that holds this Strava athlete.
pub(crate) async fn find_holder<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<Option<Connection>, StoreError> {
    let values = [application.get().into(), strava_athlete.get().into()];
    select_one(conn, "application = ? AND active_strava_athlete = ?", values).await
}

/// Lists all connections of an athlete.
pub(crate) async fn list_by_athlete(
    database: &Database,
    athlete: AthleteId,
) -> Result<Vec<Connection>, StoreError> {
    let values = [athlete.to_string().into()];
    select_all(database, "athlete = ? ORDER BY application", values).await
}

/// Lists all connections of an athlete whose row is locked.
pub(crate) async fn list_locked<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<Vec<Connection>, StoreError> {
    let select = "SELECT * FROM connection WHERE athlete = ? ORDER BY application";
    let rows: Vec<ConnectionRow> =
        sql::fetch_all(conn, select, [athlete.to_string().into()]).await?;
    rows.into_iter().map(Connection::try_from).collect()
}

/// Deletes the connections and OAuth states of an athlete, and returns their number.
pub(crate) async fn delete_athlete<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<u64, StoreError> {
    let mut rows = 0;
    for table in ["connection", "oauth_state", "seat_use"] {
        let delete = format!("DELETE FROM {table} WHERE athlete = ?");
        rows += sql::execute(conn, &delete, [athlete.to_string().into()]).await?;
    }
    Ok(rows)
}

/// Lists the connections that need a reconnect since before this instant.
pub(crate) async fn list_unconnected(
    database: &Database,
    before: Timestamp,
) -> Result<Vec<Connection>, StoreError> {
    let condition = "state = ? AND reconnect_needed_since_us > 0 AND reconnect_needed_since_us <= ? \
         ORDER BY reconnect_needed_since_us";
    let state = ConnectionState::ReconnectNeeded.code().into();
    select_all(database, condition, [state, before.as_micros().into()]).await
}

/// Lets the grace of connections begin that a former release left without an instant.
pub(crate) async fn start_grace<C: ConnectionTrait>(
    conn: &C,
    now: Timestamp,
) -> Result<(), StoreError> {
    let update = "UPDATE connection SET reconnect_needed_since_us = ? \
         WHERE state = ? AND reconnect_needed_since_us = 0";
    let state = ConnectionState::ReconnectNeeded.code().into();
    sql::execute(conn, update, [now.as_micros().into(), state]).await?;
    Ok(())
}

/// Counts the connections that are not disconnected, and of them those that came to need a reconnect between two
/// instants.
pub(crate) async fn count_unconnected(
    database: &Database,
    from: Timestamp,
    until: Timestamp,
) -> Result<(i64, i64), StoreError> {
    let all = "SELECT COUNT(*) FROM connection WHERE state <> ?";
    let disconnected = ConnectionState::Disconnected.code().into();
    let all = sql::fetch_scalar(database.readers(), all, [disconnected]).await?;
    let unconnected = "SELECT COUNT(*) FROM connection \
         WHERE state = ? AND reconnect_needed_since_us BETWEEN ? AND ?";
    let state = ConnectionState::ReconnectNeeded.code().into();
    let values = [state, from.as_micros().into(), until.as_micros().into()];
    let unconnected = sql::fetch_scalar(database.readers(), unconnected, values).await?;
    Ok((all.unwrap_or(0), unconnected.unwrap_or(0)))
}

/// Lists disconnected connections for whose end no erasure was ever requested: a former release ended them.
pub(crate) async fn list_never_erased(database: &Database) -> Result<Vec<Connection>, StoreError> {
    let condition = "state = ? AND NOT EXISTS (SELECT 1 FROM erasure e \
         WHERE e.athlete = connection.athlete AND (e.application = 0 OR \
         (e.application = connection.application AND e.through_generation >= connection.generation)))";
    select_all(database, condition, [ConnectionState::Disconnected.code().into()]).await
}

/// Lists connections in the order of their ids, after this one.
pub(crate) async fn list_page(
    database: &Database,
    after: &str,
) -> Result<Vec<Connection>, StoreError> {
    let values = [after.into(), PAGE_SIZE.into()];
    select_all(database, "id > ? ORDER BY id LIMIT ?", values).await
}

/// Lists connections whose check is due.
pub(crate) async fn list_due(
    database: &Database,
    now: Timestamp,
) -> Result<Vec<Connection>, StoreError> {
    let condition = "withdrawal_check_due_us > 0 AND withdrawal_check_due_us <= ? ORDER BY withdrawal_check_due_us LIMIT ?";
    select_all(database, condition, [now.as_micros().into(), DUE_LIMIT.into()]).await
}

/// The time of the next check.
pub(crate) async fn next_check_due(database: &Database) -> Result<Option<Timestamp>, StoreError> {
    let earliest =
        "SELECT MIN(withdrawal_check_due_us) FROM connection WHERE withdrawal_check_due_us > 0";
    let due: Option<Option<i64>> = sql::fetch_scalar(database.readers(), earliest, []).await?;
    Ok(due.flatten().map(Timestamp::from_micros))
}

/// Counts connections of every state.
pub(crate) async fn count_by_state(
    database: &Database,
) -> Result<[(ConnectionState, i64); ConnectionState::ALL.len()], StoreError> {
    let select = "SELECT state, COUNT(*) AS count FROM connection GROUP BY state";
    let rows: Vec<StateCount> = sql::fetch_all(database.readers(), select, []).await?;
    Ok(ConnectionState::ALL.map(|state| {
        let row = rows.iter().find(|row| row.state == state.code());
        (state, row.map_or(0, |row| row.count))
    }))
}

/// Inserts a connection.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
) -> Result<(), StoreError> {
    let (names, values) = columns(connection).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let statement = format!(
        "INSERT INTO connection ({}, id) VALUES ({}, ?)",
        names.join(", "),
        sql::placeholders(names.len())
    );
    let id = connection.id.clone().into();
    sql::execute(conn, &statement, values.into_iter().chain([id])).await?;
    Ok(())
}

/// Updates a connection.
pub(crate) async fn update<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
) -> Result<(), StoreError> {
    update_if(conn, connection, "", []).await?;
    Ok(())
}

/// Updates a connection with the tokens of a refresh, which must still be the one that was sent.
pub(crate) async fn update_tokens<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
    sent_fingerprint: &str,
) -> Result<(), StoreError> {
    let condition = " AND refresh_fingerprint = ?";
    match update_if(conn, connection, condition, [sent_fingerprint.into()]).await? {
        0 => Err(StoreError::inconsistent("a refresh token was replaced under its lock")),
        _ => Ok(()),
    }
}

async fn update_if<C: ConnectionTrait, const N: usize>(
    conn: &C,
    connection: &Connection,
    condition: &str,
    with: [Value; N],
) -> Result<u64, StoreError> {
    let (names, values) = columns(connection).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let statement =
        format!("UPDATE connection SET {} = ? WHERE id = ?{condition}", names.join(" = ?, "));
    let id = connection.id.clone().into();
    sql::execute(conn, &statement, values.into_iter().chain([id]).chain(with)).await
}

async fn select_one<C: ConnectionTrait, const N: usize>(
    conn: &C,
    condition: &str,
    values: [Value; N],
) -> Result<Option<Connection>, StoreError> {
    let statement = format!("SELECT * FROM connection WHERE {condition}");
    let row = sql::fetch_one::<ConnectionRow>(conn, &statement, values).await?;
    row.map(Connection::try_from).transpose()
}

async fn select_all<const N: usize>(
    database: &Database,
    condition: &str,
    values: [Value; N],
) -> Result<Vec<Connection>, StoreError> {
    let statement = format!("SELECT * FROM connection WHERE {condition}");
    let rows = sql::fetch_all::<ConnectionRow>(database.readers(), &statement, values).await?;
    rows.into_iter().map(Connection::try_from).collect()
}

/// The columns of a connection besides its key, and their values.
fn columns(connection: &Connection) -> [ColumnValue; 24] {
    let intent = connection.intent.as_ref();
    let active = (connection.state != ConnectionState::Disconnected || connection.revoke_pending)
        .then(|| connection.strava_athlete.get());
    [
        ("application", connection.application.get().into()),
        ("strava_athlete", connection.strava_athlete.get().into()),
        ("active_strava_athlete", active.into()),
        ("athlete", connection.athlete.to_string().into()),
        ("generation", connection.generation.get().into()),
        ("state", connection.state.code().into()),
        ("reason", connection.reason.code().into()),
        ("scopes", connection.scopes.joined().into()),
        ("access_sealed", connection.access.0.clone().into()),
        ("refresh_sealed", connection.refresh.0.clone().into()),
        ("access_fingerprint", connection.access_fingerprint.clone().into()),
        ("refresh_fingerprint", connection.refresh_fingerprint.clone().into()),
        ("token_expires_at_us", micros(connection.token_expires_at).into()),
        ("intent_attempt", intent.map(|intent| intent.attempt.clone()).unwrap_or_default().into()),
        (
            "intent_fingerprint",
            intent.map(|intent| intent.fingerprint.clone()).unwrap_or_default().into(),
        ),
        ("intent_at_us", micros(intent.map(|intent| intent.started_at)).into()),
        ("withdrawal_hinted_at_us", micros(connection.hinted_at).into()),
        ("withdrawal_check_due_us", micros(connection.check_due).into()),
        ("revoke_pending", i32::from(connection.revoke_pending).into()),
        ("no_lease_before_us", micros(connection.hold_until).into()),
        ("refused_token_reports", connection.refused_token_reports.into()),
        ("revision", connection.revision.get().into()),
        ("connected_at_us", connection.connected_at.as_micros().into()),
        ("reconnect_needed_since_us", micros(connection.reconnect_needed_since).into()),
    ]
}

/// A row of `connection`; instants are in microseconds, 0 for none.
#[derive(FromQueryResult)]
struct ConnectionRow {
    id: String,
    application: i64,
    strava_athlete: i64,
    athlete: String,
    generation: i64,
    state: String,
    reason: String,
    scopes: String,
    access_sealed: String,
    refresh_sealed: String,
    access_fingerprint: String,
    refresh_fingerprint: String,
    token_expires_at_us: i64,
    intent_attempt: String,
    intent_fingerprint: String,
    intent_at_us: i64,
    withdrawal_hinted_at_us: i64,
    withdrawal_check_due_us: i64,
    revoke_pending: i32,
    no_lease_before_us: i64,
    refused_token_reports: i64,
    revision: i64,
    connected_at_us: i64,
    reconnect_needed_since_us: i64,
}

impl TryFrom<ConnectionRow> for Connection {
    type Error = StoreError;

    fn try_from(row: ConnectionRow) -> Result<Self, StoreError> {
        let invalid =
            |column: &str| StoreError::inconsistent(format!("a connection's {column} is invalid"));
        let intent = RefreshIntent {
            attempt: row.intent_attempt,
            started_at: Timestamp::from_micros(row.intent_at_us),
            fingerprint: row.intent_fingerprint,
        };
        Ok(Self {
            id: row.id,
            application: ApplicationId::new(row.application),
            strava_athlete: StravaAthleteId::new(row.strava_athlete),
            athlete: row.athlete.parse().map_err(|_no_uuid| invalid("athlete"))?,
            generation: Generation::new(row.generation),
            state: ConnectionState::parse(&row.state).ok_or_else(|| invalid("state"))?,
            reason: StateReason::parse(&row.reason).ok_or_else(|| invalid("reason"))?,
            scopes: Scopes::parse(&row.scopes),
            access: SealedToken(row.access_sealed),
            refresh: SealedToken(row.refresh_sealed),
            access_fingerprint: row.access_fingerprint,
            refresh_fingerprint: row.refresh_fingerprint,
            token_expires_at: from_micros(row.token_expires_at_us),
            intent: Some(intent).filter(|intent| !intent.attempt.is_empty()),
            hinted_at: from_micros(row.withdrawal_hinted_at_us),
            check_due: from_micros(row.withdrawal_check_due_us),
            revoke_pending: row.revoke_pending != 0,
            hold_until: from_micros(row.no_lease_before_us),
            refused_token_reports: row.refused_token_reports,
            revision: Revision::new(row.revision),
            connected_at: Timestamp::from_micros(row.connected_at_us),
            reconnect_needed_since: from_micros(row.reconnect_needed_since_us),
        })
    }
}
