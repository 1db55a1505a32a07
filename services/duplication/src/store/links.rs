//! The link table.

use kernel::{AthleteId, LinkId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::{parse_column, unreadable_column};
use crate::domain::link::{Link, LinkState, Names};

/// Maximum number of links shown: a child may redeem any number of invitations.
const MAX_LISTED: u64 = 500;
/// The columns of [`LinkRow`].
const COLUMNS: &str = "id, guardian, child, guardian_name, child_name, names, share_heart_rate, \
     state, created_at_us, accepted_at_us";

#[derive(FromQueryResult)]
struct LinkRow {
    id: String,
    guardian: String,
    child: String,
    guardian_name: String,
    child_name: String,
    /// JSON.
    names: String,
    share_heart_rate: bool,
    state: String,
    created_at_us: i64,
    accepted_at_us: Option<i64>,
}

/// Inserts a new link; a unique violation if the pair has a living one.
pub(crate) async fn insert(conn: &impl ConnectionTrait, link: &Link) -> Result<(), StoreError> {
    let names = serde_json::to_string(link.names.as_slice())
        .map_err(|error| unreadable_column("link.names", &error.to_string()))?;
    sql::execute(
        conn,
        &format!("INSERT INTO link ({COLUMNS}, active_pair) VALUES ({})", sql::placeholders(11)),
        [
            link.id.to_string().into(),
            link.guardian.to_string().into(),
            link.child.to_string().into(),
            link.guardian_name.as_str().into(),
            link.child_name.as_str().into(),
            names.into(),
            link.share_heart_rate.into(),
            link.state.as_str().into(),
            link.created_at.as_micros().into(),
            link.accepted_at.map(Timestamp::as_micros).into(),
            // One living link for each pair.
            format!("{}:{}", link.guardian, link.child).into(),
        ],
    )
    .await?;
    Ok(())
}

/// Returns a link, living or ended.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    link: LinkId,
) -> Result<Option<Link>, StoreError> {
    Ok(list(conn, "id = ?", [link.to_string().into()]).await?.pop())
}

/// Returns the living links in which an athlete takes part, oldest first.
pub(crate) async fn list_living(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<Link>, StoreError> {
    let condition = "(guardian = ? OR child = ?) AND active_pair IS NOT NULL ORDER BY id LIMIT ?";
    let athlete = athlete.to_string();
    list(conn, condition, [athlete.clone().into(), athlete.into(), MAX_LISTED.into()]).await
}

/// Returns the links under which a guardian's activities are copied.
pub(crate) async fn list_accepted(
    conn: &impl ConnectionTrait,
    guardian: AthleteId,
) -> Result<Vec<Link>, StoreError> {
    let values = [guardian.to_string().into(), LinkState::Accepted.as_str().into()];
    list(conn, "guardian = ? AND state = ? ORDER BY id", values).await
}

/// Returns the number of living links of a guardian.
pub(crate) async fn count_living(
    conn: &impl ConnectionTrait,
    guardian: AthleteId,
) -> Result<u64, StoreError> {
    let select = "SELECT COUNT(*) FROM link WHERE guardian = ? AND active_pair IS NOT NULL";
    let count = sql::fetch_scalar::<i64>(conn, select, [guardian.to_string().into()]).await?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

/// Returns true if there is any living link.
pub(crate) async fn exists_living(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let living = sql::one(conn, "SELECT 1 FROM link WHERE active_pair IS NOT NULL LIMIT 1", []);
    Ok(living.await?.is_some())
}

/// Marks a pending link as accepted; one in another state stays as it is.
pub(crate) async fn mark_accepted(
    conn: &impl ConnectionTrait,
    link: LinkId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE link SET state = ?, accepted_at_us = ? WHERE id = ? AND state = ?",
        [
            LinkState::Accepted.as_str().into(),
            now.as_micros().into(),
            link.to_string().into(),
            LinkState::Pending.as_str().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Marks a living link as declined or ended.
pub(crate) async fn mark_ended(
    conn: &impl ConnectionTrait,
    link: LinkId,
    state: LinkState,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE link SET state = ?, ended_at_us = ?, active_pair = NULL \
         WHERE id = ? AND active_pair IS NOT NULL",
        [state.as_str().into(), now.as_micros().into(), link.to_string().into()],
    )
    .await?;
    Ok(())
}

/// Returns the newest instant after `since` at which one of two athletes declined a link with the other.
pub(crate) async fn find_declined_at(
    conn: &impl ConnectionTrait,
    athletes: [AthleteId; 2],
    since: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let [one, other] = athletes.map(|athlete| athlete.to_string());
    let select = "SELECT ended_at_us FROM link WHERE state = ? AND ended_at_us > ? \
         AND ((guardian = ? AND child = ?) OR (guardian = ? AND child = ?)) \
         ORDER BY ended_at_us DESC LIMIT 1";
    let values = [
        LinkState::Declined.as_str().into(),
        since.as_micros().into(),
        one.clone().into(),
        other.clone().into(),
        other.into(),
        one.into(),
    ];
    Ok(sql::fetch_scalar(conn, select, values).await?.map(Timestamp::from_micros))
}

/// Deletes links that ended, or were left unanswered, before an instant.
pub(crate) async fn delete_ended_before(
    conn: &impl ConnectionTrait,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let delete = "DELETE FROM link WHERE ended_at_us < ? OR (state = ? AND created_at_us < ?)";
    let before = before.as_micros();
    let values = [before.into(), LinkState::Pending.as_str().into(), before.into()];
    sql::execute(conn, delete, values).await
}

/// Deletes every link, living or ended, in which an athlete takes part.
pub(crate) async fn delete_by_athlete(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<u64, StoreError> {
    let athlete = athlete.to_string();
    let delete = "DELETE FROM link WHERE guardian = ? OR child = ?";
    sql::execute(conn, delete, [athlete.clone().into(), athlete.into()]).await
}

async fn list(
    conn: &impl ConnectionTrait,
    condition: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<Link>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM link WHERE {condition}");
    let rows = sql::fetch_all::<LinkRow>(conn, &select, values).await?;
    rows.into_iter().map(Link::try_from).collect()
}

impl TryFrom<LinkRow> for Link {
    type Error = StoreError;

    fn try_from(row: LinkRow) -> Result<Self, StoreError> {
        let names = serde_json::from_str(&row.names)
            .map_err(|_no_json| unreadable_column("link.names", &row.id))?;
        Ok(Self {
            id: parse_column(&row.id, "link.id")?,
            guardian: parse_column(&row.guardian, "link.guardian")?,
            child: parse_column(&row.child, "link.child")?,
            guardian_name: row.guardian_name,
            child_name: row.child_name,
            names: Names::from_stored(names),
            share_heart_rate: row.share_heart_rate,
            state: LinkState::parse(&row.state)
                .ok_or_else(|| unreadable_column("link.state", &row.id))?,
            created_at: Timestamp::from_micros(row.created_at_us),
            accepted_at: row.accepted_at_us.map(Timestamp::from_micros),
        })
    }
}
