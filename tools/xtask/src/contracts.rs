//! buf: proto/ is linted and held against the committed baseline.

use std::path::PathBuf;
use std::process::Command;

use crate::codegen::root;
use crate::servers::must;
use crate::steps::show;

const BUF: &str = "@bufbuild/buf@1.75.0";

/// Lints proto/ and compares it with the baseline, or makes the present state the baseline.
pub(crate) fn run(accept: bool) -> anyhow::Result<()> {
    let buf = buf()?;
    let baseline = root().join("proto/baseline.binpb");
    let proto = root().join("proto");
    show(Command::new(&buf).arg("lint").arg(&proto))?;
    if accept {
        return show(Command::new(&buf).arg("build").arg(&proto).arg("-o").arg(&baseline));
    }
    show(Command::new(&buf).arg("breaking").arg(&proto).arg("--against").arg(&baseline))
}

fn buf() -> anyhow::Result<PathBuf> {
    let folder = root().join("target/tools/buf");
    let tool = folder.join("node_modules/.bin/buf");
    if !tool.exists() {
        std::fs::create_dir_all(&folder)?;
        must(
            Command::new("npm")
                .args([
                    "install",
                    "--no-audit",
                    "--no-fund",
                    "--no-save",
                    "--loglevel=error",
                    BUF,
                    "--prefix",
                ])
                .arg(&folder),
        )?;
    }
    Ok(tool)
}
