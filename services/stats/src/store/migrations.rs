//! The tables of this service, one statement per migration.

use outbox::{create_index, create_table};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{ColumnDef, Index, Table, TableCreateStatement};

/// Returns the migrations, oldest first.
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
        create_table("stats_0006_incarnation", database_id()),
    ]
}

/// One row per activity.
fn fact() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("fact")
        .col(text("activity", 36).primary_key())
        .col(text("athlete", 36))
        .col(integer("revision"));
    table
        .col(ColumnDef::new("removed").boolean().not_null())
        .col(ColumnDef::new("erased_at_us").big_integer());
    table.col(text("origins", 500)).col(integer("application")).col(integer("strava_activity"));
    table.col(text("name", 255)).col(text("sport", 50)).col(text("legacy_type", 50));
    table.col(integer("start_at_us")).col(text("start_local", 19)).col(text("local_date", 10));
    table.col(integer("utc_offset_s")).col(text("timezone", 64));
    table.col(integer("distance_dm")).col(integer("moving_time_s")).col(integer("elapsed_time_s"));
    table
        .col(integer("elevation_gain_dm"))
        .col(integer("average_speed_mm_s"))
        .col(integer("max_speed_mm_s"));
    table.col(ColumnDef::new("average_heartrate_dbpm").big_integer());
    table.col(ColumnDef::new("max_heartrate_dbpm").big_integer());
    table.col(integer("kudos_count")).col(text("visibility", 20));
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
        table.col(integer(column));
    }
    table.primary_key(Index::create().col("athlete").col("local_date").col("sport"));
    table
}

/// One row per connection, with its latest known state.
fn connection() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("connection").col(text("athlete", 36)).col(integer("application"));
    table
        .col(integer("generation"))
        .col(integer("revision"))
        .col(ColumnDef::new("connected").boolean().not_null());
    table.primary_key(Index::create().col("athlete").col("application"));
    table
}

/// One row with the id of the database, which a wiped database lacks.
fn database_id() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("incarnation").col(ColumnDef::new("id").integer().not_null().primary_key());
    table.col(text("incarnation", 36)).col(integer("since_us"));
    table
}

/// A whole number, not null.
fn integer(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// A text of at most this many characters, not null.
fn text(name: &'static str, max_chars: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(max_chars).not_null().take()
}
