//! The shared tables: one DDL statement per migration, alike on SQLite and MySQL.

use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{ColumnDef, Index, Table, TableCreateStatement};

use crate::schema_change::{create_index, create_table, rename_column, rename_table};

/// The shared migrations, in order; `Database::open` runs them before the service's own.
pub fn shared() -> Vec<Box<dyn MigrationTrait>> {
    let mut migrations = first_release();
    migrations.extend(later());
    migrations
}

fn first_release() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("kit_0001_athlete", athlete()),
        create_table("kit_0002_fence", fence()),
        create_table("kit_0003_outbox", outbox()),
        create_index(
            "kit_0004_outbox_unpublished",
            Index::create()
                .name("outbox_unpublished")
                .table("outbox")
                .col("published_at_us")
                .col("id")
                .take(),
        ),
        create_index(
            "kit_0005_outbox_athlete",
            Index::create().name("outbox_athlete").table("outbox").col("athlete").take(),
        ),
        create_table("kit_0006_relay_lease", relay_lease()),
        create_table("kit_0007_parked_event", parked_event()),
        create_index(
            "kit_0008_parked_once",
            Index::create()
                .name("parked_once")
                .table("parked_event")
                .col("topic")
                .col("at_partition")
                .col("at_offset")
                .col("grp")
                .unique()
                .take(),
        ),
        create_table("kit_0009_caught_up", caught_up()),
        create_table("kit_0010_replay_done", replay_done()),
    ]
}

/// Columns and tables under the names of the glossary, and what came later.
fn later() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        rename_column("outbox_0011_athlete_deleted", "athlete", ["gone", "deleted"]),
        rename_column(
            "outbox_0012_outbox_to_all_partitions",
            "outbox",
            ["everywhere", "to_all_partitions"],
        ),
        rename_table("outbox_0013_singleton_lease", ["relay_lease", "singleton_lease"]),
        rename_column(
            "outbox_0014_parked_event_consumer_group",
            "parked_event",
            ["grp", "consumer_group"],
        ),
        rename_column(
            "outbox_0015_parked_event_record_partition",
            "parked_event",
            ["at_partition", "record_partition"],
        ),
        rename_column(
            "outbox_0016_parked_event_record_offset",
            "parked_event",
            ["at_offset", "record_offset"],
        ),
        rename_table("outbox_0017_replay_state", ["caught_up", "replay_state"]),
        rename_column(
            "outbox_0018_replay_state_requested_at",
            "replay_state",
            ["asked_at_us", "requested_at_us"],
        ),
        rename_column(
            "outbox_0019_replay_done_record_partition",
            "replay_done",
            ["at_partition", "record_partition"],
        ),
        create_table("outbox_0020_health_check", health_check()),
        create_table("outbox_0021_revoked_sessions", revoked_sessions()),
        create_table("outbox_0022_epoch", epoch()),
    ]
}

/// Numbers that the log has too: which is behind shows which was restored.
fn epoch() -> TableCreateStatement {
    Table::create()
        .table("epoch")
        .col(ColumnDef::new("name").string_len(64).not_null().primary_key())
        .col(ColumnDef::new("epoch").big_integer().not_null())
        .take()
}

fn athlete() -> TableCreateStatement {
    Table::create()
        .table("athlete")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("counter").big_integer().not_null())
        .col(ColumnDef::new("version").big_integer().not_null())
        .col(ColumnDef::new("gone").integer().not_null())
        .take()
}

fn fence() -> TableCreateStatement {
    Table::create()
        .table("fence")
        .col(ColumnDef::new("athlete").string_len(36).not_null())
        .col(ColumnDef::new("application").big_integer().not_null())
        .col(ColumnDef::new("min_generation").big_integer().not_null())
        .primary_key(Index::create().col("athlete").col("application"))
        .take()
}

fn outbox() -> TableCreateStatement {
    Table::create()
        .table("outbox")
        .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
        .col(ColumnDef::new("event_id").string_len(36).not_null())
        .col(ColumnDef::new("topic").string_len(64).not_null())
        .col(ColumnDef::new("record_key").string_len(191).not_null())
        .col(ColumnDef::new("everywhere").integer().not_null())
        .col(ColumnDef::new("athlete").string_len(36).null())
        .col(ColumnDef::new("value").blob().not_null())
        .col(ColumnDef::new("written_at_us").big_integer().not_null())
        // 0: not yet. An id above the last published one proves nothing: ids are not commit order.
        .col(ColumnDef::new("published_at_us").big_integer().not_null())
        .take()
}

fn relay_lease() -> TableCreateStatement {
    Table::create()
        .table("relay_lease")
        .col(ColumnDef::new("name").string_len(32).not_null().primary_key())
        .col(ColumnDef::new("epoch").big_integer().not_null())
        .col(ColumnDef::new("until_us").big_integer().not_null())
        .col(ColumnDef::new("owner").string_len(64).not_null())
        .take()
}

fn parked_event() -> TableCreateStatement {
    Table::create()
        .table("parked_event")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("topic").string_len(64).not_null())
        .col(ColumnDef::new("at_partition").integer().not_null())
        .col(ColumnDef::new("at_offset").big_integer().not_null())
        .col(ColumnDef::new("grp").string_len(64).not_null())
        .col(ColumnDef::new("record_key").string_len(191).not_null())
        // A stranger's record may be as large as the broker lets it be.
        .col(ColumnDef::new("value").custom("MEDIUMBLOB").not_null())
        .col(ColumnDef::new("reason").string_len(1000).not_null())
        .col(ColumnDef::new("athlete").string_len(36).null())
        .col(ColumnDef::new("parked_at_us").big_integer().not_null())
        .take()
}

fn caught_up() -> TableCreateStatement {
    Table::create()
        .table("caught_up")
        .col(ColumnDef::new("topic").string_len(64).not_null().primary_key())
        .col(ColumnDef::new("at_us").big_integer().not_null())
        .col(ColumnDef::new("replay_id").string_len(36).not_null())
        .col(ColumnDef::new("asked_at_us").big_integer().not_null())
        .take()
}

/// One row, written by the check that the database can be written.
fn revoked_sessions() -> TableCreateStatement {
    Table::create()
        .table("revoked_sessions")
        .col(ColumnDef::new("athlete").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("not_before_us").big_integer().not_null())
        .take()
}

fn health_check() -> TableCreateStatement {
    Table::create()
        .table("health_check")
        .col(ColumnDef::new("id").integer().not_null().primary_key())
        .col(ColumnDef::new("written_at_us").big_integer().not_null())
        .take()
}

fn replay_done() -> TableCreateStatement {
    Table::create()
        .table("replay_done")
        .col(ColumnDef::new("replay_id").string_len(36).not_null())
        .col(ColumnDef::new("at_partition").integer().not_null())
        .primary_key(Index::create().col("replay_id").col("at_partition"))
        .take()
}
