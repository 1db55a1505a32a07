//! How many connections each listener may have open, so that slow callers of the public one leave descriptors for the
//! operations port, the databases and the log.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Number of descriptors that are asked for; more than this no process of ours needs.
const WANTED_DESCRIPTORS: u64 = 65_536;

/// The maximum numbers of open connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    /// Of the public listener.
    pub(crate) public: usize,
    /// Of the operations port.
    pub(crate) ops: usize,
}

impl ConnectionLimits {
    /// The limits of this process, whose number of descriptors is raised as far as it may be.
    pub(crate) fn of_process(max_public: usize) -> Self {
        let limits = Self::within(raise_descriptors(), max_public);
        if limits.public < max_public {
            tracing::info!(
                max_connections = limits.public,
                "the public listener has fewer connections than server.max_connections: few files may be open (ulimit -n)"
            );
        }
        limits
    }

    /// Three eighths of the descriptors for the public listener, an eighth for the operations port, the rest for
    /// databases, log, objects and calls.
    fn within(descriptors: u64, max_public: usize) -> Self {
        let eighth = usize::try_from(descriptors / 8).unwrap_or(usize::MAX / 8).max(1);
        Self { public: max_public.min(eighth * 3), ops: eighth.min(256) }
    }
}

/// Raises the limit of open files to what the administrator allows, and returns it.
fn raise_descriptors() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(u64::MAX).min(WANTED_DESCRIPTORS);
    let current = current.unwrap_or(u64::MAX);
    if current >= wanted {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(_refused) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_listener_leaves_descriptors_for_the_rest() {
        let limits = ConnectionLimits::within(256, 4096);
        assert_eq!(limits, ConnectionLimits { public: 96, ops: 32 });
        assert_eq!(ConnectionLimits::within(65_536, 4096).public, 4096);
        assert_eq!(ConnectionLimits::within(0, 4096), ConnectionLimits { public: 3, ops: 1 });
        assert_eq!(ConnectionLimits::within(u64::MAX, 4096).ops, 256);
    }
}
