//! Athletes' connections as token last told.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) athlete: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) application: i64,
    pub(crate) generation: i64,
    pub(crate) state: i32,
    /// Separated by commas.
    pub(crate) scopes: String,
    /// token's, of this athlete.
    pub(crate) revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
