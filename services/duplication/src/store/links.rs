//! Links in the database.

use kernel::{AthleteId, LinkId, Timestamp};
use outbox::StoreError;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::rows::link::{ActiveModel, Column, Entity, Model};
use super::{id, inconsistent, takes_part};
use crate::domain::link::{Link, LinkState, Names};

/// Who takes part in a link.
const SIDES: [Column; 2] = [Column::Guardian, Column::Child];
/// How many links are shown: anybody may propose to a child, so their number is not ours to trust.
const MOST: u64 = 500;

/// Keeps a new link; `Seen` when the pair has a living one.
pub(crate) async fn insert(conn: &impl ConnectionTrait, link: &Link) -> Result<(), StoreError> {
    let names = serde_json::to_string(link.names.as_slice())
        .map_err(|error| inconsistent("link", "names", &error.to_string()))?;
    let row = ActiveModel {
        id: Set(link.id.to_string()),
        guardian: Set(link.guardian.to_string()),
        child: Set(link.child.to_string()),
        living: Set(Some(format!("{}:{}", link.guardian, link.child))),
        names: Set(names),
        share_heart_rate: Set(link.share_heart_rate),
        state: Set(link.state.word().to_owned()),
        created_at_us: Set(link.created_at.as_micros()),
        accepted_at_us: Set(None),
        ended_at_us: Set(None),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// A link that lives, or lived.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    link: LinkId,
) -> Result<Option<Link>, StoreError> {
    Entity::find_by_id(link.to_string()).one(conn).await?.map(to_link).transpose()
}

/// The living links in which somebody takes part, oldest first.
pub(crate) async fn of_either_side(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<Link>, StoreError> {
    let living = Entity::find()
        .filter(takes_part(SIDES, athlete))
        .filter(Column::Living.is_not_null())
        .order_by_asc(Column::Id)
        .limit(MOST);
    living.all(conn).await?.into_iter().map(to_link).collect()
}

/// The links under which a guardian's activities are copied.
pub(crate) async fn accepted_of(
    conn: &impl ConnectionTrait,
    guardian: AthleteId,
) -> Result<Vec<Link>, StoreError> {
    let accepted = Entity::find()
        .filter(Column::Guardian.eq(guardian.to_string()))
        .filter(Column::State.eq(LinkState::Accepted.word()))
        .order_by_asc(Column::Id);
    accepted.all(conn).await?.into_iter().map(to_link).collect()
}

/// How many living links a guardian has.
pub(crate) async fn count_of(
    conn: &impl ConnectionTrait,
    guardian: AthleteId,
) -> Result<u64, StoreError> {
    let mine = Entity::find()
        .filter(Column::Guardian.eq(guardian.to_string()))
        .filter(Column::Living.is_not_null());
    Ok(mine.count(conn).await?)
}

/// Whether there is any link at all.
pub(crate) async fn any(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    Ok(Entity::find().filter(Column::Living.is_not_null()).one(conn).await?.is_some())
}

/// The child agreed. What is no longer pending stays what it is.
pub(crate) async fn accept(
    conn: &impl ConnectionTrait,
    link: LinkId,
    at: Timestamp,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(LinkState::Accepted.word()))
        .col_expr(Column::AcceptedAtUs, Expr::value(at.as_micros()))
        .filter(Column::Id.eq(link.to_string()))
        .filter(Column::State.eq(LinkState::Pending.word()))
        .exec(conn)
        .await?;
    Ok(())
}

/// One side ended it.
pub(crate) async fn end(
    conn: &impl ConnectionTrait,
    link: LinkId,
    at: Timestamp,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(LinkState::Ended.word()))
        .col_expr(Column::EndedAtUs, Expr::value(at.as_micros()))
        .col_expr(Column::Living, Expr::value(Option::<String>::None))
        .filter(Column::Id.eq(link.to_string()))
        .exec(conn)
        .await?;
    Ok(())
}

/// Deletes every link, living or not, in which somebody takes part.
pub(crate) async fn forget(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<u64, StoreError> {
    Ok(Entity::delete_many().filter(takes_part(SIDES, athlete)).exec(conn).await?.rows_affected)
}

fn to_link(row: Model) -> Result<Link, StoreError> {
    let names = serde_json::from_str(&row.names)
        .map_err(|_no_json| inconsistent("link", "names", &row.id))?;
    Ok(Link {
        id: id(&row.id, "link", "id")?,
        guardian: id(&row.guardian, "link", "guardian")?,
        child: id(&row.child, "link", "child")?,
        names: Names::stored(names),
        share_heart_rate: row.share_heart_rate,
        state: LinkState::from_word(&row.state)
            .ok_or_else(|| inconsistent("link", "state", &row.id))?,
        created_at: Timestamp::from_micros(row.created_at_us),
        accepted_at: row.accepted_at_us.map(Timestamp::from_micros),
    })
}
