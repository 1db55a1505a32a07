//! OAuth states: only their hashes are stored, each works once.

use kernel::{ApplicationId, AthleteId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult};

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
    hash: &str,
    state: &OauthState,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let delete = "DELETE FROM oauth_state WHERE expires_at_us <= ?";
    sql::execute(conn, delete, [now.as_micros().into()]).await?;
    let insert = "INSERT INTO oauth_state \
         (state_hash, athlete, application, write_requested, browser_hash, expires_at_us) \
         VALUES (?, ?, ?, ?, ?, ?)";
    let values = [
        hash.into(),
        state.athlete.to_string().into(),
        state.application.get().into(),
        i32::from(state.write).into(),
        state.browser_hash.clone().into(),
        expires_at.as_micros().into(),
    ];
    sql::execute(conn, insert, values).await?;
    Ok(())
}

/// Deletes a state and returns it, unless it has expired or is not the presenter's: it works once, and
/// only its owner uses it up.
pub(crate) async fn take<C: ConnectionTrait>(
    conn: &C,
    hash: &str,
    now: Timestamp,
    is_theirs: impl Fn(&OauthState) -> bool,
) -> Result<Option<OauthState>, StoreError> {
    let select = "SELECT * FROM oauth_state WHERE state_hash = ? AND expires_at_us > ?";
    let values = [hash.into(), now.as_micros().into()];
    let Some(row) = sql::fetch_one::<OauthStateRow>(conn, select, values).await? else {
        return Ok(None);
    };
    let state = OauthState::try_from(row)?;
    if !is_theirs(&state) {
        return Ok(None);
    }
    let delete = "DELETE FROM oauth_state WHERE state_hash = ?";
    let deleted = sql::execute(conn, delete, [hash.into()]).await?;
    Ok((deleted > 0).then_some(state))
}

#[derive(FromQueryResult)]
struct OauthStateRow {
    athlete: String,
    application: i64,
    write_requested: i32,
    browser_hash: String,
}

impl TryFrom<OauthStateRow> for OauthState {
    type Error = StoreError;

    fn try_from(row: OauthStateRow) -> Result<Self, StoreError> {
        let no_uuid = |_error| StoreError::inconsistent("a state's athlete is no UUID");
        Ok(Self {
            athlete: row.athlete.parse().map_err(no_uuid)?,
            application: ApplicationId::new(row.application),
            write: row.write_requested != 0,
            browser_hash: row.browser_hash,
        })
    }
}
