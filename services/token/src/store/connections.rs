//! Connections. Rows are written whole, under the lock of the athlete.

use kernel::{ApplicationId, AthleteId, Generation, StravaAthleteId, Timestamp};
use outbox::{Database, StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::domain::connection::{
    Connection, ConnectionState, RefreshIntent, SealedToken, StateReason,
};
use crate::domain::scopes::Scopes;

/// Every column but the key, in the order of [`values`].
const COLUMNS: [&str; 23] = [
    "application",
    "strava_athlete",
    "held",
    "athlete",
    "generation",
    "state",
    "reason",
    "scopes",
    "access_sealed",
    "refresh_sealed",
    "access_print",
    "refresh_print",
    "token_expires_at_us",
    "intent_attempt",
    "intent_print",
    "intent_at_us",
    "hinted_at_us",
    "check_due_us",
    "revoking",
    "hold_until_us",
    "dead_reports",
    "revision",
    "connected_at_us",
];

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

/// Finds the connection that holds this Strava athlete.
pub(crate) async fn find_holder<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<Option<Connection>, StoreError> {
    let values = [application.get().into(), strava_athlete.get().into()];
    select_one(conn, "application = ? AND held = ?", values).await
}

/// Lists all connections of an athlete.
pub(crate) async fn list_by_athlete(
    database: &Database,
    athlete: AthleteId,
) -> Result<Vec<Connection>, StoreError> {
    let values = [athlete.to_string().into()];
    select_all(database, "athlete = ? ORDER BY application", values).await
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
    let condition = "check_due_us > 0 AND check_due_us <= ? ORDER BY check_due_us LIMIT ?";
    select_all(database, condition, [now.as_micros().into(), DUE_LIMIT.into()]).await
}

/// The time of the next check.
pub(crate) async fn next_check_due(database: &Database) -> Result<Option<Timestamp>, StoreError> {
    let row = sql::one(
        database.readers(),
        "SELECT MIN(check_due_us) AS due FROM connection WHERE check_due_us > 0",
        [],
    )
    .await?;
    let due: Option<i64> = row.map(|row| row.try_get("", "due")).transpose()?.flatten();
    Ok(due.map(Timestamp::from_micros))
}

/// Inserts a connection.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
) -> Result<(), StoreError> {
    let statement = format!(
        "INSERT INTO connection (id, {}) VALUES (?, {})",
        COLUMNS.join(", "),
        sql::placeholders(COLUMNS.len())
    );
    let mut all = vec![connection.id.clone().into()];
    all.extend(values(connection));
    sql::execute(conn, &statement, all).await?;
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

/// Updates a connection with the tokens of a refresh; returns false and changes nothing if the
/// refresh token that was sent is not the one stored.
pub(crate) async fn update_tokens<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
    sent_fingerprint: &str,
) -> Result<bool, StoreError> {
    let condition = " AND refresh_print = ?";
    Ok(update_if(conn, connection, condition, [sent_fingerprint.into()]).await? > 0)
}

async fn update_if<C: ConnectionTrait, const N: usize>(
    conn: &C,
    connection: &Connection,
    condition: &str,
    with: [Value; N],
) -> Result<u64, StoreError> {
    let statement =
        format!("UPDATE connection SET {} = ? WHERE id = ?{condition}", COLUMNS.join(" = ?, "));
    let mut all = values(connection).to_vec();
    all.push(connection.id.clone().into());
    all.extend(with);
    sql::execute(conn, &statement, all).await
}

async fn select_one<C: ConnectionTrait, const N: usize>(
    conn: &C,
    condition: &str,
    values: [Value; N],
) -> Result<Option<Connection>, StoreError> {
    let statement = format!("SELECT * FROM connection WHERE {condition}");
    sql::one(conn, &statement, values).await?.as_ref().map(read).transpose()
}

async fn select_all<const N: usize>(
    database: &Database,
    condition: &str,
    values: [Value; N],
) -> Result<Vec<Connection>, StoreError> {
    let statement = format!("SELECT * FROM connection WHERE {condition}");
    sql::all(database.readers(), &statement, values).await?.iter().map(read).collect()
}

fn values(connection: &Connection) -> [Value; 23] {
    let micros = |instant: Option<Timestamp>| instant.map_or(0, Timestamp::as_micros);
    let intent = connection.intent.as_ref();
    let held = (connection.state != ConnectionState::Disconnected || connection.revoking)
        .then(|| connection.strava_athlete.get());
    [
        connection.application.get().into(),
        connection.strava_athlete.get().into(),
        held.into(),
        connection.athlete.to_string().into(),
        connection.generation.get().into(),
        connection.state.code().into(),
        connection.reason.code().into(),
        connection.scopes.joined().into(),
        connection.access.0.clone().into(),
        connection.refresh.0.clone().into(),
        connection.access_fingerprint.clone().into(),
        connection.refresh_fingerprint.clone().into(),
        micros(connection.token_expires_at).into(),
        intent.map(|intent| intent.attempt.clone()).unwrap_or_default().into(),
        intent.map(|intent| intent.fingerprint.clone()).unwrap_or_default().into(),
        micros(intent.map(|intent| intent.started_at)).into(),
        micros(connection.hinted_at).into(),
        micros(connection.check_due).into(),
        i32::from(connection.revoking).into(),
        micros(connection.hold_until).into(),
        connection.dead_reports.into(),
        connection.revision.into(),
        connection.connected_at.as_micros().into(),
    ]
}

fn read(row: &QueryResult) -> Result<Connection, StoreError> {
    let text = |column: &str| row.try_get::<String>("", column);
    let number = |column: &str| row.try_get::<i64>("", column);
    let instant =
        |column: &str| number(column).map(|us| (us != 0).then(|| Timestamp::from_micros(us)));
    let invalid =
        |column: &str| StoreError::inconsistent(format!("a connection's {column} is invalid"));
    let attempt = text("intent_attempt")?;
    let intent = RefreshIntent {
        attempt: attempt.clone(),
        started_at: Timestamp::from_micros(number("intent_at_us")?),
        fingerprint: text("intent_print")?,
    };
    Ok(Connection {
        id: text("id")?,
        application: ApplicationId::new(number("application")?),
        strava_athlete: StravaAthleteId::new(number("strava_athlete")?),
        athlete: text("athlete")?.parse().map_err(|_no_uuid| invalid("athlete"))?,
        generation: Generation::new(number("generation")?),
        state: ConnectionState::parse(&text("state")?).ok_or_else(|| invalid("state"))?,
        reason: StateReason::parse(&text("reason")?).ok_or_else(|| invalid("reason"))?,
        scopes: Scopes::parse(&text("scopes")?),
        access: SealedToken(text("access_sealed")?),
        refresh: SealedToken(text("refresh_sealed")?),
        access_fingerprint: text("access_print")?,
        refresh_fingerprint: text("refresh_print")?,
        token_expires_at: instant("token_expires_at_us")?,
        intent: (!attempt.is_empty()).then_some(intent),
        hinted_at: instant("hinted_at_us")?,
        check_due: instant("check_due_us")?,
        revoking: row.try_get::<i32>("", "revoking")? != 0,
        hold_until: instant("hold_until_us")?,
        dead_reports: number("dead_reports")?,
        revision: number("revision")?,
        connected_at: Timestamp::from_micros(number("connected_at_us")?),
    })
}
