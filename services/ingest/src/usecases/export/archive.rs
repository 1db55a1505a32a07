//! A ZIP archive that is written to the object store as it grows.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use kernel::{AthleteId, Timestamp};
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Name of the archive among the objects of an export.
const ARCHIVE: &str = "paceline-export.zip";
/// Files above it need the 64-bit form.
const LARGE_BYTES: i64 = u32::MAX as i64;

/// Path of the archive of an export.
pub(crate) fn archive_path(athlete: AthleteId, export: Uuid) -> Path {
    takeout::export_prefix(athlete, export).join(ARCHIVE)
}

/// An archive that is being written.
pub(super) struct Archive {
    zip: ZipWriter<StreamWriter<Sink>>,
    sink: Sink,
    upload: BufWriter,
    hash: digest::Context,
    bytes: i64,
    changed_at: DateTime,
}

/// Compressed bytes that are not uploaded yet.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, content: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(content);
        Ok(content.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Archive {
    /// An empty archive; its files say that they were changed at this instant.
    pub(super) fn new(objects: &Arc<dyn ObjectStore>, path: Path, changed_at: Timestamp) -> Self {
        let sink = Sink::default();
        Self {
            zip: ZipWriter::new_stream(sink.clone()),
            sink,
            upload: BufWriter::new(Arc::clone(objects), path),
            hash: digest::Context::new(&SHA256),
            bytes: 0,
            changed_at: to_dos(changed_at),
        }
    }

    /// Begins a file of about this size.
    pub(super) fn begin(&mut self, name: &str, bytes: i64) -> Result<(), anyhow::Error> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(self.changed_at)
            .unix_permissions(0o600)
            .large_file(bytes >= LARGE_BYTES);
        Ok(self.zip.start_file(name, options)?)
    }

    /// Appends to the file that was begun last.
    pub(super) async fn write(&mut self, content: &[u8]) -> Result<(), anyhow::Error> {
        self.zip.write_all(content)?;
        self.upload(self.sink.take()).await
    }

    /// Ends the archive and returns its size in bytes and its SHA-256 (hex).
    pub(super) async fn end(mut self) -> Result<(i64, String), anyhow::Error> {
        let rest = self.sink.clone();
        // The directory of the archive is written when it is finished.
        let zip = std::mem::replace(&mut self.zip, ZipWriter::new_stream(Sink::default()));
        zip.finish()?;
        self.upload(rest.take()).await?;
        self.upload.shutdown().await?;
        Ok((self.bytes, hex::encode(self.hash.finish())))
    }

    async fn upload(&mut self, content: Vec<u8>) -> Result<(), anyhow::Error> {
        self.hash.update(&content);
        self.bytes += i64::try_from(content.len())?;
        Ok(self.upload.put(Bytes::from(content)).await?)
    }
}

/// UTC; a ZIP archive knows no time zones.
fn to_dos(at: Timestamp) -> DateTime {
    use chrono::{Datelike as _, Timelike as _};
    let convert = || {
        let at = chrono::DateTime::from_timestamp_micros(at.as_micros())?;
        let part = |number: u32| u8::try_from(number).ok();
        DateTime::from_date_and_time(
            u16::try_from(at.year()).ok()?,
            part(at.month())?,
            part(at.day())?,
            part(at.hour())?,
            part(at.minute())?,
            part(at.second())?,
        )
        .ok()
    };
    convert().unwrap_or_default()
}
