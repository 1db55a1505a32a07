//! The kinds of migrations. Each may be applied again after a crash between it and its record.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::prelude::{IndexCreateStatement, TableAlterStatement, TableCreateStatement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// The suffix of a table's former version while it is rebuilt.
const FORMER: &str = "_former";

/// A migration that creates a table.
pub fn create_table(
    name: &'static str,
    mut table: TableCreateStatement,
) -> Box<dyn MigrationTrait> {
    schema_change(name, Change::CreateTable(Box::new(table.if_not_exists().take())))
}

/// A migration that creates an index, if the database has none of that name: applied anew to a newer
/// schema, its columns may have other names by now.
pub fn create_index(name: &'static str, index: IndexCreateStatement) -> Box<dyn MigrationTrait> {
    schema_change(name, Change::CreateIndex(Box::new(index)))
}

/// A migration that changes a table. One column per migration: SQLite takes no more.
pub fn add_column(name: &'static str, alter: TableAlterStatement) -> Box<dyn MigrationTrait> {
    schema_change(name, Change::Alter(Box::new(alter)))
}

/// A migration that renames a column.
pub fn rename_column(
    name: &'static str,
    table: &'static str,
    [from, to]: [&'static str; 2],
) -> Box<dyn MigrationTrait> {
    schema_change(name, Change::RenameColumn { table, from, to })
}

/// A migration that renames a table.
pub fn rename_table(name: &'static str, [from, to]: [&'static str; 2]) -> Box<dyn MigrationTrait> {
    schema_change(name, Change::RenameTable { from, to })
}

/// A migration that replaces a table by one with other columns or another key, and keeps its rows.
pub fn rebuild_table(name: &'static str, rebuild: Rebuild) -> Box<dyn MigrationTrait> {
    schema_change(name, Change::Rebuild(Box::new(rebuild)))
}

/// A migration that changes rows. The statement runs on both engines and may run twice.
pub fn change_rows(name: &'static str, statement: impl Into<String>) -> Box<dyn MigrationTrait> {
    schema_change(name, Change::Rows { statement: statement.into(), only: None })
}

/// A migration for MySQL alone, which may run twice.
pub fn change_mysql(name: &'static str, statement: impl Into<String>) -> Box<dyn MigrationTrait> {
    let only = Some(DbBackend::MySql);
    schema_change(name, Change::Rows { statement: statement.into(), only })
}

/// A table's new version.
#[derive(Debug)]
pub struct Rebuild {
    /// The table's name.
    pub table: &'static str,
    /// The new version.
    pub create: TableCreateStatement,
    /// A column that only the new version has.
    pub new_column: &'static str,
    /// The columns of the new version and the expression over the former row that each is filled with.
    pub columns: Vec<(&'static str, &'static str)>,
}

struct SchemaChange {
    name: &'static str,
    change: Change,
}

enum Change {
    CreateTable(Box<TableCreateStatement>),
    CreateIndex(Box<IndexCreateStatement>),
    Alter(Box<TableAlterStatement>),
    RenameColumn { table: &'static str, from: &'static str, to: &'static str },
    RenameTable { from: &'static str, to: &'static str },
    Rebuild(Box<Rebuild>),
    Rows { statement: String, only: Option<DbBackend> },
}

fn schema_change(name: &'static str, change: Change) -> Box<dyn MigrationTrait> {
    Box::new(SchemaChange { name, change })
}

impl MigrationName for SchemaChange {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and async_trait wants the same")]
impl MigrationTrait for SchemaChange {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match &self.change {
            Change::CreateTable(table) => manager.create_table(table.as_ref().clone()).await,
            Change::CreateIndex(index) => {
                if has_index(manager, index.get_index_spec().get_name().unwrap_or_default()).await?
                {
                    return Ok(());
                }
                manager.create_index(index.as_ref().clone()).await
            }
            Change::Alter(alter) => manager.alter_table(alter.as_ref().clone()).await,
            Change::RenameColumn { table, from, to } => {
                if manager.has_column(table, to).await? {
                    return Ok(());
                }
                execute(manager, &format!("ALTER TABLE `{table}` RENAME COLUMN `{from}` TO `{to}`"))
                    .await
            }
            Change::RenameTable { from, to } => rename_table_once(manager, from, to).await,
            Change::Rebuild(rebuild) => rebuild.run(manager).await,
            Change::Rows { statement, only } => {
                let backend = manager.get_connection().get_database_backend();
                if only.is_some_and(|only| only != backend) {
                    return Ok(());
                }
                execute(manager, statement).await
            }
        }
    }
}

impl Rebuild {
    /// Renames the former table, creates the new one, copies the rows and drops the former. On MySQL
    /// each statement commits alone: a run after a crash goes on where the last one stopped.
    async fn run(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let table = self.table;
        let former = format!("{table}{FORMER}");
        if manager.has_column(table, self.new_column).await? && !manager.has_table(&former).await? {
            return Ok(());
        }
        rename_table_once(manager, table, &former).await?;
        manager.create_table(self.create.clone().if_not_exists().take()).await?;
        execute(manager, &format!("DELETE FROM `{table}`")).await?;
        let (columns, expressions): (Vec<_>, Vec<_>) = self.columns.iter().copied().unzip();
        let copy = format!(
            "INSERT INTO `{table}` ({}) SELECT {} FROM `{former}`",
            columns.join(", "),
            expressions.join(", ")
        );
        execute(manager, &copy).await?;
        execute(manager, &format!("DROP TABLE `{former}`")).await
    }
}

async fn rename_table_once(manager: &SchemaManager<'_>, from: &str, to: &str) -> Result<(), DbErr> {
    if manager.has_table(to).await? {
        return Ok(());
    }
    execute(manager, &format!("ALTER TABLE `{from}` RENAME TO `{to}`")).await
}

async fn has_index(manager: &SchemaManager<'_>, name: &str) -> Result<bool, DbErr> {
    let conn = manager.get_connection();
    let select = match conn.get_database_backend() {
        DbBackend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?",
        _ => {
            "SELECT 1 FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND index_name = ?"
        }
    };
    let backend = conn.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, select, [name.into()]);
    Ok(conn.query_one_raw(statement).await?.is_some())
}

async fn execute(manager: &SchemaManager<'_>, statement: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(statement).await.map(drop)
}
