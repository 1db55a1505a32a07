//! The ledger of erasures: a file of JSON lines that no backup replaces, so that a restore can erase again what was erased
//! since.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// An erasure in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct LedgerEntry {
    /// The athlete's id.
    pub(crate) athlete: String,
    /// The Strava application; 0: everything.
    pub(crate) application: i64,
    /// The last generation that was erased.
    pub(crate) through_generation: i64,
    pub(crate) reason: String,
    /// RFC 3339.
    pub(crate) requested_at: String,
}

/// Reads the ledger; a missing file is an empty one. A line that was cut off by a crash is skipped: its erasure is
/// written again.
pub(crate) fn read(path: &Path) -> io::Result<Vec<LedgerEntry>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Appends what is not in the ledger yet, and returns the number of lines; they are on disk afterwards.
pub(crate) fn append_missing(path: &Path, entries: &[LedgerEntry]) -> io::Result<usize> {
    let known: HashSet<LedgerEntry> = read(path)?.into_iter().collect();
    let missing: Vec<&LedgerEntry> =
        entries.iter().filter(|entry| !known.contains(entry)).collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let mut text = String::new();
    for entry in &missing {
        // Each line begins anew: the last one may have been cut off.
        text.push('\n');
        text.push_str(&serde_json::to_string(entry)?);
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(missing.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(application: i64) -> LedgerEntry {
        LedgerEntry {
            athlete: "0192f6a0-0000-7000-8000-00000000000a".to_owned(),
            application,
            through_generation: 1,
            reason: "asked".to_owned(),
            requested_at: "2026-11-27T08:00:00Z".to_owned(),
        }
    }

    #[test]
    fn each_erasure_is_in_the_ledger_once_also_after_a_line_that_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("erasures.jsonl");
        assert_eq!(read(&path).unwrap(), []);
        assert_eq!(append_missing(&path, &[entry(1), entry(2)]).unwrap(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 10]).unwrap();
        assert_eq!(append_missing(&path, &[entry(1), entry(2)]).unwrap(), 1);
        assert_eq!(append_missing(&path, &[entry(1), entry(2)]).unwrap(), 0);
        assert_eq!(read(&path).unwrap(), [entry(1), entry(2)]);
    }
}
