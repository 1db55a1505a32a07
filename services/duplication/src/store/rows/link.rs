//! One row for each link there ever was.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "link")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) guardian: String,
    pub(crate) child: String,
    /// `guardian:child` while the link lives: one living link for each pair.
    #[sea_orm(unique)]
    pub(crate) living: Option<String>,
    /// JSON.
    pub(crate) names: String,
    pub(crate) share_heart_rate: bool,
    pub(crate) state: String,
    pub(crate) created_at_us: i64,
    pub(crate) accepted_at_us: Option<i64>,
    pub(crate) ended_at_us: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
