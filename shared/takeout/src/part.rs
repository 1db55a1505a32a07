//! The part of one service: its files in the object store.

use std::sync::Arc;

use contracts::exports::ExportFile;
use object_store::ObjectStore;
use object_store::path::Path;
use serde::Serialize;

use crate::table::{Columns, Table};

/// The part that a service writes.
#[derive(Debug)]
pub struct Part {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    files: Vec<ExportFile>,
}

impl Part {
    /// An empty part of a service in an export.
    pub fn new(objects: &Arc<dyn ObjectStore>, export: &Path, service: &str) -> Self {
        let prefix = export.clone().join(service);
        Self { objects: Arc::clone(objects), prefix, files: Vec::new() }
    }

    /// Begins a table, which becomes `<name>.json` and `<name>.csv`. [`Part::end`] ends it.
    pub fn begin(&self, columns: Columns) -> Table {
        Table::new(&self.objects, &self.prefix, columns)
    }

    /// Ends a table.
    ///
    /// # Errors
    ///
    /// Fails if the object store cannot be written.
    pub async fn end(&mut self, table: Table) -> Result<(), anyhow::Error> {
        self.files.extend(table.end().await?);
        Ok(())
    }

    /// Writes a table whose rows are at hand.
    ///
    /// # Errors
    ///
    /// Fails if the object store cannot be written.
    pub async fn write_table<T: Serialize>(
        &mut self,
        columns: Columns,
        rows: &[T],
    ) -> Result<(), anyhow::Error> {
        let mut table = self.begin(columns);
        table.append(rows).await?;
        self.end(table).await
    }

    /// The files that were written.
    pub fn into_files(self) -> Vec<ExportFile> {
        self.files
    }
}
