//! The tables of this service, one statement per migration.

use outbox::{create_index, create_table};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{ColumnDef, Index, Table};

/// Returns the migrations, oldest first.
pub(crate) fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table(
            "identity_0001_account",
            Table::create()
                .table("account")
                .col(ColumnDef::new("athlete").string_len(36).not_null().primary_key())
                .col(ColumnDef::new("email").string_len(254).not_null())
                .col(ColumnDef::new("password_hash").string_len(200).not_null())
                .col(ColumnDef::new("admin").integer().not_null())
                .col(ColumnDef::new("failures").big_integer().not_null())
                .col(ColumnDef::new("failed_at_us").big_integer().not_null())
                .col(ColumnDef::new("created_at_us").big_integer().not_null())
                .take(),
        ),
        create_index(
            "identity_0002_account_email",
            Index::create().name("account_email").table("account").col("email").unique().take(),
        ),
        // One row, written for each attempt with an address that has no account.
        create_table(
            "identity_0003_unknown_sign_in",
            Table::create()
                .table("unknown_sign_in")
                .col(ColumnDef::new("id").integer().not_null().primary_key())
                .col(ColumnDef::new("attempts").big_integer().not_null())
                .take(),
        ),
    ]
}
