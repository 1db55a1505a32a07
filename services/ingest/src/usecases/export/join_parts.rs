//! Joins the parts of an export into one archive, with a manifest.

use aws_lc_rs::digest::{self, SHA256};
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use serde::Serialize;
use takeout::{export_prefix, file_path};

use super::archive::{Archive, archive_path};
use crate::domain::export::{Export, PartFile};
use crate::usecases::ServiceContext;

/// Version of the manifest's form.
const FORMAT: u32 = 1;
const README: &str = include_str!("readme.txt");

/// The archive that was written.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) bytes: i64,
    /// SHA-256, hex.
    pub(super) sha256: String,
}

#[derive(Serialize)]
struct Manifest<'a> {
    format: u32,
    athlete: String,
    export: String,
    requested_at: String,
    files: Vec<ManifestFile<'a>>,
}

#[derive(Serialize)]
struct ManifestFile<'a> {
    path: String,
    service: &'a str,
    description: &'a str,
    records: i64,
    bytes: i64,
    sha256: &'a str,
}

/// Writes the archive: `README.txt`, `manifest.json`, and each part in a folder of its own.
///
/// # Errors
///
/// Fails if an object is missing, cannot be read or is not what was answered, or the archive cannot be written.
pub(super) async fn join_parts(
    ctx: &ServiceContext,
    export: &Export,
) -> Result<Joined, anyhow::Error> {
    let path = archive_path(export.athlete, export.id);
    let mut archive = Archive::new(&ctx.objects, path, ctx.now());
    archive.begin("README.txt", 0)?;
    archive.write(README.as_bytes()).await?;
    archive.begin("manifest.json", 0)?;
    archive.write(&serde_json::to_vec_pretty(&manifest(export))?).await?;
    for part in &export.parts {
        for file in &part.files {
            archive.begin(&format!("{}/{}", part.service, file.name), file.bytes)?;
            copy_file(ctx, export, &part.service, file, &mut archive).await?;
        }
    }
    let (bytes, sha256) = Box::pin(archive.end()).await?;
    Ok(Joined { bytes, sha256 })
}

async fn copy_file(
    ctx: &ServiceContext,
    export: &Export,
    service: &str,
    file: &PartFile,
    archive: &mut Archive,
) -> Result<(), anyhow::Error> {
    let path = file_path(&export_prefix(export.athlete, export.id), service, &file.name);
    let mut content = ctx.objects.get(&path).await?.into_stream();
    let mut hash = digest::Context::new(&SHA256);
    while let Some(chunk) = content.try_next().await? {
        hash.update(&chunk);
        archive.write(&chunk).await?;
    }
    if hex::encode(hash.finish()) != file.sha256 {
        anyhow::bail!("{service}/{} was written again since the answer about it", file.name);
    }
    Ok(())
}

fn manifest(export: &Export) -> Manifest<'_> {
    let files = export.parts.iter().flat_map(|part| {
        part.files.iter().map(|file| ManifestFile {
            path: format!("{}/{}", part.service, file.name),
            service: &part.service,
            description: &file.description,
            records: file.records,
            bytes: file.bytes,
            sha256: &file.sha256,
        })
    });
    Manifest {
        format: FORMAT,
        athlete: export.athlete.to_string(),
        export: export.id.to_string(),
        requested_at: export.requested_at.to_rfc3339(),
        files: files.collect(),
    }
}
