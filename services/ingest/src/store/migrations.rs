//! Migrations: one DDL statement each, the same on SQLite and MySQL.

mod by_source;

use outbox::{add_column, change_rows, create_index, create_table};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{ColumnDef, Index, Table, TableCreateStatement};

/// Returns the migrations of ingest, in order.
pub(crate) fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("ingest_0001_connection", connection()),
        create_index(
            "ingest_0002_connection_strava",
            Index::create()
                .name("connection_strava")
                .table("connection")
                .col("application")
                .col("strava_athlete")
                .take(),
        ),
        create_table("ingest_0003_strava_identity", strava_identity()),
        create_table("ingest_0004_observation", observation()),
        create_table("ingest_0005_activity", activity()),
        create_index(
            "ingest_0006_activity_start",
            Index::create()
                .name("activity_start")
                .table("activity")
                .col("athlete")
                .col("start_at_us")
                .col("id")
                .take(),
        ),
        create_table("ingest_0007_import", import()),
        create_table("ingest_0008_journal", journal()),
        create_index(
            "ingest_0009_journal_athlete",
            Index::create()
                .name("journal_athlete")
                .table("journal")
                .col("athlete")
                .col("at_us")
                .col("id")
                .take(),
        ),
        create_index(
            "ingest_0010_journal_at",
            Index::create().name("journal_at").table("journal").col("at_us").take(),
        ),
        create_table("ingest_0011_subscription", subscription()),
    ]
    .into_iter()
    .chain(by_source::migrations())
    .chain([create_table("ingest_0037_export", export())])
    .chain(facts_since())
    .collect()
}

/// The age of what can expire, found by an index.
fn facts_since() -> Vec<Box<dyn MigrationTrait>> {
    let fill = "UPDATE observation SET facts_since_us = CASE \
         WHEN detail_answered_us IS NULL THEN summary_answered_us \
         WHEN summary_answered_us < detail_answered_us THEN summary_answered_us \
         ELSE detail_answered_us END WHERE source <> 'file'";
    let index = |name: &'static str, column: &'static str| {
        Index::create().name(name).table("observation").col(column).take()
    };
    let column = maybe_number("facts_since_us");
    vec![
        add_column(
            "ingest_0038_facts_since",
            Table::alter().table("observation").add_column(column).take(),
        ),
        change_rows("ingest_0039_fill_facts_since", fill),
        create_index("ingest_0040_observation_facts", index("observation_facts", "facts_since_us")),
        create_index(
            "ingest_0041_observation_streams",
            index("observation_streams", "streams_answered_us"),
        ),
    ]
}

/// One row per athlete: the newest export.
fn export() -> TableCreateStatement {
    Table::create()
        .table("export")
        .col(text("athlete", 36).primary_key())
        .col(text("id", 36))
        .col(text("state", 16))
        .col(text("reason", 64))
        .col(number("requested_at_us"))
        .col(maybe_number("ready_at_us"))
        .col(ColumnDef::new("origins").text().not_null())
        .col(ColumnDef::new("parts").text().not_null())
        .col(number("bytes"))
        .col(text("sha256", 64))
        .take()
}

fn text(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(length).not_null().take()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn maybe_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().take()
}

fn connection() -> TableCreateStatement {
    Table::create()
        .table("connection")
        .col(text("athlete", 36))
        .col(number("application"))
        .col(number("strava_athlete"))
        .col(number("generation"))
        .col(number("state"))
        .col(text("scopes", 500))
        .col(number("connected_at_us"))
        .col(text("reason", 64))
        // the revision of token's message: an older one is ignored
        .col(number("revision"))
        // the last successful poll, the last poll, and the reason if that failed
        .col(number("head_at_us"))
        .col(number("head_tried_us"))
        .col(text("head_problem", 64))
        // the last reconciliation, and the bound of the next (Unix seconds)
        .col(number("turned_at_us"))
        .col(maybe_number("turn_before_s"))
        .primary_key(Index::create().col("athlete").col("application"))
        .take()
}

fn strava_identity() -> TableCreateStatement {
    Table::create()
        .table("strava_identity")
        .col(text("athlete", 36))
        .col(number("application"))
        .col(number("strava_activity"))
        .col(text("activity", 36))
        .primary_key(Index::create().col("athlete").col("application").col("strava_activity"))
        .take()
}

fn observation() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("observation")
        .col(text("athlete", 36))
        .col(number("application"))
        .col(number("strava_activity"));
    for part in ["summary", "detail", "streams", "missing"] {
        table.col(ColumnDef::new(format!("{part}_ticket")).big_integer().null());
        table.col(ColumnDef::new(format!("{part}_generation")).big_integer().null());
        table.col(ColumnDef::new(format!("{part}_answered_us")).big_integer().null());
    }
    table
        .col(ColumnDef::new("summary").text().null())
        .col(ColumnDef::new("detail").text().null())
        .col(ColumnDef::new("streams_key").string_len(255).null())
        .col(maybe_number("streams_bytes"))
        .col(maybe_number("streams_points"))
        .col(ColumnDef::new("streams_kinds").string_len(200).null())
        .col(number("hints"))
        .col(number("answered"))
        .col(number("live"))
        .col(number("delete_hinted"))
        .col(number("looks"))
        .col(number("stream_looks"))
        .col(number("unlisted"))
        .primary_key(Index::create().col("athlete").col("application").col("strava_activity"))
        .take()
}

fn activity() -> TableCreateStatement {
    Table::create()
        .table("activity")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(text("athlete", 36))
        .col(number("application"))
        .col(number("strava_activity"))
        .col(number("revision"))
        .col(number("cause"))
        .col(number("changed_at_us"))
        // of the newest facts; 0 for tombstones
        .col(number("start_at_us"))
        .col(ColumnDef::new("facts").text().null())
        .col(number("has_details"))
        .col(ColumnDef::new("streams_key").string_len(255).null())
        .col(number("streams_bytes"))
        .col(number("streams_points"))
        .col(text("streams_kinds", 200))
        .col(text("origins", 500))
        .take()
}

fn import() -> TableCreateStatement {
    Table::create()
        .table("import")
        .col(text("athlete", 36))
        .col(number("application"))
        .col(number("generation"))
        .col(text("state", 16))
        .col(text("reason", 64))
        .col(number("done"))
        .col(number("calls"))
        // bound of the next page (Unix seconds); null before the first page
        .col(maybe_number("before_s"))
        .col(number("started_at_us"))
        .col(number("changed_at_us"))
        .col(number("next_try_us"))
        .primary_key(Index::create().col("athlete").col("application"))
        .take()
}

fn journal() -> TableCreateStatement {
    Table::create()
        .table("journal")
        // the event's id: a redelivered entry is stored once
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(text("athlete", 36))
        .col(ColumnDef::new("activity").string_len(36).null())
        .col(number("application"))
        .col(number("strava_activity"))
        .col(text("service", 32))
        .col(text("step", 32))
        .col(text("state", 16))
        .col(text("reason", 64))
        .col(number("attempts"))
        .col(number("next_try_us"))
        .col(number("at_us"))
        .take()
}

fn subscription() -> TableCreateStatement {
    Table::create()
        .table("subscription")
        .col(number("application"))
        .col(number("id"))
        .col(number("stored_at_us"))
        .primary_key(Index::create().col("application").col("id"))
        .take()
}
