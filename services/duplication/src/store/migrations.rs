//! The tables, one statement for each migration, the same on SQLite and MySQL.

use kernel::{Source, SourceId};
use outbox::{
    Rebuild, add_column, change_mysql, change_rows, create_index, create_table, rebuild_table,
    rename_column, rename_table,
};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{
    ColumnDef, Index, IndexCreateStatement, Table, TableAlterStatement, TableCreateStatement,
};

/// Returns every migration, in order.
pub(crate) fn all() -> Vec<Box<dyn MigrationTrait>> {
    let copy_once = || build_index("copy", "copy_once", &["link", "activity"]).unique().take();
    vec![
        create_table("duplication_0001_link", link_table()),
        add_index("duplication_0002_link_guardian", "link", "link_guardian", &["guardian"]),
        add_index("duplication_0003_link_child", "link", "link_child", &["child"]),
        create_table("duplication_0004_connection", connection_table()),
        create_table("duplication_0005_seen_activity", seen_activity_table()),
        create_table("duplication_0006_copy", copy_table()),
        create_index("duplication_0007_copy_once", copy_once()),
        add_index("duplication_0008_copy_guardian", "copy", "copy_guardian", &["guardian", "id"]),
        add_index("duplication_0009_copy_child", "copy", "copy_child", &["child", "id"]),
        add_index("duplication_0010_copy_activity", "copy", "copy_activity", &["activity"]),
        add_index("duplication_0011_copy_made", "copy", "copy_made", &["strava_activity"]),
        rename_table("duplication_0012_activity_revision", ["seen_activity", "activity_revision"]),
        rename_column("duplication_0013_active_pair", "link", ["living", "active_pair"]),
        rebuild_table("duplication_0014_copy_source", copy_by_source()),
        change_mysql(
            "duplication_0015_copy_source_ascii",
            "ALTER TABLE copy MODIFY source VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL, \
             MODIFY source_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL",
        ),
        create_index("duplication_0016_copy_once", copy_once()),
        add_index("duplication_0017_copy_guardian", "copy", "copy_guardian", &["guardian", "id"]),
        add_index("duplication_0018_copy_child", "copy", "copy_child", &["child", "id"]),
        add_index("duplication_0019_copy_activity", "copy", "copy_activity", &["activity"]),
        add_index("duplication_0020_copy_source_id", "copy", "copy_source_id", &["source_id"]),
        change_rows(
            "duplication_0021_job_kind",
            "UPDATE job SET kind = 'run_copy' WHERE kind = 'copy'",
        ),
        create_table("duplication_0022_link_invitation", link_invitation_table()),
        add_index(
            "duplication_0023_link_invitation_inviter",
            "link_invitation",
            "link_invitation_inviter",
            &["inviter"],
        ),
        add_column("duplication_0024_link_guardian_name", add_shown_name("guardian_name")),
        add_column("duplication_0025_link_child_name", add_shown_name("child_name")),
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

fn link_invitation_table() -> TableCreateStatement {
    Table::create()
        .table("link_invitation")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("inviter").string_len(36).not_null())
        .col(ColumnDef::new("role").string_len(16).not_null())
        .col(ColumnDef::new("name").string_len(80).not_null())
        .col(ColumnDef::new("names").string_len(4000))
        .col(ColumnDef::new("share_heart_rate").boolean().not_null())
        .col(ColumnDef::new("code_hash").string_len(64).not_null().unique_key())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .col(ColumnDef::new("expires_at_us").big_integer().not_null())
        .take()
}

fn add_shown_name(column: &'static str) -> TableAlterStatement {
    let mut definition = ColumnDef::new(column);
    definition.string_len(80).not_null().default("");
    Table::alter().table("link").add_column(&mut definition).take()
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
    let mut table = copy_columns(["looks", "sends", "must_look"]);
    table.col(ColumnDef::new("strava_activity").big_integer()).take()
}

/// The copy table with the source and id of what was made in the child's account; the rows are kept.
fn copy_by_source() -> Rebuild {
    let mut create = copy_columns(["searches", "uploads", "must_search"]);
    create
        .col(ColumnDef::new("source").string_len(Source::MAX_CHARS).null())
        .col(ColumnDef::new("source_id").string_len(SourceId::MAX_CHARS as u32).null());
    let source = "CASE WHEN strava_activity IS NULL THEN NULL \
         ELSE CONCAT('strava:', COALESCE(target_application, 0)) END";
    let source_id =
        "CASE WHEN strava_activity IS NULL THEN NULL ELSE CONCAT(strava_activity, '') END";
    let mut columns = vec![
        ("source", source),
        ("source_id", source_id),
        ("searches", "looks"),
        ("uploads", "sends"),
        ("must_search", "must_look"),
    ];
    let kept = IDS.iter().chain(TEXTS.iter().map(|(name, _)| name)).chain(&NUMBERS);
    let kept = kept.chain(&FLAGS).chain(&OPTIONAL_NUMBERS).chain(&["id"]);
    columns.extend(kept.map(|column| (*column, *column)));
    Rebuild { table: "copy", create, new_column: "source_id", columns }
}

const IDS: [&str; 4] = ["link", "activity", "guardian", "child"];
const TEXTS: [(&str, u32); 8] = [
    ("state", 16),
    ("reason", 40),
    ("detail", 1000),
    ("name", 400),
    ("sport", 50),
    ("streams_key", 512),
    ("origins", 1000),
    ("traceparent", 80),
];
const NUMBERS: [&str; 6] =
    ["revision", "source_revision", "start_at_us", "distance_dm", "created_at_us", "updated_at_us"];
const FLAGS: [&str; 2] = ["trainer", "commute"];
const OPTIONAL_NUMBERS: [&str; 6] = [
    "target_application",
    "target_generation",
    "upload",
    "sent_at_us",
    "source_changed_at_us",
    "source_removed_at_us",
];

/// The columns of both versions; those that were renamed are the searches, the uploads, and whether to search first.
fn copy_columns([searches, uploads, must_search]: [&'static str; 3]) -> TableCreateStatement {
    let mut table = Table::create();
    table.table("copy");
    table.col(ColumnDef::new("id").string_len(36).not_null().primary_key());
    for name in IDS {
        table.col(ColumnDef::new(name).string_len(36).not_null());
    }
    for (name, length) in TEXTS {
        table.col(ColumnDef::new(name).string_len(length).not_null());
    }
    for name in NUMBERS.into_iter().chain([searches, uploads]) {
        table.col(ColumnDef::new(name).big_integer().not_null());
    }
    for name in FLAGS.into_iter().chain([must_search]) {
        table.col(ColumnDef::new(name).boolean().not_null());
    }
    for name in OPTIONAL_NUMBERS {
        table.col(ColumnDef::new(name).big_integer());
    }
    table
}
