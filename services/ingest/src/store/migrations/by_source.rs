//! Keys observations, activities, the journal and jobs by (source, id within the source), and gives columns and job
//! kinds the words of the code.

use kernel::{Source, SourceId};
use outbox::{
    Rebuild, change_mysql, change_rows, create_index, rebuild_table, rename_column, rename_table,
};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{ColumnDef, Index, Table, TableCreateStatement};

use super::{maybe_number, number, text};

/// The source of a row that was keyed by a Strava application.
const SOURCE: &str = "CONCAT('strava:', application)";
/// The id within the source of a row that was keyed by Strava's id.
const SOURCE_ID: &str = "CONCAT(strava_activity, '')";

/// Returns the migrations, in order.
pub(super) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = renames();
    all.extend([
        rename_table("ingest_0020_source_identity", ["strava_identity", "source_identity"]),
        rebuild_table("ingest_0021_source_identity_key", source_identity()),
        ascii_key("ingest_0022_source_identity_ascii", "source_identity", "NOT NULL"),
        create_index(
            "ingest_0023_source_identity_activity",
            Index::create()
                .name("source_identity_activity")
                .table("source_identity")
                .col("activity")
                .take(),
        ),
        rebuild_table("ingest_0024_observation_key", observation()),
        ascii_key("ingest_0025_observation_ascii", "observation", "NOT NULL"),
        rebuild_table("ingest_0026_activity_source", activity()),
        ascii_key("ingest_0027_activity_ascii", "activity", "NOT NULL"),
        create_index(
            "ingest_0028_activity_start",
            Index::create()
                .name("activity_start")
                .table("activity")
                .col("athlete")
                .col("start_at_us")
                .col("id")
                .take(),
        ),
        rebuild_table("ingest_0029_journal_source", journal()),
        ascii_key("ingest_0030_journal_ascii", "journal", "NULL"),
        create_index(
            "ingest_0031_journal_athlete",
            Index::create()
                .name("journal_athlete")
                .table("journal")
                .col("athlete")
                .col("at_us")
                .col("id")
                .take(),
        ),
        create_index(
            "ingest_0032_journal_at",
            Index::create().name("journal_at").table("journal").col("at_us").take(),
        ),
    ]);
    all.extend(jobs());
    all
}

/// Gives columns and a table the words of the code.
fn renames() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        rename_column("ingest_0012_polled_at", "connection", ["head_at_us", "polled_at_us"]),
        rename_column(
            "ingest_0013_poll_tried_at",
            "connection",
            ["head_tried_us", "poll_tried_at_us"],
        ),
        rename_column("ingest_0014_poll_problem", "connection", ["head_problem", "poll_problem"]),
        rename_column(
            "ingest_0015_reconciled_at",
            "connection",
            ["turned_at_us", "reconciled_at_us"],
        ),
        rename_column(
            "ingest_0016_reconcile_cursor",
            "connection",
            ["turn_before_s", "reconcile_cursor_s"],
        ),
        rename_table("ingest_0017_backfill", ["import", "backfill"]),
        rename_column("ingest_0018_activities_read", "backfill", ["done", "activities_read"]),
        rename_column("ingest_0019_backfill_cursor", "backfill", ["before_s", "cursor_s"]),
    ]
}

/// Renames the kinds of jobs and keys those that fetch an activity by athlete, source and id.
fn jobs() -> Vec<Box<dyn MigrationTrait>> {
    let rename_kinds = "UPDATE job SET kind = CASE kind WHEN 'activity' THEN 'fetch_activity' \
         WHEN 'head' THEN 'poll_recent' WHEN 'turn' THEN 'reconcile_page' ELSE 'answer_replay' END \
         WHERE kind IN ('activity', 'head', 'turn', 'replay')";
    // The subject was `application:id` of an activity or of a Strava athlete.
    let fill_source = "UPDATE job \
         SET source = CONCAT('strava:', SUBSTR(subject, 1, INSTR(subject, ':') - 1)) \
         WHERE source IS NULL AND kind <> 'answer_replay' AND subject NOT LIKE '%/%'";
    let rewrite_payload = "UPDATE job SET payload = CONCAT('{\"source\":\"', source, \
         '\",\"source_id\":\"', SUBSTR(subject, INSTR(subject, ':') + 1), '\"}') \
         WHERE kind = 'fetch_activity' AND subject NOT LIKE '%/%'";
    let rewrite_subject = "UPDATE job \
         SET subject = CONCAT(athlete, '/strava:', REPLACE(subject, ':', '/')) \
         WHERE kind = 'fetch_activity' AND subject NOT LIKE '%/%'";
    vec![
        change_rows("ingest_0033_job_kinds", rename_kinds),
        change_rows("ingest_0034_job_source", fill_source),
        change_rows("ingest_0035_job_payload", rewrite_payload),
        change_rows("ingest_0036_job_subject", rewrite_subject),
    ]
}

/// Makes the key's columns ASCII on MySQL: the migrations of both engines are otherwise the same.
fn ascii_key(
    name: &'static str,
    table: &'static str,
    null: &'static str,
) -> Box<dyn MigrationTrait> {
    let ascii = |column, length| {
        format!("MODIFY {column} VARCHAR({length}) CHARACTER SET ascii COLLATE ascii_bin {null}")
    };
    let (source, id) =
        (ascii("source", Source::MAX_CHARS), ascii("source_id", SourceId::MAX_CHARS as u32));
    change_mysql(name, format!("ALTER TABLE {table} {source}, {id}"))
}

