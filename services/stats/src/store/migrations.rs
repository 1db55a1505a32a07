//! The tables of this service, one statement per migration.

use outbox::{create_index, create_table};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{ColumnDef, Index, Table, TableCreateStatement};

/// All of them, oldest first.
pub(crate) fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("stats_0001_fact", fact()),
        create_index(
            "stats_0002_fact_by_day",
            Index::create()
                .name("fact_by_day")
                .table("fact")
                .col("athlete")
                .col("local_date")
                .col("sport")
                .take(),
        ),
        create_index(
            "stats_0003_fact_by_start",
            Index::create()
                .name("fact_by_start")
                .table("fact")
                .col("athlete")
                .col("start_at_us")
                .take(),
        ),
        create_table("stats_0004_daily_total", daily_total()),
        create_table("stats_0005_connection", connection()),
        create_table("stats_0006_incarnation", incarnation()),
    ]
}

/// One row per activity.
fn fact() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("fact")
        .col(text("activity", 36).primary_key())
        .col(text("athlete", 36))
        .col(whole("revision"));
    table
        .col(ColumnDef::new("removed").boolean().not_null())
        .col(ColumnDef::new("erased_at_us").big_integer());
    table.col(text("origins", 500)).col(whole("application")).col(whole("strava_activity"));
    table.col(text("name", 255)).col(text("sport", 50)).col(text("legacy_type", 50));
    table.col(whole("start_at_us")).col(text("start_local", 19)).col(text("local_date", 10));
    table.col(whole("utc_offset_s")).col(text("timezone", 64));
    table.col(whole("distance_dm")).col(whole("moving_time_s")).col(whole("elapsed_time_s"));
    table
        .col(whole("elevation_gain_dm"))
        .col(whole("average_speed_mm_s"))
        .col(whole("max_speed_mm_s"));
    table.col(ColumnDef::new("average_heartrate_dbpm").big_integer());
    table.col(ColumnDef::new("max_heartrate_dbpm").big_integer());
    table.col(whole("kudos_count")).col(text("visibility", 20));
    table
}

/// One row per athlete, local day and sport.
fn daily_total() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("daily_total")
        .col(text("athlete", 36))
        .col(text("local_date", 10))
        .col(text("sport", 50));
    for column in
        ["activities", "distance_dm", "moving_time_s", "elapsed_time_s", "elevation_gain_dm"]
    {
        table.col(whole(column));
    }
    table.primary_key(Index::create().col("athlete").col("local_date").col("sport"));
    table
}

/// How each connection was last said to be.
fn connection() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("connection").col(text("athlete", 36)).col(whole("application"));
    table
        .col(whole("generation"))
        .col(whole("revision"))
        .col(ColumnDef::new("connected").boolean().not_null());
    table.primary_key(Index::create().col("athlete").col("application"));
    table
}

/// The one row a wiped database lacks.
fn incarnation() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("incarnation").col(ColumnDef::new("id").integer().not_null().primary_key());
    table.col(text("incarnation", 36)).col(whole("since_us"));
    table
}

/// A whole number that is always there.
fn whole(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// A text of at most this many characters that is always there.
fn text(name: &'static str, longest: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(longest).not_null().take()
}
