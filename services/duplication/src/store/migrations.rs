//! The tables, one statement for each migration, the same on SQLite and MySQL.

use outbox::{create_index, create_table};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{
    ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement,
};

/// Returns every migration, in order.
pub(crate) fn all() -> Vec<Box<dyn MigrationTrait>> {
    let copy_once = build_index("copy", "copy_once", &["link", "activity"]).unique().take();
    vec![
        create_table("duplication_0001_link", link_table()),
        add_index("duplication_0002_link_guardian", "link", "link_guardian", &["guardian"]),
        add_index("duplication_0003_link_child", "link", "link_child", &["child"]),
        create_table("duplication_0004_connection", connection_table()),
        create_table("duplication_0005_seen_activity", seen_activity_table()),
        create_table("duplication_0006_copy", copy_table()),
        create_index("duplication_0007_copy_once", copy_once),
        add_index("duplication_0008_copy_guardian", "copy", "copy_guardian", &["guardian", "id"]),
        add_index("duplication_0009_copy_child", "copy", "copy_child", &["child", "id"]),
        add_index("duplication_0010_copy_activity", "copy", "copy_activity", &["activity"]),
        add_index("duplication_0011_copy_made", "copy", "copy_made", &["strava_activity"]),
    ]
}

fn add_index(
    migration: &'static str,
    table: &'static str,
    name: &'static str,
    columns: &[&'static str],
) -> Box<dyn MigrationTrait> {
    create_index(migration, build_index(table, name, columns))
}

fn build_index(
    table: &'static str,
    name: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

fn link_table() -> TableCreateStatement {
    Table::create()
        .table("link")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("guardian").string_len(36).not_null())
        .col(ColumnDef::new("child").string_len(36).not_null())
        .col(ColumnDef::new("living").string_len(80).unique_key())
        .col(ColumnDef::new("names").string_len(4000).not_null())
        .col(ColumnDef::new("share_heart_rate").boolean().not_null())
        .col(ColumnDef::new("state").string_len(16).not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .col(ColumnDef::new("accepted_at_us").big_integer())
        .col(ColumnDef::new("ended_at_us").big_integer())
        .take()
}

fn connection_table() -> TableCreateStatement {
    Table::create()
        .table("connection")
        .col(ColumnDef::new("athlete").string_len(36).not_null())
        .col(ColumnDef::new("application").big_integer().not_null())
        .col(ColumnDef::new("generation").big_integer().not_null())
        .col(ColumnDef::new("state").integer().not_null())
        .col(ColumnDef::new("scopes").string_len(1000).not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .primary_key(Index::create().col("athlete").col("application"))
        .take()
}

fn seen_activity_table() -> TableCreateStatement {
    Table::create()
        .table("seen_activity")
        .col(ColumnDef::new("activity").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("athlete").string_len(36).not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .take()
}

fn copy_table() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("copy");
    table.col(ColumnDef::new("id").string_len(36).not_null().primary_key());
    for name in ["link", "activity", "guardian", "child"] {
        table.col(ColumnDef::new(name).string_len(36).not_null());
    }
    let words = [("state", 16), ("reason", 40), ("detail", 1000), ("name", 400), ("sport", 50)];
    let more = [("streams_key", 512), ("origins", 1000), ("traceparent", 80)];
    for (name, length) in words.into_iter().chain(more) {
        table.col(ColumnDef::new(name).string_len(length).not_null());
    }
    let counts = ["revision", "source_revision", "start_at_us", "distance_dm", "looks", "sends"];
    for name in counts.into_iter().chain(["created_at_us", "updated_at_us"]) {
        table.col(ColumnDef::new(name).big_integer().not_null());
    }
    for name in ["trainer", "commute", "must_look"] {
        table.col(ColumnDef::new(name).boolean().not_null());
    }
    let targets = ["target_application", "target_generation", "upload", "strava_activity"];
    for name in
        targets.into_iter().chain(["sent_at_us", "source_changed_at_us", "source_removed_at_us"])
    {
        table.col(ColumnDef::new(name).big_integer());
    }
    table
}
