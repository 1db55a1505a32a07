//! One activity: what was last said of it, or that it is removed.
#![expect(
    unreachable_pub,
    reason = "sea-orm's derive wants the model as public as the entity it makes"
)]

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fact")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub activity: String,
    pub athlete: String,
    pub revision: i64,
    /// Removed rows keep their revision only: all that was known is blank.
    pub removed: bool,
    /// When an erase blanked it; such a row goes once the log has forgotten too.
    pub erased_at_us: Option<i64>,
    /// Every connection it draws on, as `application:generation` with commas between.
    pub origins: String,
    pub application: i64,
    pub strava_activity: i64,
    pub name: String,
    pub sport: String,
    pub legacy_type: String,
    pub start_at_us: i64,
    pub start_local: String,
    pub local_date: String,
    pub utc_offset_s: i64,
    pub timezone: String,
    pub distance_dm: i64,
    pub moving_time_s: i64,
    pub elapsed_time_s: i64,
    pub elevation_gain_dm: i64,
    pub average_speed_mm_s: i64,
    pub max_speed_mm_s: i64,
    pub average_heartrate_dbpm: Option<i64>,
    pub max_heartrate_dbpm: Option<i64>,
    pub kudos_count: i64,
    pub visibility: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
