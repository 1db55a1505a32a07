//! Settled and unsettled offsets of one partition, and the offset that may be committed.

use std::collections::VecDeque;

#[derive(Debug)]
struct TrackedOffset {
    offset: i64,
    settled: bool,
}

/// Delivered offsets of a partition in order of delivery; they may have gaps.
#[derive(Debug, Default)]
pub(crate) struct OffsetTracker {
    delivered: VecDeque<TrackedOffset>,
    unsettled: usize,
}

impl OffsetTracker {
    /// Adds a delivered offset, which must be greater than all before it.
    pub(crate) fn track(&mut self, offset: i64) {
        self.delivered.push_back(TrackedOffset { offset, settled: false });
        self.unsettled += 1;
    }

    /// Marks an offset as settled; returns the highest offset that may be stored now, if it rose.
    pub(crate) fn settle(&mut self, offset: i64) -> Option<i64> {
        let index = self.delivered.binary_search_by_key(&offset, |entry| entry.offset).ok()?;
        let entry = self.delivered.get_mut(index)?;
        if !std::mem::replace(&mut entry.settled, true) {
            self.unsettled -= 1;
        }
        std::iter::from_fn(|| self.delivered.pop_front_if(|entry| entry.settled))
            .last()
            .map(|entry| entry.offset)
    }

    /// Number of delivered offsets that are not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// Number of delivered offsets from the oldest unsettled one on.
    pub(crate) fn span(&self) -> usize {
        self.delivered.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_may_be_stored_is_the_end_of_the_settled_beginning(
            gaps in prop::collection::vec(1_i64..5, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(0, |offset, gap| { *offset += gap; Some(*offset) }).collect();
            let mut tracker = OffsetTracker::default();
            let mut settled = BTreeSet::new();
            let mut stored = None;
            let mut delivered = 0;
            for index in order {
                // Delivery and settlement interleave.
                if delivered < offsets.len() && index.index(2) == 0 {
                    tracker.track(offsets[delivered]);
                    delivered += 1;
                    continue;
                }
                if delivered == 0 { continue; }
                let offset = offsets[index.index(delivered)];
                settled.insert(offset);
                if let Some(up_to) = tracker.settle(offset) {
                    prop_assert!(Some(up_to) > stored);
                    stored = Some(up_to);
                }
                let prefix = offsets[..delivered].iter().take_while(|offset| settled.contains(offset)).last().copied();
                prop_assert_eq!(stored, prefix);
                prop_assert_eq!(tracker.unsettled(), delivered - settled.len());
            }
        }

        #[test]
        fn an_offset_that_was_never_delivered_settles_nothing(offset in any::<i64>()) {
            let mut tracker = OffsetTracker::default();
            prop_assert_eq!(tracker.settle(offset), None);
            tracker.track(7);
            prop_assert_eq!(tracker.settle(offset), (offset == 7).then_some(7));
        }
    }
}
