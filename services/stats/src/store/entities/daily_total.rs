//! What one sport came to on one local day of an athlete.
#![expect(
    unreachable_pub,
    reason = "sea-orm's derive wants the model as public as the entity it makes"
)]

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "daily_total")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub athlete: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub local_date: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sport: String,
    pub activities: i64,
    pub distance_dm: i64,
    pub moving_time_s: i64,
    pub elapsed_time_s: i64,
    pub elevation_gain_dm: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
