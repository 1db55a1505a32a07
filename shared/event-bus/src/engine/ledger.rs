//! Which offsets of a partition are settled, and up to where all of them are.

use std::collections::VecDeque;

/// Offsets in the order of delivery (they have gaps), each settled or not. Pure, property-tested.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    taken: VecDeque<(i64, bool)>,
    in_hand: usize,
}

impl Ledger {
    /// Notes a delivered offset; they rise.
    pub(crate) fn take(&mut self, offset: i64) {
        self.taken.push_back((offset, false));
        self.in_hand += 1;
    }

    /// Notes that an offset is settled; answers with the highest offset that may be stored now, if it rose.
    pub(crate) fn settle(&mut self, offset: i64) -> Option<i64> {
        let at = self.taken.binary_search_by_key(&offset, |entry| entry.0).ok()?;
        let entry = self.taken.get_mut(at)?;
        if !std::mem::replace(&mut entry.1, true) {
            self.in_hand -= 1;
        }
        std::iter::from_fn(|| self.taken.pop_front_if(|entry| entry.1)).last().map(|entry| entry.0)
    }

    /// How many delivered offsets are not settled.
    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand
    }

    /// How far reading is ahead of the oldest offset that is not settled.
    pub(crate) fn span(&self) -> usize {
        self.taken.len()
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
            let offsets: Vec<i64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut ledger = Ledger::default();
            let mut settled = BTreeSet::new();
            let mut stored = None;
            let mut delivered = 0;
            for index in order {
                // Delivery and settlement interleave.
                if delivered < offsets.len() && index.index(2) == 0 {
                    ledger.take(offsets[delivered]);
                    delivered += 1;
                    continue;
                }
                if delivered == 0 { continue; }
                let offset = offsets[index.index(delivered)];
                settled.insert(offset);
                if let Some(up_to) = ledger.settle(offset) {
                    prop_assert!(Some(up_to) > stored);
                    stored = Some(up_to);
                }
                let prefix = offsets[..delivered].iter().take_while(|offset| settled.contains(offset)).last().copied();
                prop_assert_eq!(stored, prefix);
                prop_assert_eq!(ledger.in_hand(), delivered - settled.len());
            }
        }

        #[test]
        fn an_offset_that_was_never_delivered_settles_nothing(offset in any::<i64>()) {
            let mut ledger = Ledger::default();
            prop_assert_eq!(ledger.settle(offset), None);
            ledger.take(7);
            prop_assert_eq!(ledger.settle(offset), (offset == 7).then_some(7));
        }
    }
}
