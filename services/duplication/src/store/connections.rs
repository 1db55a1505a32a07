//! Connections as token last told.

use kernel::{ApplicationId, AthleteId, Generation};
use outbox::StoreError;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

use super::rows::connection::{ActiveModel, Column, Entity, Model};
use crate::domain::connection::{Connection, ConnectionState};
use crate::domain::copy::Target;

/// Keeps the connection unless what is kept is as new; whether it was kept.
pub(crate) async fn keep(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    connection: &Connection,
    revision: i64,
) -> Result<bool, StoreError> {
    let mine = Condition::all()
        .add(Column::Athlete.eq(athlete.to_string()))
        .add(Column::Application.eq(connection.application.get()));
    let scopes = connection.scopes.join(",");
    let raised = Entity::update_many()
        .col_expr(Column::Generation, Expr::value(connection.generation.get()))
        .col_expr(Column::State, Expr::value(connection.state.code()))
        .col_expr(Column::Scopes, Expr::value(scopes.clone()))
        .col_expr(Column::Revision, Expr::value(revision))
        .filter(mine.clone())
        .filter(Column::Revision.lt(revision))
        .exec(conn)
        .await?;
    if raised.rows_affected > 0 {
        return Ok(true);
    }
    if Entity::find().filter(mine).one(conn).await?.is_some() {
        return Ok(false);
    }
    let row = ActiveModel {
        athlete: Set(athlete.to_string()),
        application: Set(connection.application.get()),
        generation: Set(connection.generation.get()),
        state: Set(connection.state.code()),
        scopes: Set(scopes),
        revision: Set(revision),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(true)
}

/// An athlete's connections, the newest first.
pub(crate) async fn of(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<Connection>, StoreError> {
    let rows = Entity::find()
        .filter(Column::Athlete.eq(athlete.to_string()))
        .order_by_desc(Column::Generation)
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(to_connection).collect())
}

/// Whether a connection is withdrawn: its athlete is gone, or its generation fenced.
pub(crate) async fn is_fenced(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    target: Target,
) -> Result<bool, StoreError> {
    let fenced = outbox::sql::one(
        conn,
        "SELECT 1 FROM fence WHERE athlete = ? AND application = ? AND min_generation > ?",
        [
            athlete.to_string().into(),
            target.application.get().into(),
            target.generation.get().into(),
        ],
    );
    if fenced.await?.is_some() {
        return Ok(true);
    }
    let gone = outbox::sql::one(
        conn,
        "SELECT 1 FROM athlete WHERE id = ? AND gone <> 0",
        [athlete.to_string().into()],
    );
    Ok(gone.await?.is_some())
}

/// Forgets what an erase names: up to a generation of an application, or everything.
pub(crate) async fn forget(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    through: Option<(ApplicationId, Generation)>,
) -> Result<u64, StoreError> {
    let mut rows = Entity::delete_many().filter(Column::Athlete.eq(athlete.to_string()));
    if let Some((application, generation)) = through {
        rows = rows
            .filter(Column::Application.eq(application.get()))
            .filter(Column::Generation.lte(generation.get()));
    }
    Ok(rows.exec(conn).await?.rows_affected)
}

fn to_connection(row: Model) -> Connection {
    Connection {
        application: ApplicationId::new(row.application),
        generation: Generation::new(row.generation),
        state: ConnectionState::from_code(row.state),
        scopes: row
            .scopes
            .split(',')
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}
