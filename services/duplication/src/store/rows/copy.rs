//! The ledger.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "copy")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) link: String,
    pub(crate) activity: String,
    pub(crate) guardian: String,
    pub(crate) child: String,
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) detail: String,
    pub(crate) revision: i64,
    pub(crate) source_revision: i64,
    pub(crate) name: String,
    pub(crate) sport: String,
    pub(crate) start_at_us: i64,
    pub(crate) distance_dm: i64,
    pub(crate) trainer: bool,
    pub(crate) commute: bool,
    pub(crate) streams_key: String,
    /// `application:generation`, separated by commas.
    pub(crate) origins: String,
    pub(crate) target_application: Option<i64>,
    pub(crate) target_generation: Option<i64>,
    pub(crate) upload: Option<i64>,
    pub(crate) strava_activity: Option<i64>,
    pub(crate) must_look: bool,
    pub(crate) looks: i64,
    pub(crate) sends: i64,
    pub(crate) sent_at_us: Option<i64>,
    pub(crate) source_changed_at_us: Option<i64>,
    pub(crate) source_removed_at_us: Option<i64>,
    pub(crate) traceparent: String,
    pub(crate) created_at_us: i64,
    pub(crate) updated_at_us: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
