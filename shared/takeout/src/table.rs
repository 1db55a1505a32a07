//! A table, written row by row as JSON and as CSV.

use std::sync::Arc;

use anyhow::Context;
use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use contracts::exports::ExportFile;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use serde::Serialize;
use serde_json::Value;

/// The name of a table and its columns.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// Name of its files, without the ending.
    pub table: &'static str,
    /// Contents in words.
    pub description: &'static str,
    /// The fields that become columns of the CSV file, in this order; in the JSON file are all. A list is written with
    /// semicolons between.
    pub csv: &'static [&'static str],
}

/// A table that is being written.
pub struct Table {
    columns: Columns,
    records: i64,
    json: File,
    csv: File,
}

struct File {
    name: String,
    writer: BufWriter,
    hash: digest::Context,
    bytes: i64,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Table {
    pub(crate) fn new(objects: &Arc<dyn ObjectStore>, prefix: &Path, columns: Columns) -> Self {
        let file = |ending: &str| File::new(objects, prefix, format!("{}.{ending}", columns.table));
        Self { columns, records: 0, json: file("json"), csv: file("csv") }
    }

    /// Appends rows.
    ///
    /// # Errors
    ///
    /// Fails if a row is no JSON object, or the object store cannot be written.
    pub async fn append<T: Serialize>(&mut self, rows: &[T]) -> Result<(), anyhow::Error> {
        let mut json = Vec::new();
        let mut csv = csv::Writer::from_writer(Vec::new());
        if self.records == 0 {
            csv.write_record(self.columns.csv)?;
        }
        for row in rows {
            let row = serde_json::to_value(row)?;
            json.extend_from_slice(if self.records == 0 { b"[\n" } else { b",\n" });
            serde_json::to_writer(&mut json, &row)?;
            csv.write_record(self.columns.csv.iter().map(|column| to_cell(&row[column])))?;
            self.records += 1;
        }
        if self.records == 0 {
            return Ok(());
        }
        self.json.put(json).await?;
        let csv = csv.into_inner().context("a table could not be written as CSV")?;
        self.csv.put(csv).await
    }

    pub(crate) async fn end(mut self) -> Result<[ExportFile; 2], anyhow::Error> {
        if self.records == 0 {
            let header = self.columns.csv.join(",");
            self.csv.put(format!("{header}\n").into_bytes()).await?;
            self.json.put(b"[".to_vec()).await?;
        }
        self.json.put(b"\n]\n".to_vec()).await?;
        let (description, records) = (self.columns.description, self.records);
        Ok([self.json.end(description, records).await?, self.csv.end(description, records).await?])
    }
}

impl File {
    fn new(objects: &Arc<dyn ObjectStore>, prefix: &Path, name: String) -> Self {
        let writer = BufWriter::new(Arc::clone(objects), prefix.clone().join(name.as_str()));
        Self { name, writer, hash: digest::Context::new(&SHA256), bytes: 0 }
    }

    async fn put(&mut self, content: Vec<u8>) -> Result<(), anyhow::Error> {
        self.hash.update(&content);
        self.bytes += i64::try_from(content.len()).unwrap_or(i64::MAX);
        let name = &self.name;
        let put = self.writer.put(Bytes::from(content)).await;
        put.with_context(|| format!("{name} of an export could not be written"))
    }

    async fn end(mut self, description: &str, records: i64) -> Result<ExportFile, anyhow::Error> {
        use tokio::io::AsyncWriteExt as _;
        let shut = self.writer.shutdown().await;
        shut.with_context(|| format!("{} of an export could not be written", self.name))?;
        Ok(ExportFile {
            name: self.name,
            description: description.to_owned(),
            records,
            bytes: self.bytes,
            sha256: hex::encode(self.hash.finish()),
        })
    }
}

fn to_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(to_cell).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;
    use serde_json::json;

    use super::*;
    use crate::part::Part;
    use crate::paths::file_path;

    const COLUMNS: Columns =
        Columns { table: "links", description: "Links", csv: &["id", "names", "count"] };

    async fn written(rows: &[Value]) -> ([String; 2], Vec<ExportFile>) {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let export = Path::from("athletes/a/exports/e");
        let mut part = Part::new(&objects, &export, "duplication");
        part.write_table(COLUMNS, rows).await.unwrap();
        let files = part.into_files();
        let mut texts = Vec::new();
        for file in &files {
            let path = file_path(&export, "duplication", &file.name);
            let content = objects.get(&path).await.unwrap().bytes().await.unwrap();
            assert_eq!(i64::try_from(content.len()).unwrap(), file.bytes);
            assert_eq!(hex::encode(digest::digest(&SHA256, &content)), file.sha256);
            texts.push(String::from_utf8(content.to_vec()).unwrap());
        }
        (texts.try_into().unwrap(), files)
    }

    #[tokio::test]
    async fn what_a_table_holds_is_in_both_files_whatever_characters_it_has() {
        let rows = [
            json!({"id": "a", "names": ["Milla", "Max"], "count": 2, "nested": {"x": 1}}),
            json!({"id": "quote \" comma , line\nend", "names": [], "count": 2.5}),
            json!({"id": null, "count": true}),
        ];

        let ([json, csv], files) = written(&rows).await;

        assert_eq!(serde_json::from_str::<Vec<Value>>(&json).unwrap(), rows);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.headers().unwrap(), vec!["id", "names", "count"]);
        let cells: Vec<Vec<String>> = reader
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        assert_eq!(
            cells,
            [["a", "Milla;Max", "2"], ["quote \" comma , line\nend", "", "2.5"], ["", "", "true"]]
        );
        assert_eq!(files.iter().map(|file| file.records).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(files[0].name, "links.json");
        assert_eq!(files[1].name, "links.csv");
    }

    #[tokio::test]
    async fn an_empty_table_is_an_empty_list_and_a_header() {
        let ([json, csv], _files) = written(&[]).await;

        assert_eq!(serde_json::from_str::<Vec<Value>>(&json).unwrap(), Vec::<Value>::new());
        assert_eq!(csv, "id,names,count\n");
    }

    #[tokio::test]
    async fn rows_that_come_in_batches_are_one_table() {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let export = Path::from("e");
        let mut part = Part::new(&objects, &export, "s");
        let mut table = part.begin(COLUMNS);
        for id in 0..3 {
            table.append(&[json!({"id": id})]).await.unwrap();
            table.append::<Value>(&[]).await.unwrap();
        }
        part.end(table).await.unwrap();

        let read = async |name| {
            let path = file_path(&export, "s", name);
            objects.get(&path).await.unwrap().bytes().await.unwrap()
        };
        let rows: Vec<Value> = serde_json::from_slice(&read("links.json").await).unwrap();
        assert_eq!(rows, [json!({"id": 0}), json!({"id": 1}), json!({"id": 2})]);
        assert_eq!(read("links.csv").await, "id,names,count\n0,,\n1,,\n2,,\n".as_bytes());
    }
}
