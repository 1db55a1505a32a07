//! Migrations: from nothing, again, and after a crash between one and its record.

use outbox::{
    Database, Rebuild, StoreError, add_column, change_rows, create_index, create_table,
    rebuild_table,
};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{Alias, ColumnDef, Index, Table};
use testkit::databases;

use crate::support::{own, publish_one};

fn next_release() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = own();
    let noted = Table::alter()
        .table(Alias::new("newest"))
        .add_column(ColumnDef::new("noted").big_integer().not_null().default(0))
        .take();
    all.push(add_column("test_0002_noted", noted));
    all.push(create_index(
        "test_0003_said",
        Index::create().name("newest_said").table("newest").col("said").take(),
    ));
    all
}

#[tokio::test]
async fn a_database_opens_from_nothing_and_again_and_from_the_previous_release() {
    for of in databases().await {
        for migrations in [own, own, next_release, next_release] {
            let database = Database::open(&of.target(), migrations()).await.unwrap();
            database.check_writable().await.unwrap();
            publish_one(&database, 1, "first").await;
            database.close().await.unwrap();
        }
        assert_eq!(of.query_i64("SELECT COUNT(noted) FROM newest").await, 0, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_crash_between_a_migration_and_its_record_is_healed_by_the_next_start() {
    for of in databases().await {
        let all: Vec<_> = outbox::migrations::shared().into_iter().chain(next_release()).collect();
        of.migrate_with_crashes(&all).await;
        let applied = of.query_i64("SELECT COUNT(*) FROM applied_migration").await;
        assert_eq!(applied, all.len() as i64, "{}", of.engine());
    }
}

fn two_rows() -> Vec<Box<dyn MigrationTrait>> {
    let former = Table::create()
        .table("thing")
        .col(ColumnDef::new("number").big_integer().not_null().primary_key())
        .take();
    vec![
        create_table("test_0001_thing", former),
        change_rows("test_0002_rows", "INSERT INTO thing (number) VALUES (1), (2)"),
    ]
}

fn rebuilt() -> Box<dyn MigrationTrait> {
    let create = Table::create()
        .table("thing")
        .col(ColumnDef::new("name").string_len(20).not_null().primary_key())
        .take();
    let columns = vec![("name", "CONCAT('n', number)")];
    rebuild_table(
        "test_0003_thing_name",
        Rebuild { table: "thing", create, new_column: "name", columns },
    )
}

#[tokio::test]
async fn rebuilding_a_table_keeps_its_rows_wherever_an_earlier_attempt_was_killed() {
    // What each statement of an attempt leaves behind.
    let steps = [
        "ALTER TABLE thing RENAME TO thing_former",
        "CREATE TABLE thing (name VARCHAR(20) NOT NULL PRIMARY KEY)",
        "INSERT INTO thing (name) VALUES ('n1')",
        "INSERT INTO thing (name) VALUES ('n2')",
        "DROP TABLE thing_former",
    ];
    for killed_after in 0..=steps.len() {
        for of in databases().await {
            let mut migrations = two_rows();
            Database::migrate(&of.target(), &migrations).await.unwrap();
            for step in &steps[..killed_after] {
                of.execute(step).await;
            }
            migrations.push(rebuilt());
            Database::migrate(&of.target(), &migrations).await.unwrap();
            let kept = "SELECT COUNT(*) FROM thing WHERE name IN ('n1', 'n2')";
            assert_eq!(of.query_i64(kept).await, 2, "{} {killed_after}", of.engine());
        }
    }
}

#[tokio::test]
async fn a_service_that_does_not_migrate_refuses_a_database_that_lacks_a_migration() {
    for of in databases().await {
        Database::open(&of.target(), own()).await.unwrap().close().await.unwrap();
        Database::open_migrated(&of.target(), own()).await.unwrap();
        let error = Database::open_migrated(&of.target(), next_release()).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Inconsistent { what } if what.contains("test_0002_noted")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn processes_that_migrate_at_once_all_succeed() {
    for of in databases().await {
        let target = of.target();
        let opened = (0..4).map(|_| Database::open(&target, own()));
        for opened in futures::future::join_all(opened).await {
            opened.unwrap_or_else(|error| panic!("{}: {error:?}", of.engine()));
        }
    }
}

#[tokio::test]
async fn letters_of_other_case_are_other_letters_on_both_engines() {
    for of in databases().await {
        let database = Database::open(&of.target(), own()).await.unwrap();
        for key in ["Key", "key"] {
            let insert = "INSERT INTO newest (athlete, revision, said) VALUES (?, 1, 'ä')";
            outbox::sql::execute(database.writer(), insert, [key.into()]).await.unwrap();
        }
        assert_eq!(
            of.query_i64("SELECT COUNT(*) FROM newest WHERE athlete = 'key'").await,
            1,
            "{}",
            of.engine()
        );
    }
}
