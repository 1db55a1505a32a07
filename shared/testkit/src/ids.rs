//! Reproducible ids.

use std::sync::atomic::{AtomicU64, Ordering};

use kernel::Ids;

/// Generates reproducible ids: the same seed gives the same ids in the same order.
#[derive(Debug)]
pub struct SeededIds(AtomicU64);

impl SeededIds {
    /// A generator with this seed.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next_word(&self) -> u64 {
        // SplitMix64.
        let mut word = self
            .0
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

impl Ids for SeededIds {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let word = self.next_word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
