//! Space left where the data directory is.

use std::path::Path;

use super::finding::{Finding, fault, ok, warning};

const CHECK: &str = "disk space";
const ADVICE: &str =
    "free space or enlarge the disk: on a full one webhooks are refused until there is room again";
/// Space below which the next import may fill the disk.
const LOW: u64 = 1024 * MIB;
/// Space below which writes are about to fail.
const EXHAUSTED: u64 = 64 * MIB;
const MIB: u64 = 1024 * 1024;

/// Checks the file system of the data directory, or of the folder it will be created in.
pub(super) fn check(data: &Path) -> Finding {
    let existing = data.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    match free_bytes(existing) {
        Ok(free) => judge(free),
        Err(error) => warning(CHECK, format!("{}: {error}", existing.display()), ADVICE),
    }
}

/// Bytes that this process may still write to the file system of a folder.
pub(crate) fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

fn judge(free: u64) -> Finding {
    let message = format!("{} MiB left", free / MIB);
    match free {
        ..EXHAUSTED => fault(CHECK, message, ADVICE),
        EXHAUSTED..LOW => warning(CHECK, message, ADVICE),
        LOW.. => ok(CHECK, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::State;

    #[test]
    fn little_space_is_a_warning_and_next_to_none_a_fault() {
        for (free, state) in
            [(2 * LOW, State::Ok), (LOW - 1, State::Warning), (EXHAUSTED - 1, State::Fault)]
        {
            assert_eq!(judge(free).state, state, "{free}");
        }
    }

    #[test]
    fn a_directory_that_is_not_there_yet_is_judged_by_where_it_will_be() {
        let folder = tempfile::tempdir().unwrap();

        let finding = check(&folder.path().join("later/data"));

        assert!(finding.message.ends_with("MiB left"), "{}", finding.message);
        assert!(!folder.path().join("later").exists());
    }
}
