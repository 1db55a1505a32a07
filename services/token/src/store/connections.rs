//! Connections. Rows are written whole, by whoever holds the athlete's row.

use kernel::{ApplicationId, AthleteId, Generation, StravaAthleteId, Timestamp};
use outbox::{Database, StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::domain::connection::{Connection, Intent, Reason, Sealed, State};
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

/// The connection of an athlete with an application.
pub(crate) async fn by_athlete<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    athlete: AthleteId,
) -> Result<Option<Connection>, StoreError> {
    let where_ = "application = ? AND athlete = ?";
    one(conn, where_, [application.get().into(), athlete.to_string().into()]).await
}

/// The connection of this id.
pub(crate) async fn by_id<C: ConnectionTrait>(
    conn: &C,
    id: &str,
) -> Result<Option<Connection>, StoreError> {
    one(conn, "id = ?", [id.into()]).await
}

/// The connection that holds this Strava athlete.
pub(crate) async fn by_strava_athlete<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<Option<Connection>, StoreError> {
    one(
        conn,
        "application = ? AND held = ?",
        [application.get().into(), strava_athlete.get().into()],
    )
    .await
}

/// Whose a Strava athlete is, and which connection that is, outside any transaction.
pub(crate) async fn subject_of_hint(
    database: &Database,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
) -> Result<Option<Connection>, StoreError> {
    by_strava_athlete(database.readers(), application, strava_athlete).await
}

/// The other athlete who holds this Strava athlete, if there is one.
pub(crate) async fn holder_of<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    strava_athlete: StravaAthleteId,
    besides: AthleteId,
) -> Result<Option<Connection>, StoreError> {
    Ok(by_strava_athlete(conn, application, strava_athlete)
        .await?
        .filter(|connection| connection.athlete != besides))
}

/// Every connection of an athlete.
pub(crate) async fn of_athlete(
    database: &Database,
    athlete: AthleteId,
) -> Result<Vec<Connection>, StoreError> {
    many(database.readers(), "athlete = ? ORDER BY application", [athlete.to_string().into()]).await
}

/// Connections in the order of their ids, after this one.
pub(crate) async fn page(
    database: &Database,
    after: &str,
    limit: i64,
) -> Result<Vec<Connection>, StoreError> {
    many(database.readers(), "id > ? ORDER BY id LIMIT ?", [after.into(), limit.into()]).await
}

/// Connections the worker should look at now.
pub(crate) async fn due(
    database: &Database,
    now: Timestamp,
) -> Result<Vec<Connection>, StoreError> {
    let where_ = "check_due_us > 0 AND check_due_us <= ? ORDER BY check_due_us LIMIT 20";
    many(database.readers(), where_, [now.as_micros().into()]).await
}

/// When the worker should look next.
pub(crate) async fn next_due(database: &Database) -> Result<Option<Timestamp>, StoreError> {
    let found = sql::one(
        database.readers(),
        "SELECT MIN(check_due_us) AS due FROM connection WHERE check_due_us > 0",
        [],
    )
    .await?;
    let due: Option<i64> = found.map(|row| row.try_get("", "due")).transpose()?.flatten();
    Ok(due.map(Timestamp::from_micros))
}

/// Stores a new connection.
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

/// Stores a connection as it now is.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
) -> Result<(), StoreError> {
    update(conn, connection, "", []).await?;
    Ok(())
}

/// Stores a connection with the tokens of a refresh, if the refresh token that was sent is still
/// the one stored. False: somebody stored newer ones.
pub(crate) async fn keep_tokens<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
    sent: &str,
) -> Result<bool, StoreError> {
    Ok(update(conn, connection, " AND refresh_print = ?", [sent.into()]).await? > 0)
}

async fn update<C: ConnectionTrait, const N: usize>(
    conn: &C,
    connection: &Connection,
    only_if: &str,
    with: [Value; N],
) -> Result<u64, StoreError> {
    let statement =
        format!("UPDATE connection SET {} = ? WHERE id = ?{only_if}", COLUMNS.join(" = ?, "));
    let mut all = values(connection).to_vec();
    all.push(connection.id.clone().into());
    all.extend(with);
    sql::execute(conn, &statement, all).await
}

async fn one<C: ConnectionTrait, const N: usize>(
    conn: &C,
    where_: &str,
    with: [Value; N],
) -> Result<Option<Connection>, StoreError> {
    let statement = format!("SELECT * FROM connection WHERE {where_}");
    sql::one(conn, &statement, with).await?.as_ref().map(read).transpose()
}

async fn many<C: ConnectionTrait, const N: usize>(
    conn: &C,
    where_: &str,
    with: [Value; N],
) -> Result<Vec<Connection>, StoreError> {
    let statement = format!("SELECT * FROM connection WHERE {where_}");
    sql::all(conn, &statement, with).await?.iter().map(read).collect()
}

fn values(connection: &Connection) -> [Value; 23] {
    let at = |instant: Option<Timestamp>| instant.map_or(0, Timestamp::as_micros);
    let intent = connection.intent.as_ref();
    let held = (connection.state != State::Disconnected || connection.revoking)
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
        connection.access_print.clone().into(),
        connection.refresh_print.clone().into(),
        at(connection.token_expires_at).into(),
        intent.map(|intent| intent.attempt.clone()).unwrap_or_default().into(),
        intent.map(|intent| intent.print.clone()).unwrap_or_default().into(),
        at(intent.map(|intent| intent.at)).into(),
        at(connection.hinted_at).into(),
        at(connection.check_due).into(),
        i32::from(connection.revoking).into(),
        at(connection.hold_until).into(),
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
    let odd =
        |column: &str| StoreError::inconsistent(format!("a connection's {column} is none of ours"));
    let attempt = text("intent_attempt")?;
    let intent = Intent {
        attempt: attempt.clone(),
        at: Timestamp::from_micros(number("intent_at_us")?),
        print: text("intent_print")?,
    };
    Ok(Connection {
        id: text("id")?,
        application: ApplicationId::new(number("application")?),
        strava_athlete: StravaAthleteId::new(number("strava_athlete")?),
        athlete: text("athlete")?.parse().map_err(|_no_uuid| odd("athlete"))?,
        generation: Generation::new(number("generation")?),
        state: State::parse(&text("state")?).ok_or_else(|| odd("state"))?,
        reason: Reason::parse(&text("reason")?).ok_or_else(|| odd("reason"))?,
        scopes: Scopes::parse(&text("scopes")?),
        access: Sealed(text("access_sealed")?),
        refresh: Sealed(text("refresh_sealed")?),
        access_print: text("access_print")?,
        refresh_print: text("refresh_print")?,
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
