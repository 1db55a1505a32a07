//! How an athlete's connection was last said to be.
#![expect(
    unreachable_pub,
    reason = "sea-orm's derive wants the model as public as the entity it makes"
)]

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub athlete: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub application: i64,
    pub generation: i64,
    pub revision: i64,
    pub connected: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
