//! How each connection was last said to be.

use contracts::Erasure;
use kernel::AthleteId;
use outbox::StoreError;
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect,
};

use super::entities::connection::{ActiveModel, Column, Entity, Model};
use crate::domain::connection::Connection;

/// Notes how a connection now is. `false`: what is noted is as new or newer.
pub(crate) async fn put(conn: &impl ConnectionTrait, now: &Connection) -> Result<bool, StoreError> {
    let key = (now.athlete.to_string(), now.application.get());
    let row = Model {
        athlete: key.0.clone(),
        application: key.1,
        generation: now.generation.get(),
        revision: now.revision.get(),
        connected: now.connected,
    }
    .into_active_model()
    .reset_all();
    if Entity::find_by_id(key.clone()).one(conn).await?.is_none() {
        Entity::insert(row).exec_without_returning(conn).await?;
        return Ok(true);
    }
    let updated = Entity::update_many()
        .set(ActiveModel { athlete: NotSet, application: NotSet, ..row })
        .filter(Column::Athlete.eq(key.0))
        .filter(Column::Application.eq(key.1))
        .filter(Column::Revision.lt(now.revision.get()))
        .exec(conn)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Whether all connections that were told of have been lost.
pub(crate) async fn all_lost(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<bool, StoreError> {
    let states: Vec<bool> = Entity::find()
        .select_only()
        .column(Column::Connected)
        .filter(Column::Athlete.eq(athlete.to_string()))
        .into_tuple()
        .all(conn)
        .await?;
    Ok(!states.is_empty() && states.iter().all(|connected| !connected))
}

/// Forgets the connections an erasure covers.
pub(crate) async fn forget(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<u64, StoreError> {
    let mut rows = Entity::delete_many().filter(Column::Athlete.eq(athlete.to_string()));
    if let Erasure::Connection { application, through } = erasure {
        rows = rows
            .filter(Column::Application.eq(application.get()))
            .filter(Column::Generation.lte(through.get()));
    }
    Ok(rows.exec(conn).await?.rows_affected)
}
