//! The tables of this service, one statement per migration.

use kernel::{Source, SourceId};
use outbox::{
    Rebuild, change_mysql, create_index, create_table, rebuild_table, rename_column, rename_table,
};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{
    ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement,
};

/// Returns the migrations, oldest first.
pub(crate) fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("stats_0001_fact", fact()),
        create_index("stats_0002_fact_by_day", fact_by_day()),
        create_index("stats_0003_fact_by_start", fact_by_start()),
        create_table("stats_0004_daily_total", daily_total()),
        create_table("stats_0005_connection", connection()),
        create_table("stats_0006_incarnation", database_id()),
        rename_table("stats_0007_database_identity", ["incarnation", "database_identity"]),
        rename_column(
            "stats_0008_database_id",
            "database_identity",
            ["incarnation", "database_id"],
        ),
        rename_column("stats_0009_created_at", "database_identity", ["since_us", "created_at_us"]),
        rebuild_table("stats_0010_fact_source", fact_by_source()),
        change_mysql(
            "stats_0011_fact_source_ascii",
            "ALTER TABLE fact MODIFY source VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL, \
             MODIFY source_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL",
        ),
        create_index("stats_0012_fact_by_day", fact_by_day()),
        create_index("stats_0013_fact_by_start", fact_by_start()),
        create_index("stats_0014_fact_by_athlete", fact_by_athlete()),
    ]
}

/// Erasures go through an athlete's facts in this order.
fn fact_by_athlete() -> IndexCreateStatement {
    Index::create().name("fact_by_athlete").table("fact").col("athlete").col("activity").take()
}

fn fact_by_day() -> IndexCreateStatement {
    Index::create()
        .name("fact_by_day")
        .table("fact")
        .col("athlete")
        .col("local_date")
        .col("sport")
        .take()
}

fn fact_by_start() -> IndexCreateStatement {
    Index::create().name("fact_by_start").table("fact").col("athlete").col("start_at_us").take()
}

/// One row per activity.
fn fact() -> TableCreateStatement {
    let mut table = fact_head();
    table.col(text("origins", 500)).col(integer("application")).col(integer("strava_activity"));
    fact_columns(table)
}

/// One row per activity, with its leading source; the rows are kept.
fn fact_by_source() -> Rebuild {
    let mut create = fact_head();
    create
        .col(text("origins", 500))
        .col(ColumnDef::new("source").string_len(Source::MAX_CHARS).null())
        .col(ColumnDef::new("source_id").string_len(SourceId::MAX_CHARS as u32).null());
    let mut columns = vec![
        (
            "source",
            "CASE WHEN strava_activity = 0 THEN NULL ELSE CONCAT('strava:', application) END",
        ),
        (
            "source_id",
            "CASE WHEN strava_activity = 0 THEN NULL ELSE CONCAT(strava_activity, '') END",
        ),
    ];
    columns.extend(KEPT_FACT_COLUMNS.iter().map(|column| (*column, *column)));
    Rebuild { table: "fact", create: fact_columns(create), new_column: "source_id", columns }
}

const KEPT_FACT_COLUMNS: [&str; 24] = [
    "activity",
    "athlete",
    "revision",
    "removed",
    "erased_at_us",
    "origins",
    "name",
    "sport",
    "legacy_type",
    "start_at_us",
    "start_local",
    "local_date",
    "utc_offset_s",
    "timezone",
    "distance_dm",
    "moving_time_s",
    "elapsed_time_s",
    "elevation_gain_dm",
    "average_speed_mm_s",
    "max_speed_mm_s",
    "average_heartrate_dbpm",
    "max_heartrate_dbpm",
    "kudos_count",
    "visibility",
];

fn fact_head() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("fact")
        .col(text("activity", 36).primary_key())
        .col(text("athlete", 36))
        .col(integer("revision"))
        .col(ColumnDef::new("removed").boolean().not_null())
        .col(ColumnDef::new("erased_at_us").big_integer());
    table
}

fn fact_columns(mut table: TableCreateStatement) -> TableCreateStatement {
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
