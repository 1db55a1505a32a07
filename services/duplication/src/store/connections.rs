//! Athletes' connections, as last published by token.

use kernel::{ApplicationId, AthleteId, Generation};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::parse_column;
use crate::domain::connection::{Connection, ConnectionState};

#[derive(FromQueryResult)]
struct ConnectionRow {
    application: i64,
    generation: i64,
    state: i32,
    /// Separated by commas.
    scopes: String,
}

#[derive(FromQueryResult)]
struct OwnedConnectionRow {
    athlete: String,
    #[sea_orm(nested)]
    connection: ConnectionRow,
}

/// Stores the connection if its revision is newer than the stored one; returns true if it was stored.
pub(crate) async fn store_if_newer(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    connection: &Connection,
    revision: i64,
) -> Result<bool, StoreError> {
    let scopes = connection.scopes.join(",");
    let raised = sql::execute(
        conn,
        "UPDATE connection SET generation = ?, state = ?, scopes = ?, revision = ? \
         WHERE athlete = ? AND application = ? AND revision < ?",
        [
            connection.generation.get().into(),
            connection.state.code().into(),
            scopes.clone().into(),
            revision.into(),
            athlete.to_string().into(),
            connection.application.get().into(),
            revision.into(),
        ],
    )
    .await?;
    if raised > 0 {
        return Ok(true);
    }
    let known = "SELECT 1 FROM connection WHERE athlete = ? AND application = ?";
    let key = [athlete.to_string().into(), connection.application.get().into()];
    if sql::exists(conn, known, key).await? {
        return Ok(false);
    }
    sql::execute(
        conn,
        "INSERT INTO connection (athlete, application, generation, state, scopes, revision) \
         VALUES (?, ?, ?, ?, ?, ?)",
        [
            athlete.to_string().into(),
            connection.application.get().into(),
            connection.generation.get().into(),
            connection.state.code().into(),
            scopes.into(),
            revision.into(),
        ],
    )
    .await?;
    Ok(true)
}

/// Returns an athlete's connections, the newest first.
pub(crate) async fn list_by_athlete(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<Connection>, StoreError> {
    let rows = sql::fetch_all::<ConnectionRow>(
        conn,
        "SELECT application, generation, state, scopes FROM connection WHERE athlete = ? \
         ORDER BY generation DESC",
        [athlete.to_string().into()],
    )
    .await?;
    Ok(rows.into_iter().map(Connection::from).collect())
}

/// Returns the connections of every child of an athlete's living links, the newest first.
pub(crate) async fn list_of_linked_children(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<(AthleteId, Connection)>, StoreError> {
    let athlete = athlete.to_string();
    let rows = sql::fetch_all::<OwnedConnectionRow>(
        conn,
        "SELECT athlete, application, generation, state, scopes FROM connection \
         WHERE athlete IN (SELECT child FROM link WHERE (guardian = ? OR child = ?) \
         AND active_pair IS NOT NULL) ORDER BY generation DESC",
        [athlete.clone().into(), athlete.into()],
    )
    .await?;
    rows.into_iter()
        .map(|row| Ok((parse_column(&row.athlete, "connection.athlete")?, row.connection.into())))
        .collect()
}

/// Deletes an athlete's connection to an application up to a generation.
pub(crate) async fn delete_through(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    application: ApplicationId,
    through: Generation,
) -> Result<u64, StoreError> {
    sql::execute(
        conn,
        "DELETE FROM connection WHERE athlete = ? AND application = ? AND generation <= ?",
        [athlete.to_string().into(), application.get().into(), through.get().into()],
    )
    .await
}

/// Deletes every connection of an athlete.
pub(crate) async fn delete_by_athlete(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<u64, StoreError> {
    sql::execute(conn, "DELETE FROM connection WHERE athlete = ?", [athlete.to_string().into()])
        .await
}

impl From<ConnectionRow> for Connection {
    fn from(row: ConnectionRow) -> Self {
        let scopes = row.scopes.split(',').filter(|scope| !scope.is_empty());
        Self {
            application: ApplicationId::new(row.application),
            generation: Generation::new(row.generation),
            state: ConnectionState::from_code(row.state),
            scopes: scopes.map(str::to_owned).collect(),
        }
    }
}
