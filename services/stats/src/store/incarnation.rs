//! Which life of the database this is.

use kernel::Timestamp;
use outbox::StoreError;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::entities::incarnation::{Entity, Model};

const ONLY: i32 = 1;

/// The incarnation's name; none when the rows are gone.
pub(crate) async fn read(conn: &impl ConnectionTrait) -> Result<Option<String>, StoreError> {
    Ok(Entity::find_by_id(ONLY).one(conn).await?.map(|row| row.incarnation))
}

/// Begins a new life, unless another instance has just done so.
pub(crate) async fn begin(
    conn: &impl ConnectionTrait,
    name: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = Model { id: ONLY, incarnation: name.to_string(), since_us: now.as_micros() };
    match Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(conn)
        .await
        .map_err(StoreError::from)
    {
        Ok(_) | Err(StoreError::UniqueViolation) => Ok(()),
        Err(other) => Err(other),
    }
}
