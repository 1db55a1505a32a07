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

/// The content of a ledger.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<LedgerEntry>,
    /// Number of lines that cannot be read. A crash cuts off the last one, whose erasure is written again.
    pub(crate) unreadable: usize,
}

/// Reads the ledger; a missing file is an empty one.
pub(crate) fn read(path: &Path) -> io::Result<Ledger> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ledger::default()),
        Err(error) => return Err(error),
    };
    let mut ledger = Ledger::default();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(entry) => ledger.entries.push(entry),
            Err(_cut_off) => ledger.unreadable += 1,
        }
    }
    Ok(ledger)
}

/// Appends what is not in the ledger yet, and returns the number of lines; they are on disk afterwards.
pub(crate) fn append_missing(path: &Path, entries: &[LedgerEntry]) -> io::Result<usize> {
    let known: HashSet<LedgerEntry> = read(path)?.entries.into_iter().collect();
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
        assert_eq!(read(&path).unwrap(), Ledger::default());
        assert_eq!(append_missing(&path, &[entry(1), entry(2)]).unwrap(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 10]).unwrap();
        assert_eq!(append_missing(&path, &[entry(1), entry(2)]).unwrap(), 1);
        assert_eq!(append_missing(&path, &[entry(1), entry(2)]).unwrap(), 0);
        let ledger = Ledger { entries: vec![entry(1), entry(2)], unreadable: 1 };
        assert_eq!(read(&path).unwrap(), ledger);
    }
}
