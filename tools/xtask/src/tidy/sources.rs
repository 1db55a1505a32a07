//! The Rust files of the project, read and parsed once for every check.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// Folders that hold crates.
pub(super) const CRATE_FOLDERS: [&str; 3] = ["services", "shared", "tools"];

/// A Rust file, its path relative to the project's root.
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) syntax: syn::File,
}

impl SourceFile {
    /// Parses the text of a file.
    ///
    /// # Errors
    ///
    /// The text is not Rust.
    pub(super) fn parse(path: impl Into<PathBuf>, text: String) -> anyhow::Result<Self> {
        let path = path.into();
        let syntax = syn::parse_file(&text)
            .with_context(|| format!("{} does not parse as Rust", path.display()))?;
        Ok(Self { path, text, syntax })
    }

    /// The folder name of the crate that the file belongs to.
    pub(super) fn crate_name(&self) -> &str {
        self.path.iter().nth(1).and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// True for code generated from `proto/`.
    pub(super) fn is_generated(&self) -> bool {
        self.is_below(&["generated"])
    }

    /// True for tests, benchmarks and examples that have files of their own.
    pub(super) fn is_test(&self) -> bool {
        self.is_below(&["tests", "benches", "examples"])
    }

    fn is_below(&self, folders: &[&str]) -> bool {
        self.path.iter().any(|part| folders.iter().any(|folder| part == *folder))
    }
}

/// Reads every Rust file of the project, sorted by path.
pub(super) fn read_sources(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = CRATE_FOLDERS.iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path)?;
                files.push(SourceFile::parse(path.strip_prefix(root)?, text)?);
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}
