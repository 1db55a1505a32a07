//! The job table; services with jobs add these migrations to their own.

use kernel::Source;
use outbox::{add_column, change_mysql, create_index, create_table, rename_column};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{ColumnDef, Index, Table};

/// The migrations of the job table, in order.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let job = Table::create()
        .table("job")
        .col(ColumnDef::new("id").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("kind").string_len(64).not_null())
        .col(ColumnDef::new("subject").string_len(191).not_null())
        .col(ColumnDef::new("athlete").string_len(36).null())
        .col(ColumnDef::new("priority").integer().not_null())
        .col(ColumnDef::new("state").integer().not_null())
        .col(ColumnDef::new("due_us").big_integer().not_null())
        .col(ColumnDef::new("lease_until_us").big_integer().not_null())
        .col(ColumnDef::new("epoch").big_integer().not_null())
        .col(ColumnDef::new("wanted").big_integer().not_null())
        .col(ColumnDef::new("attempts").big_integer().not_null())
        .col(ColumnDef::new("answered_us").big_integer().not_null())
        .col(ColumnDef::new("last_error").string_len(1000).not_null())
        .col(ColumnDef::new("payload").text().not_null())
        .take();
    vec![
        create_table("jobs_0001_job", job),
        create_index(
            "jobs_0002_one_per_subject",
            Index::create()
                .name("job_subject")
                .table("job")
                .col("kind")
                .col("subject")
                .unique()
                .take(),
        ),
        // Everything a claim decides by, so that it reads the index alone.
        create_index(
            "jobs_0003_claim",
            Index::create()
                .name("job_claim")
                .table("job")
                .col("state")
                .col("kind")
                .col("due_us")
                .col("lease_until_us")
                .col("priority")
                .col("athlete")
                .take(),
        ),
        create_index(
            "jobs_0004_athlete",
            Index::create().name("job_athlete").table("job").col("athlete").take(),
        ),
        rename_column("jobs_0005_newest_answer", "job", ["answered_us", "newest_answer_us"]),
        add_column(
            "jobs_0006_source",
            Table::alter()
                .table("job")
                .add_column(ColumnDef::new("source").string_len(Source::MAX_CHARS).null())
                .take(),
        ),
        change_mysql(
            "jobs_0007_source_ascii",
            "ALTER TABLE job MODIFY source VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL",
        ),
    ]
}
