//! The object store for streams: a local directory or S3.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;

/// The store at `file:PATH` or `s3://BUCKET/PREFIX`; by default a folder of the data directory.
pub(super) fn open(url: Option<&str>, data: &Path) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let default = format!("file:{}", data.join("objects").display());
    let url = url.unwrap_or(&default);
    if let Some(path) = url.strip_prefix("file:") {
        let path = Path::new(path.trim_start_matches("//"));
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot create the object directory {}", path.display()))?;
        return Ok(Arc::new(LocalFileSystem::new_with_prefix(path)?));
    }
    let Some(location) = url.strip_prefix("s3://") else {
        bail!("objects.url is {url:?}; it should be file:PATH or s3://BUCKET/PREFIX");
    };
    let (bucket, prefix) = location.split_once('/').unwrap_or((location, ""));
    // Region, endpoint and credentials come from the usual AWS variables or the task's role.
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .build()
        .context("cannot use the bucket")?;
    if prefix.is_empty() {
        Ok(Arc::new(store))
    } else {
        Ok(Arc::new(PrefixStore::new(store, prefix)))
    }
}
