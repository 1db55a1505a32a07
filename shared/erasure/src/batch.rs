//! One batch of an erasure.

/// The result of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Number of rows erased.
    pub rows: u64,
    /// Where the next batch begins; none after the last.
    pub next: Option<String>,
}

impl Batch {
    /// The only batch, or the last one.
    pub const fn last(rows: u64) -> Self {
        Self { rows, next: None }
    }
}
