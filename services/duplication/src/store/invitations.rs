//! The table of open invitations: a redeemed or revoked one is deleted.

use kernel::{AthleteId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use super::{parse_column, unreadable_column};
use crate::domain::invitation::{Invitation, InvitationCode, ShownName};
use crate::domain::link::{LinkRole, Names, Terms};

/// The columns of [`InvitationRow`].
const COLUMNS: &str =
    "id, inviter, role, name, names, share_heart_rate, created_at_us, expires_at_us";

#[derive(FromQueryResult)]
struct InvitationRow {
    id: String,
    inviter: String,
    role: String,
    name: String,
    /// JSON; only a guardian's invitation has them.
    names: Option<String>,
    share_heart_rate: bool,
    created_at_us: i64,
    expires_at_us: i64,
}

/// Inserts a new invitation.
pub(crate) async fn insert(
    conn: &impl ConnectionTrait,
    invitation: &Invitation,
    code: &InvitationCode,
) -> Result<(), StoreError> {
    let terms = invitation.terms.as_ref();
    let names = terms.map(|terms| serde_json::to_string(terms.names.as_slice())).transpose();
    let names =
        names.map_err(|error| unreadable_column("link_invitation.names", &error.to_string()))?;
    sql::execute(
        conn,
        &format!(
            "INSERT INTO link_invitation ({COLUMNS}, code_hash) VALUES ({})",
            sql::placeholders(9)
        ),
        [
            invitation.id.to_string().into(),
            invitation.inviter.to_string().into(),
            invitation.role.as_str().into(),
            invitation.name.as_str().into(),
            names.into(),
            terms.is_some_and(|terms| terms.share_heart_rate).into(),
            invitation.created_at.as_micros().into(),
            invitation.expires_at.as_micros().into(),
            code.hash().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Returns an invitation.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<Invitation>, StoreError> {
    Ok(list(conn, "id = ?", [id.to_string().into()]).await?.pop())
}

/// Returns the invitation of a code that has not expired.
pub(crate) async fn find_by_code(
    conn: &impl ConnectionTrait,
    code: &InvitationCode,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    let values = [code.hash().into(), now.as_micros().into()];
    Ok(list(conn, "code_hash = ? AND expires_at_us > ?", values).await?.pop())
}

/// Returns the invitations of an athlete that have not expired, oldest first.
pub(crate) async fn list_open(
    conn: &impl ConnectionTrait,
    inviter: AthleteId,
    now: Timestamp,
) -> Result<Vec<Invitation>, StoreError> {
    let values = [inviter.to_string().into(), now.as_micros().into()];
    list(conn, "inviter = ? AND expires_at_us > ? ORDER BY id", values).await
}

/// Returns the number of invitations of an athlete that have not expired.
pub(crate) async fn count_open(
    conn: &impl ConnectionTrait,
    inviter: AthleteId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let select = "SELECT COUNT(*) FROM link_invitation WHERE inviter = ? AND expires_at_us > ?";
    let values = [inviter.to_string().into(), now.as_micros().into()];
    let count = sql::fetch_scalar::<i64>(conn, select, values).await?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

/// Deletes an invitation; returns false if it is not there any more.
pub(crate) async fn delete(
    conn: &impl ConnectionTrait,
    inviter: AthleteId,
    id: Uuid,
) -> Result<bool, StoreError> {
    let delete = "DELETE FROM link_invitation WHERE id = ? AND inviter = ?";
    let values = [id.to_string().into(), inviter.to_string().into()];
    Ok(sql::execute(conn, delete, values).await? > 0)
}

/// Deletes every invitation of an athlete.
pub(crate) async fn delete_by_athlete(
    conn: &impl ConnectionTrait,
    inviter: AthleteId,
) -> Result<u64, StoreError> {
    let delete = "DELETE FROM link_invitation WHERE inviter = ?";
    sql::execute(conn, delete, [inviter.to_string().into()]).await
}

/// Deletes what has expired.
pub(crate) async fn delete_expired(
    conn: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let delete = "DELETE FROM link_invitation WHERE expires_at_us <= ?";
    sql::execute(conn, delete, [now.as_micros().into()]).await
}

async fn list(
    conn: &impl ConnectionTrait,
    condition: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<Invitation>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM link_invitation WHERE {condition}");
    let rows = sql::fetch_all::<InvitationRow>(conn, &select, values).await?;
    rows.into_iter().map(Invitation::try_from).collect()
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Self, StoreError> {
        let names = row.names.as_deref().map(serde_json::from_str).transpose();
        let names =
            names.map_err(|_no_json| unreadable_column("link_invitation.names", &row.id))?;
        Ok(Self {
            id: parse_column(&row.id, "link_invitation.id")?,
            inviter: parse_column(&row.inviter, "link_invitation.inviter")?,
            role: LinkRole::parse(&row.role)
                .ok_or_else(|| unreadable_column("link_invitation.role", &row.id))?,
            name: ShownName::from_stored(row.name),
            terms: names.map(|names| Terms {
                names: Names::from_stored(names),
                share_heart_rate: row.share_heart_rate,
            }),
            created_at: Timestamp::from_micros(row.created_at_us),
            expires_at: Timestamp::from_micros(row.expires_at_us),
        })
    }
}
