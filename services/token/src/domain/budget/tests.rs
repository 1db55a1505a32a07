//! The rules of the call budget.

use proptest::prelude::*;

use super::*;

const NOON: Timestamp = Timestamp::from_secs(1_790_000_000 / DAY * DAY + DAY / 2);
const PURPOSES: [Purpose; 5] =
    [Purpose::Login, Purpose::Live, Purpose::Copy, Purpose::Reconcile, Purpose::Backfill];

fn budget() -> Budget {
    Budget::initial(ApplicationId::new(1), NOON)
}

fn usage(quarter: u32, day: u32) -> RateLimits {
    let usage = WindowCounts::new(quarter, day);
    RateLimits { overall_usage: usage, read_usage: usage, ..RateLimits::default() }
}

#[test]
fn backfill_cannot_eat_the_reserve() {
    let mut budget = budget();
    let mut granted = 0;
    while budget
        .admits(Purpose::Backfill, CallCount::new(1, 0), InFlightCalls::default(), NOON)
        .is_ok()
    {
        budget.record_usage(CallCount::new(1, 0), None, NOON);
        granted += 1;
    }
    assert_eq!(granted, 80);
    for purpose in [Purpose::Login, Purpose::Live, Purpose::Copy, Purpose::Reconcile] {
        assert!(
            budget.admits(purpose, CallCount::new(1, 0), InFlightCalls::default(), NOON).is_ok(),
            "{purpose:?}"
        );
    }
}

#[test]
fn leases_in_flight_count_as_spent_until_they_are_reported() {
    let budget = budget();
    let in_flight = InFlightCalls { quarter: CallCount::new(100, 0), day: CallCount::new(100, 0) };
    let again = budget.admits(Purpose::Login, CallCount::new(1, 0), in_flight, NOON);
    assert_eq!(again, Err(NOON.plus(IN_FLIGHT_RETRY_DELAY)), "they may be reported any moment");
}

#[test]
fn a_full_quarter_waits_for_the_next_and_a_full_day_for_midnight() {
    let mut budget = budget();
    budget.record_usage(CallCount::new(1, 0), Some(&usage(100, 300)), NOON);
    let refused =
        budget.admits(Purpose::Login, CallCount::new(1, 0), InFlightCalls::default(), NOON);
    assert_eq!(refused, Err(NOON.plus(Duration::from_mins(15))));
    budget.record_usage(CallCount::new(1, 0), Some(&usage(100, 1000)), NOON);
    let refused =
        budget.admits(Purpose::Login, CallCount::new(1, 0), InFlightCalls::default(), NOON);
    assert_eq!(refused, Err(NOON.plus(Duration::from_hours(12))));
}

#[test]
fn uploads_go_on_when_the_read_bucket_is_full() {
    let mut budget = budget();
    budget.record_usage(CallCount::new(100, 0), None, NOON);
    assert!(
        budget.admits(Purpose::Copy, CallCount::new(0, 1), InFlightCalls::default(), NOON).is_ok()
    );
    assert!(
        budget.admits(Purpose::Copy, CallCount::new(1, 1), InFlightCalls::default(), NOON).is_err()
    );
}

#[test]
fn usage_is_the_highest_seen_and_an_old_answer_is_not_for_a_new_window() {
    let mut budget = budget();
    budget.record_usage(CallCount::new(1, 0), Some(&usage(50, 500)), NOON);
    budget.record_usage(CallCount::new(1, 0), Some(&usage(40, 400)), NOON);
    assert_eq!((budget.quarter.spent.read, budget.day.spent.read), (50, 500));
    let later = NOON.plus(Duration::from_mins(15));
    budget.roll_windows(later);
    assert_eq!((budget.quarter.spent.read, budget.day.spent.read), (0, 500));
    budget.record_usage(CallCount::new(1, 0), Some(&usage(90, 505)), NOON);
    assert_eq!((budget.quarter.spent.read, budget.day.spent.read), (1, 505));
}

