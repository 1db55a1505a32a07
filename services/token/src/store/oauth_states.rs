//! OAuth states: only their hashes are stored, each works once.

use kernel::{ApplicationId, AthleteId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

/// A state before it is handed out.
#[derive(Clone, Debug)]
pub(crate) struct NewOauthState {
    /// The hash of the state.
    pub(crate) hash: String,
    pub(crate) state: OauthState,
    pub(crate) expires_at: Timestamp,
}

/// The request to connect that a state belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OauthState {
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    /// True if writing was asked for too.
    pub(crate) write: bool,
    /// The hash of the secret in the asking browser's cookie; empty when a script asked.
    pub(crate) browser_hash: String,
}

/// Inserts a state, and deletes expired ones.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    new: &NewOauthState,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "DELETE FROM oauth_state WHERE expires_at_us <= ?",
        [now.as_micros().into()],
    )
    .await?;
    sql::execute(
        conn,
        "INSERT INTO oauth_state (state_hash, athlete, application, asked_write, browser_hash, expires_at_us) \
         VALUES (?, ?, ?, ?, ?, ?)",
        [
            new.hash.clone().into(),
            new.state.athlete.to_string().into(),
            new.state.application.get().into(),
            i32::from(new.state.write).into(),
            new.state.browser_hash.clone().into(),
            new.expires_at.as_micros().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Deletes a state and returns it, unless it has expired: each works once.
pub(crate) async fn take<C: ConnectionTrait>(
    conn: &C,
    hash: &str,
    now: Timestamp,
) -> Result<Option<OauthState>, StoreError> {
    let found =
        sql::one(conn, "SELECT * FROM oauth_state WHERE state_hash = ?", [hash.into()]).await?;
    let Some(row) = found else { return Ok(None) };
    let taken =
        sql::execute(conn, "DELETE FROM oauth_state WHERE state_hash = ?", [hash.into()]).await?;
    if taken == 0 || row.try_get::<i64>("", "expires_at_us")? <= now.as_micros() {
        return Ok(None);
    }
    Ok(Some(OauthState {
        athlete: row
            .try_get::<String>("", "athlete")?
            .parse()
            .map_err(|_no_uuid| StoreError::inconsistent("a state's athlete is no UUID"))?,
        application: ApplicationId::new(row.try_get("", "application")?),
        write: row.try_get::<i32>("", "asked_write")? != 0,
        browser_hash: row.try_get("", "browser_hash")?,
    }))
}
