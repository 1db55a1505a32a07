//! The backfill of a connection: its progress and its next page.

use kernel::{ApplicationId, AthleteId, Generation, Timestamp};

/// State of a backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackfillState {
    Waiting,
    Running,
    Done,
    Failed,
}

/// The backfill of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backfill {
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    pub(crate) generation: Generation,
    pub(crate) state: BackfillState,
    /// Reason code, if it waits or failed.
    pub(crate) reason: String,
    /// Number of activities read.
    pub(crate) done: i64,
    /// Number of pages requested.
    pub(crate) calls: i64,
    /// Bound of the next page: activities that began before it (Unix seconds).
    pub(crate) before_s: Option<i64>,
    pub(crate) started_at: Timestamp,
    pub(crate) changed_at: Timestamp,
    /// Time of the next attempt (microseconds); 0 if none is planned.
    pub(crate) next_try_us: i64,
}

impl BackfillState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Done, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

impl Backfill {
    /// Returns a backfill that has not begun.
    pub(crate) fn new(
        athlete: AthleteId,
        application: ApplicationId,
        generation: Generation,
        now: Timestamp,
    ) -> Self {
        Self {
            athlete,
            application,
            generation,
            state: BackfillState::Waiting,
            reason: String::new(),
            done: 0,
            calls: 0,
            before_s: None,
            started_at: now,
            changed_at: now,
            next_try_us: 0,
        }
    }

    /// Returns true if it is running or waits for its next attempt.
    pub(crate) fn is_in_progress(&self) -> bool {
        matches!(self.state, BackfillState::Waiting | BackfillState::Running)
    }

    /// Returns the backfill after a page of so many readable rows.
    pub(crate) fn advance(&self, rows: usize, next: NextPage, now: Timestamp) -> Self {
        let (state, before_s) = match next {
            NextPage::End => (BackfillState::Done, self.before_s),
            NextPage::Before(second) => (BackfillState::Running, Some(second)),
        };
        Self {
            state,
            reason: String::new(),
            done: self.done + rows as i64,
            calls: self.calls + 1,
            before_s,
            changed_at: now,
            next_try_us: 0,
            ..*self
        }
    }
}

/// The next page after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextPage {
    /// None: the list is complete.
    End,
    /// Bound of the next page: activities that began before it (Unix seconds).
    Before(i64),
}

/// Start of the oldest row of a page (Unix seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OldestStart {
    /// As listed: for a hidden start the first second of the day.
    pub(crate) shown_s: i64,
    /// The latest possible start.
    pub(crate) at_most_s: i64,
}

/// Plans the page after one of `rows` rows that was requested with this size and bound.
///
/// A full page may cut through activities that began in the same second, and it is not documented if `before` includes
/// its bound: so the last second of a full page is requested again; recording a row twice changes nothing. A bound that
/// brings no progress would never end: then an earlier one is used.
pub(crate) fn plan_next_page(
    rows: usize,
    page_size: usize,
    oldest: Option<OldestStart>,
    requested_before: Option<i64>,
) -> NextPage {
    let Some(oldest) = oldest.filter(|_| rows > 0) else { return NextPage::End };
    let overlapping = (rows >= page_size).then(|| oldest.at_most_s.saturating_add(1));
    let bounds = [
        overlapping,
        Some(oldest.at_most_s),
        Some(oldest.shown_s),
        Some(oldest.shown_s.saturating_sub(1)),
    ];
    let progress = |bound: &i64| requested_before.is_none_or(|before| *bound < before);
    bounds.into_iter().flatten().find(progress).map_or(NextPage::End, NextPage::Before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a list of starts to its end, with a bound that is included or not.
    fn read(starts: &[i64], page: usize, inclusive: bool) -> (Vec<i64>, usize) {
        let mut sorted: Vec<(usize, i64)> = starts.iter().copied().enumerate().collect();
        sorted.sort_by_key(|(at, start)| (-start, *at));
        let (mut seen, mut calls, mut before) = (std::collections::BTreeMap::new(), 0, None);
        loop {
            calls += 1;
            assert!(calls <= starts.len() * 3 + 3, "it never ends");
            let within = |start: i64| {
                before.is_none_or(|before| start < before || (inclusive && start == before))
            };
            let rows: Vec<_> =
                sorted.iter().filter(|(_, start)| within(*start)).take(page).collect();
            seen.extend(rows.iter().map(|(at, start)| (*at, *start)));
            let oldest =
                rows.last().map(|(_, start)| OldestStart { shown_s: *start, at_most_s: *start });
            match plan_next_page(rows.len(), page, oldest, before) {
                NextPage::End => return (seen.into_values().collect(), calls),
                NextPage::Before(second) => before = Some(second),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn every_activity_is_read_whatever_the_bound_means(
            starts in proptest::collection::vec(1_000_i64..1_040, 0..60),
            inclusive in proptest::bool::ANY,
        ) {
            // No more activities begin in one second than a page holds.
            let mut starts = starts;
            starts.sort_unstable();
            let mut kept: Vec<i64> = Vec::new();
            for start in starts {
                if kept.iter().filter(|other| **other == start).count() < 3 {
                    kept.push(start);
                }
            }
            let (mut seen, _) = read(&kept, 5, inclusive);
            seen.sort_unstable();
            proptest::prop_assert_eq!(seen, kept);
        }
    }

    #[test]
    fn a_backfill_of_5000_takes_27_calls_and_is_whole_after_26() {
        let starts: Vec<i64> = (0..5_000).map(|day| day * 86_400).collect();

        let (seen, calls) = read(&starts, 200, false);

        assert_eq!((seen.len(), calls), (5_000, 27));
    }

    #[test]
    fn a_short_page_is_not_the_end_and_an_empty_one_is() {
        let oldest = OldestStart { shown_s: 50, at_most_s: 50 };

        assert_eq!(plan_next_page(3, 200, Some(oldest), None), NextPage::Before(50));
        assert_eq!(plan_next_page(0, 200, None, Some(50)), NextPage::End);
    }

    #[test]
    fn a_hidden_start_is_passed_over_only_when_nothing_else_helps() {
        let hidden = OldestStart { shown_s: 0, at_most_s: 86_400 };

        assert_eq!(plan_next_page(3, 200, Some(hidden), Some(200_000)), NextPage::Before(86_400));
        assert_eq!(plan_next_page(1, 200, Some(hidden), Some(86_400)), NextPage::Before(0));
    }
}
