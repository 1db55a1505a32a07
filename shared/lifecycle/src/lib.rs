//! Soft and hard stop, owned tasks, signals and the exit code.
