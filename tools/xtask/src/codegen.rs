//! Generates the committed code of `shared/contracts` and the committed descriptor from `proto/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use prost::Message;

use crate::command::root;

/// Generates the code and the descriptor, or checks that both are fresh.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let proto = root().join("proto");
    let files = list_proto_files(&proto)?;
    let descriptors = protox::compile(&files, [&proto]).context("proto/ does not compile")?;
    let scratch = tempfile::tempdir()?;
    prost_build::Config::new()
        .out_dir(scratch.path())
        .include_file("generated.rs")
        .compile_fds(descriptors.clone())
        .context("cannot generate code")?;
    fs::write(scratch.path().join("descriptor.bin"), descriptors.encode_to_vec())?;
    let target = root().join("shared/contracts/src/generated");
    if check { compare(scratch.path(), &target) } else { replace(scratch.path(), &target) }
}

fn list_proto_files(proto: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![proto.join("paceline")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn compare(fresh: &Path, committed: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(fresh)? {
        let entry = entry?;
        let content = fs::read(committed.join(entry.file_name())).unwrap_or_default();
        if content != fs::read(entry.path())? {
            bail!(
                "{} is stale: run `cargo xtask codegen` and commit it",
                entry.file_name().display()
            );
        }
    }
    Ok(())
}

fn replace(fresh: &Path, committed: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(committed)?;
    for entry in fs::read_dir(fresh)? {
        let entry = entry?;
        fs::copy(entry.path(), committed.join(entry.file_name()))?;
    }
    Ok(())
}
