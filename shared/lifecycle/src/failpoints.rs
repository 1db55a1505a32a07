//! Failpoints: named places in the code at which a test can kill the process.

use std::path::PathBuf;
use std::sync::Arc;

/// The failpoints of one process. None is armed outside of tests.
#[derive(Clone, Debug, Default)]
pub struct Failpoints(Option<Arc<Armed>>);

#[derive(Debug)]
struct Armed {
    name: String,
    marker: PathBuf,
}

impl Failpoints {
    /// Creates failpoints of which none is armed.
    pub fn none() -> Self {
        Self::default()
    }

    /// Arms one failpoint: when it is reached, the file `marker` is written and the process aborts. It
    /// fires once: if the marker exists already, nothing happens.
    pub fn armed(name: &str, marker: PathBuf) -> Self {
        Self(Some(Arc::new(Armed { name: name.to_owned(), marker })))
    }

    /// Aborts the process if the failpoint of this name is armed and has not fired yet.
    pub fn hit(&self, name: &str) {
        let Some(armed) = &self.0 else { return };
        if armed.name != name || armed.marker.exists() {
            return;
        }
        if std::fs::write(&armed.marker, name).is_ok() {
            tracing::warn!(failpoint = name, "aborting at a failpoint set by a test");
            std::process::abort();
        }
    }
}