fn source_identity() -> Rebuild {
    let create = Table::create()
        .table("source_identity")
        .col(text("athlete", 36))
        .col(text("source", Source::MAX_CHARS))
        .col(text("source_id", SourceId::MAX_CHARS as u32))
        .col(text("activity", 36))
        // The id first: another application of Strava's knows an activity by the same one.
        .primary_key(Index::create().col("athlete").col("source_id").col("source"))
        .take();
    let columns = vec![
        ("athlete", "athlete"),
        ("source", SOURCE),
        ("source_id", SOURCE_ID),
        ("activity", "activity"),
    ];
    Rebuild { table: "source_identity", create, new_column: "source_id", columns }
}

fn observation() -> Rebuild {
    let mut columns = vec![("athlete", "athlete"), ("source", SOURCE), ("source_id", SOURCE_ID)];
    columns.extend(
        [
            "summary_ticket",
            "summary_generation",
            "summary_answered_us",
            "detail_ticket",
            "detail_generation",
            "detail_answered_us",
            "streams_ticket",
            "streams_generation",
            "streams_answered_us",
            "summary",
            "detail",
            "streams_key",
            "streams_bytes",
            "streams_points",
            "streams_kinds",
            "hints",
            "delete_hinted",
            "unlisted",
        ]
        .map(|column| (column, column)),
    );
    columns.extend([
        ("not_found_ticket", "missing_ticket"),
        ("not_found_generation", "missing_generation"),
        ("not_found_answered_us", "missing_answered_us"),
        ("hints_answered", "answered"),
        ("hinted_by_webhook", "live"),
        ("rechecks", "looks"),
        ("stream_rechecks", "stream_looks"),
    ]);
    Rebuild { table: "observation", create: observation_table(), new_column: "source_id", columns }
}

fn observation_table() -> TableCreateStatement {
    let mut create = Table::create();
    create
        .table("observation")
        .col(text("athlete", 36))
        .col(text("source", Source::MAX_CHARS))
        .col(text("source_id", SourceId::MAX_CHARS as u32));
    for part in ["summary", "detail", "streams", "not_found"] {
        create.col(ColumnDef::new(format!("{part}_ticket")).big_integer().null());
        create.col(ColumnDef::new(format!("{part}_generation")).big_integer().null());
        create.col(ColumnDef::new(format!("{part}_answered_us")).big_integer().null());
    }
    create
        .col(ColumnDef::new("summary").text().null())
        .col(ColumnDef::new("detail").text().null())
        .col(ColumnDef::new("streams_key").string_len(255).null())
        .col(maybe_number("streams_bytes"))
        .col(maybe_number("streams_points"))
        .col(ColumnDef::new("streams_kinds").string_len(200).null());
    for column in [
        "hints",
        "hints_answered",
        "hinted_by_webhook",
        "delete_hinted",
        "rechecks",
        "stream_rechecks",
        "unlisted",
    ] {
        create.col(number(column));
    }
    create.primary_key(Index::create().col("athlete").col("source").col("source_id"));
    create.take()
}

fn activity() -> Rebuild {
    let create = Table::create()
        .table("activity")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(text("athlete", 36))
        // the leading source
        .col(text("source", Source::MAX_CHARS))
        .col(text("source_id", SourceId::MAX_CHARS as u32))
        // every source and the fields taken from it, as JSON
        .col(ColumnDef::new("sources").text().not_null())
        .col(number("revision"))
        .col(number("cause"))
        .col(number("changed_at_us"))
        // of the derived facts; 0 for tombstones
        .col(number("start_at_us"))
        .col(ColumnDef::new("facts").text().null())
        .col(number("has_details"))
        .col(ColumnDef::new("streams_key").string_len(255).null())
        .col(number("streams_bytes"))
        .col(number("streams_points"))
        .col(text("streams_kinds", 200))
        .col(text("origins", 500))
        .take();
    let sources = "CASE WHEN facts IS NULL THEN '[]' ELSE CONCAT('[{\"source\":\"strava:', application, \
         '\",\"source_id\":\"', strava_activity, '\",\"fields\":[]}]') END";
    let mut columns = vec![("source", SOURCE), ("source_id", SOURCE_ID), ("sources", sources)];
    columns.extend(
        [
            "id",
            "athlete",
            "revision",
            "cause",
            "changed_at_us",
            "start_at_us",
            "facts",
            "has_details",
            "streams_key",
            "streams_bytes",
            "streams_points",
            "streams_kinds",
            "origins",
        ]
        .map(|column| (column, column)),
    );
    Rebuild { table: "activity", create, new_column: "source_id", columns }
}

fn journal() -> Rebuild {
    let source = "CASE WHEN strava_activity = 0 THEN NULL ELSE CONCAT('strava:', application) END";
    let source_id = "CASE WHEN strava_activity = 0 THEN NULL ELSE CONCAT(strava_activity, '') END";
    let mut columns = vec![("source", source), ("source_id", source_id)];
    columns.extend(
        [
            "id",
            "athlete",
            "activity",
            "service",
            "step",
            "state",
            "reason",
            "attempts",
            "next_try_us",
            "at_us",
        ]
        .map(|column| (column, column)),
    );
    Rebuild { table: "journal", create: journal_table(), new_column: "source_id", columns }
}

fn journal_table() -> TableCreateStatement {
    Table::create()
        .table("journal")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(text("athlete", 36))
        .col(ColumnDef::new("activity").string_len(36).null())
        .col(ColumnDef::new("source").string_len(Source::MAX_CHARS).null())
        .col(ColumnDef::new("source_id").string_len(SourceId::MAX_CHARS as u32).null())
        .col(text("service", 32))
        .col(text("step", 32))
        .col(text("state", 16))
        .col(text("reason", 64))
        .col(number("attempts"))
        .col(number("next_try_us"))
        .col(number("at_us"))
        .take()
}
