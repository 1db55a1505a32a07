//! The revision guard: an older or equal revision of an activity changes nothing.

use kernel::{ActivityId, AthleteId};
use outbox::StoreError;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::rows::seen::{ActiveModel, Column, Entity};

/// Whether this revision is the newest so far; if so it is kept.
///
/// The athlete's row is locked, so a missing row stays missing until the insert.
pub(crate) async fn is_newer(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    activity: ActivityId,
    revision: i64,
) -> Result<bool, StoreError> {
    let raised = Entity::update_many()
        .col_expr(Column::Revision, Expr::value(revision))
        .filter(Column::Activity.eq(activity.to_string()))
        .filter(Column::Revision.lt(revision))
        .exec(conn)
        .await?;
    if raised.rows_affected > 0 {
        return Ok(true);
    }
    if Entity::find_by_id(activity.to_string()).one(conn).await?.is_some() {
        return Ok(false);
    }
    let row = ActiveModel {
        activity: Set(activity.to_string()),
        athlete: Set(athlete.to_string()),
        revision: Set(revision),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(true)
}
