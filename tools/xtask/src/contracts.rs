//! The checks of `proto/` by buf: lints, and compatibility with the committed baseline.

use std::process::Command;

use crate::command::{self, npm_packages, root};

const BUF: &str = "@bufbuild/buf@1.75.0";

/// Lints `proto/` and compares it with the baseline, or makes the present state the baseline.
pub(crate) fn run(accept: bool) -> anyhow::Result<()> {
    let buf = npm_packages("buf", &[BUF])?.join("node_modules/.bin/buf");
    let baseline = root().join("proto/baseline.binpb");
    let proto = root().join("proto");
    command::run(Command::new(&buf).arg("lint").arg(&proto))?;
    if accept {
        return command::run(Command::new(&buf).arg("build").arg(&proto).arg("-o").arg(&baseline));
    }
    command::run(Command::new(&buf).arg("breaking").arg(&proto).arg("--against").arg(&baseline))
}
