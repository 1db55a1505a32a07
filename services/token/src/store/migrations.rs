//! The tables: one DDL statement per migration, alike on SQLite and MySQL.

use outbox::{add_column, create_index, create_table, rename_column};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{
    ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement,
};

/// This service's migrations, in order.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut migrations = first_release();
    migrations.extend(later());
    migrations.extend(erasures());
    migrations.extend(seats());
    migrations
}

fn first_release() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("token_0001_connection", connection()),
        create_index(
            "token_0002_connection_of_athlete",
            index("connection_of_athlete", "connection", &["application", "athlete"])
                .unique()
                .take(),
        ),
        // A Strava athlete belongs to one athlete per application for as long as the connection is
        // held; a disconnected one holds nothing (null).
        create_index(
            "token_0003_connection_held",
            index("connection_held", "connection", &["application", "held"]).unique().take(),
        ),
        create_index(
            "token_0004_connection_due",
            index("connection_due", "connection", &["check_due_us"]),
        ),
        create_table("token_0005_oauth_state", oauth_state()),
        create_table("token_0006_lease", lease()),
        create_index(
            "token_0007_lease_attempt",
            index("lease_attempt", "lease", &["application", "athlete", "attempt"]).unique().take(),
        ),
        create_index(
            "token_0008_lease_window",
            index("lease_window", "lease", &["application", "day_us"]),
        ),
        create_table("token_0009_budget", budget()),
    ]
}

/// Columns under the names of the glossary, and what came later.
fn later() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        rename_column(
            "token_0010_connection_active_strava_athlete",
            "connection",
            ["held", "active_strava_athlete"],
        ),
        rename_column(
            "token_0011_connection_access_fingerprint",
            "connection",
            ["access_print", "access_fingerprint"],
        ),
        rename_column(
            "token_0012_connection_refresh_fingerprint",
            "connection",
            ["refresh_print", "refresh_fingerprint"],
        ),
        rename_column(
            "token_0013_connection_intent_fingerprint",
            "connection",
            ["intent_print", "intent_fingerprint"],
        ),
        rename_column(
            "token_0014_connection_no_lease_before_us",
            "connection",
            ["hold_until_us", "no_lease_before_us"],
        ),
        rename_column(
            "token_0015_connection_refused_token_reports",
            "connection",
            ["dead_reports", "refused_token_reports"],
        ),
        rename_column(
            "token_0016_connection_withdrawal_hinted_at_us",
            "connection",
            ["hinted_at_us", "withdrawal_hinted_at_us"],
        ),
        rename_column(
            "token_0017_connection_withdrawal_check_due_us",
            "connection",
            ["check_due_us", "withdrawal_check_due_us"],
        ),
        rename_column(
            "token_0018_connection_revoke_pending",
            "connection",
            ["revoking", "revoke_pending"],
        ),
        rename_column(
            "token_0019_lease_access_fingerprint",
            "lease",
            ["access_print", "access_fingerprint"],
        ),
        rename_column(
            "token_0020_oauth_state_write_requested",
            "oauth_state",
            ["asked_write", "write_requested"],
        ),
        create_table("token_0021_sealing_key", sealing_key()),
    ]
}

/// Erasures and their receipts.
fn erasures() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("token_0022_erasure", erasure()),
        create_index(
            "token_0023_erasure_due",
            index("erasure_due", "erasure", &["completed_at_us", "next_ask_us"]),
        ),
        create_table("token_0024_erasure_answer", erasure_answer()),
        add_column(
            "token_0025_connection_reconnect_needed_since",
            Table::alter()
                .table("connection")
                .add_column(
                    ColumnDef::new("reconnect_needed_since_us").big_integer().not_null().default(0),
                )
                .take(),
        ),
    ]
}

fn seats() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        // When something of an athlete's was last fetched because Strava told of it.
        create_table(
            "token_0026_seat_use",
            Table::create()
                .table("seat_use")
                .col(ColumnDef::new("athlete").string_len(36).not_null().primary_key())
                .col(ColumnDef::new("used_at_us").big_integer().not_null())
                .take(),
        ),
        // How many athletes an application had when Strava refused a further one.
        create_table(
            "token_0027_seat_limit",
            Table::create()
                .table("seat_limit")
                .col(ColumnDef::new("application").big_integer().not_null().primary_key())
                .col(ColumnDef::new("used").big_integer().not_null())
                .col(ColumnDef::new("refused_at_us").big_integer().not_null())
                .take(),
        ),
    ]
}

fn index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(table).take();
    for column in columns {
        index.col(*column);
    }
    index
}

/// Requested erasures; application 0: everything of the athlete.
fn erasure() -> TableCreateStatement {
    Table::create()
        .table("erasure")
        .col(ColumnDef::new("athlete").string_len(36).not_null())
        .col(ColumnDef::new("application").big_integer().not_null())
        .col(ColumnDef::new("through_generation").big_integer().not_null())
        .col(ColumnDef::new("reason").string_len(32).not_null())
        .col(ColumnDef::new("requested_at_us").big_integer().not_null())
        .col(ColumnDef::new("next_ask_us").big_integer().not_null())
        .col(ColumnDef::new("completed_at_us").big_integer().not_null())
        .primary_key(Index::create().col("athlete").col("application").col("through_generation"))
        .take()
}

