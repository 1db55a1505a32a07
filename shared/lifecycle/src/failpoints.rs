//! Named places where a test may kill the process: between an effect and the note that it happened.

use std::path::PathBuf;
use std::sync::Arc;

/// The failpoints of one process; none is armed unless a test says so.
#[derive(Clone, Debug, Default)]
pub struct Failpoints(Option<Arc<Armed>>);

#[derive(Debug)]
struct Armed {
    name: String,
    marker: PathBuf,
}

impl Failpoints {
    /// No failpoint is armed.
    pub fn none() -> Self {
        Self::default()
    }

    /// Arms one: when it is reached, `marker` is written and the process dies at once. If the
    /// marker is there already the failpoint has fired before and stays quiet.
    pub fn armed(name: &str, marker: PathBuf) -> Self {
        Self(Some(Arc::new(Armed { name: name.to_owned(), marker })))
    }

    /// A failpoint by this name is here.
    pub fn hit(&self, name: &str) {
        let Some(armed) = &self.0 else { return };
        if armed.name != name || armed.marker.exists() {
            return;
        }
        if std::fs::write(&armed.marker, name).is_ok() {
            tracing::warn!(failpoint = name, "dying here, as a test asked");
            std::process::abort();
        }
    }
}
