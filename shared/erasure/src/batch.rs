//! One batch of an erasure.

/// Maximum number of rows that one transaction reads to erase them.
pub const BATCH_SIZE: u64 = 200;

/// The result of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Number of rows erased.
    pub rows: u64,
    /// Where the next batch begins; none after the last.
    pub next: Option<String>,
}

impl Batch {
    /// The place after these rows, if there may be more: a batch that is not full was the last.
    pub fn place_after<T>(read: &[T], place: impl FnOnce(&T) -> String) -> Option<String> {
        read.last().filter(|_| read.len() as u64 == BATCH_SIZE).map(place)
    }

    /// The only batch, or the last one.
    pub const fn last(rows: u64) -> Self {
        Self { rows, next: None }
    }
}
