//! Randomness is borrowed too: ids and secrets come from whoever was handed in.

use std::fmt;

use uuid::Uuid;

use crate::Timestamp;

/// Mints ids and secrets.
pub trait Ids: Send + Sync + fmt::Debug + 'static {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);

    /// A UUIDv7 of this instant.
    fn uuid_v7(&self, now: Timestamp) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(now.as_micros().div_euclid(1_000)).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Thirty-two unpredictable bytes.
    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's randomness.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn fill(&self, buffer: &mut [u8]) {
        // The system's generator fails only where the machine itself is broken; going on with
        // guessable secrets would be worse than stopping.
        if aws_lc_rs::rand::fill(buffer).is_err() {
            std::process::abort();
        }
    }
}