fn erasure_answer() -> TableCreateStatement {
    Table::create()
        .table("erasure_answer")
        .col(ColumnDef::new("athlete").string_len(36).not_null())
        .col(ColumnDef::new("application").big_integer().not_null())
        .col(ColumnDef::new("through_generation").big_integer().not_null())
        .col(ColumnDef::new("service").string_len(32).not_null())
        .col(ColumnDef::new("erased_at_us").big_integer().not_null())
        .col(ColumnDef::new("final_answer").integer().not_null())
        .col(ColumnDef::new("rows_erased").big_integer().not_null())
        .col(ColumnDef::new("objects_erased").big_integer().not_null())
        .primary_key(
            Index::create()
                .col("athlete")
                .col("application")
                .col("through_generation")
                .col("service"),
        )
        .take()
}

/// The sentinel of each key: a text sealed with it, which tells a wrong key before anything is opened.
fn sealing_key() -> TableCreateStatement {
    Table::create()
        .table("sealing_key")
        .col(ColumnDef::new("key_id").string_len(32).not_null().primary_key())
        .col(ColumnDef::new("sentinel").string_len(255).not_null())
        .col(ColumnDef::new("sealed_at_us").big_integer().not_null())
        .take()
}

fn connection() -> TableCreateStatement {
    Table::create()
        .table("connection")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("application").big_integer().not_null())
        .col(ColumnDef::new("strava_athlete").big_integer().not_null())
        .col(ColumnDef::new("held").big_integer().null())
        .col(ColumnDef::new("athlete").string_len(36).not_null())
        .col(ColumnDef::new("generation").big_integer().not_null())
        .col(ColumnDef::new("state").string_len(20).not_null())
        .col(ColumnDef::new("reason").string_len(40).not_null())
        .col(ColumnDef::new("scopes").string_len(255).not_null())
        .col(ColumnDef::new("access_sealed").string_len(1024).not_null())
        .col(ColumnDef::new("refresh_sealed").string_len(1024).not_null())
        .col(ColumnDef::new("access_print").string_len(64).not_null())
        .col(ColumnDef::new("refresh_print").string_len(64).not_null())
        .col(ColumnDef::new("token_expires_at_us").big_integer().not_null())
        .col(ColumnDef::new("intent_attempt").string_len(36).not_null())
        .col(ColumnDef::new("intent_print").string_len(64).not_null())
        .col(ColumnDef::new("intent_at_us").big_integer().not_null())
        .col(ColumnDef::new("hinted_at_us").big_integer().not_null())
        .col(ColumnDef::new("check_due_us").big_integer().not_null())
        .col(ColumnDef::new("revoking").integer().not_null())
        .col(ColumnDef::new("hold_until_us").big_integer().not_null())
        .col(ColumnDef::new("dead_reports").big_integer().not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .col(ColumnDef::new("connected_at_us").big_integer().not_null())
        .take()
}

fn oauth_state() -> TableCreateStatement {
    Table::create()
        .table("oauth_state")
        .col(ColumnDef::new("state_hash").string_len(64).not_null().primary_key())
        .col(ColumnDef::new("athlete").string_len(36).not_null())
        .col(ColumnDef::new("application").big_integer().not_null())
        .col(ColumnDef::new("asked_write").integer().not_null())
        // Hash of the secret of the browser that began; empty if a script did.
        .col(ColumnDef::new("browser_hash").string_len(64).not_null())
        .col(ColumnDef::new("expires_at_us").big_integer().not_null())
        .take()
}

fn lease() -> TableCreateStatement {
    Table::create()
        .table("lease")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("application").big_integer().not_null())
        .col(ColumnDef::new("athlete").string_len(36).not_null())
        .col(ColumnDef::new("purpose").string_len(12).not_null())
        .col(ColumnDef::new("attempt").string_len(64).not_null())
        .col(ColumnDef::new("access_print").string_len(64).not_null())
        .col(ColumnDef::new("allowed_reads").big_integer().not_null())
        .col(ColumnDef::new("allowed_writes").big_integer().not_null())
        .col(ColumnDef::new("expires_at_us").big_integer().not_null())
        .col(ColumnDef::new("quarter_us").big_integer().not_null())
        .col(ColumnDef::new("day_us").big_integer().not_null())
        .col(ColumnDef::new("reported").integer().not_null())
        .take()
}

fn budget() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("budget").col(ColumnDef::new("application").big_integer().not_null().primary_key());
    for column in [
        "quarter_us",
        "quarter_overall_limit",
        "quarter_read_limit",
        "quarter_overall_spent",
        "quarter_read_spent",
        "day_us",
        "day_overall_limit",
        "day_read_limit",
        "day_overall_spent",
        "day_read_spent",
        "blocked_until_us",
        "inactive_since_us",
        "probe_at_us",
    ] {
        table.col(ColumnDef::new(column).big_integer().not_null());
    }
    table.take()
}
