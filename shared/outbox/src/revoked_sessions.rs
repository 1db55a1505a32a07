//! Revoked sessions: the instant before which an athlete's access tokens were issued to be refused. It only rises.

use kernel::{AthleteId, Timestamp};
use sea_orm::ConnectionTrait;

use crate::tx::Tx;
use crate::{StoreError, sql};

/// Refuses the tokens that were issued before this instant, also from now on. False if a later instant is stored.
pub async fn revoke_before(
    tx: &Tx,
    athlete: AthleteId,
    not_before: Timestamp,
) -> Result<bool, StoreError> {
    let (id, instant) = (athlete.to_string(), not_before.as_micros());
    let update =
        "UPDATE revoked_sessions SET not_before_us = ? WHERE athlete = ? AND not_before_us < ?";
    let values = [instant.into(), id.clone().into(), instant.into()];
    if sql::execute(tx.conn(), update, values).await? > 0 {
        return Ok(true);
    }
    if not_before_of(tx.conn(), athlete).await?.is_some() {
        return Ok(false);
    }
    let insert = "INSERT INTO revoked_sessions (athlete, not_before_us) VALUES (?, ?)";
    sql::execute(tx.conn(), insert, [id.into(), instant.into()]).await?;
    Ok(true)
}

/// The instant before which tokens were issued to be refused; none if nothing was revoked.
pub async fn not_before_of(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Option<Timestamp>, StoreError> {
    let select = "SELECT not_before_us FROM revoked_sessions WHERE athlete = ?";
    let instant: Option<i64> =
        sql::fetch_scalar(conn, select, [athlete.to_string().into()]).await?;
    Ok(instant.map(Timestamp::from_micros))
}