#[test]
fn a_clock_that_lags_behind_stravas_does_not_bring_an_old_window_back() {
    let mut budget = budget();
    let ahead = NOON.plus(Duration::from_mins(15));
    budget.record_usage(CallCount::new(1, 0), Some(&usage(1, 501)), ahead);
    budget.roll_windows(ahead.minus(Duration::from_secs(2)));
    assert_eq!((budget.quarter.since, budget.quarter.spent.read), (ahead, 1));
}

#[test]
fn a_429_blocks_everybody_until_the_window_ends() {
    let mut budget = budget();
    budget.block_until_window_ends();
    let ends = NOON.plus(Duration::from_mins(15));
    assert_eq!(
        budget.admits(Purpose::Login, CallCount::new(1, 0), InFlightCalls::default(), NOON),
        Err(ends)
    );
    budget.roll_windows(ends);
    assert_eq!(
        budget.admits(Purpose::Login, CallCount::new(1, 0), InFlightCalls::default(), ends),
        Ok(())
    );
}

#[test]
fn limits_are_stravas_own_once_seen() {
    let mut budget = budget();
    let limits = RateLimits {
        overall_limit: WindowCounts::new(600, 30_000),
        overall_usage: WindowCounts::new(1, 1),
        ..RateLimits::default()
    };
    budget.record_usage(CallCount::new(1, 0), Some(&limits), NOON);
    assert_eq!(budget.quarter.limit, Buckets { overall: 600, read: 100 });
}

#[test]
fn everybody_gets_a_turn_and_nobody_two_before_the_others() {
    const REQUESTERS: usize = 50;
    let pair = CallCount::new(2, 0);
    let mut budget = budget();
    let mut served = [0; REQUESTERS];
    for quarter in 0..2 {
        let now = NOON.plus(Duration::from_mins(15 * quarter));
        budget.roll_windows(now);
        let mut spent = [CallCount::default(); REQUESTERS];
        // Everybody asks twice, the ones who got nothing before first.
        let mut order: Vec<usize> = (0..REQUESTERS).collect();
        order.sort_by_key(|requester| served[*requester]);
        for requester in order.repeat(2) {
            let fits =
                budget.admits(Purpose::Reconcile, pair, InFlightCalls::default(), now).is_ok();
            if fits && budget.is_fair(Purpose::Reconcile, REQUESTERS, spent[requester], pair) {
                assert_eq!(
                    spent[requester],
                    CallCount::default(),
                    "one pair is more than a share of 1"
                );
                budget.record_usage(pair, None, now);
                spent[requester] = pair;
                served[requester] += 1;
            }
        }
    }
    assert!(served.iter().all(|pairs| *pairs > 0), "{served:?}");
}

proptest! {
    #[test]
    fn no_order_of_grants_and_reports_overspends(
        steps in prop::collection::vec((0_usize..5, 0_i64..4, 0_i64..3, any::<bool>()), 1..400),
    ) {
        let mut budget = budget();
        let mut open: Vec<CallCount> = Vec::new();
        let mut spent = CallCount::default();
        for (purpose, reads, writes, report) in steps {
            let wanted = CallCount::new(reads, writes);
            let sum = open.iter().copied().sum();
            let in_flight = InFlightCalls { quarter: sum, day: sum };
            if budget.admits(PURPOSES[purpose], wanted, in_flight, NOON).is_ok() {
                open.push(wanted);
            }
            if report && let Some(lease) = open.pop() {
                spent = [spent, lease].into_iter().sum();
                budget.record_usage(lease, None, NOON);
            }
        }
        for lease in open {
            spent = CallCount::new(spent.reads + lease.reads, spent.writes + lease.writes);
        }
        prop_assert!(spent.reads <= 100 && spent.reads + spent.writes <= 200, "{spent:?}");
    }
}
