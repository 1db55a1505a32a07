//! Reading an athlete's past: where it stands and what the next page is.

use kernel::{ApplicationId, AthleteId, Generation, Timestamp};

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Running,
    Done,
    Failed,
}

/// The import of one connection's past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    pub(crate) generation: Generation,
    pub(crate) state: State,
    /// A code, when it waits or failed.
    pub(crate) reason: String,
    /// Activities read.
    pub(crate) done: i64,
    /// Pages asked for.
    pub(crate) calls: i64,
    /// The next page is what began before this (Unix seconds).
    pub(crate) before_s: Option<i64>,
    pub(crate) started_at: Timestamp,
    pub(crate) changed_at: Timestamp,
    /// 0: none planned.
    pub(crate) next_try_us: i64,
}

impl State {
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

impl Import {
    /// One that has not begun.
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
            state: State::Waiting,
            reason: String::new(),
            done: 0,
            calls: 0,
            before_s: None,
            started_at: now,
            changed_at: now,
            next_try_us: 0,
        }
    }
}

/// What a page says about how to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The list ends here.
    End,
    /// The next page is what began before this (Unix seconds).
    Before(i64),
}

/// When the oldest row of a page began (Unix seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Oldest {
    /// As it is shown: for a hidden start the first second of the day.
    pub(crate) shown_s: i64,
    /// The latest instant it can have been.
    pub(crate) at_most_s: i64,
}

/// How to go on after a page of so many rows out of so many asked for.
///
/// A full page may cut through activities that began in the same second, and whether `before` includes its bound is
/// not documented: so the last second of a full page is asked for again, and what comes twice is seen twice, which
/// changes nothing. A page that brings no progress would never end: then a later bound is given up for an earlier one.
pub(crate) fn next(
    (rows, page): (usize, usize),
    oldest: Option<Oldest>,
    asked_before: Option<i64>,
) -> Next {
    let Some(oldest) = oldest.filter(|_| rows > 0) else { return Next::End };
    let overlapping = (rows >= page).then(|| oldest.at_most_s.saturating_add(1));
    let bounds = [
        overlapping,
        Some(oldest.at_most_s),
        Some(oldest.shown_s),
        Some(oldest.shown_s.saturating_sub(1)),
    ];
    let progress = |bound: &i64| asked_before.is_none_or(|before| *bound < before);
    bounds.into_iter().flatten().find(progress).map_or(Next::End, Next::Before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a list of starts to its end; the bound of `before` is included or not.
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
                rows.last().map(|(_, start)| Oldest { shown_s: *start, at_most_s: *start });
            match next((rows.len(), page), oldest, before) {
                Next::End => return (seen.into_values().collect(), calls),
                Next::Before(second) => before = Some(second),
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
    fn a_history_of_5000_takes_27_calls_and_is_whole_after_26() {
        let starts: Vec<i64> = (0..5_000).map(|day| day * 86_400).collect();

        let (seen, calls) = read(&starts, 200, false);

        assert_eq!((seen.len(), calls), (5_000, 27));
    }

    #[test]
    fn a_short_page_is_not_the_end_and_an_empty_one_is() {
        let oldest = Oldest { shown_s: 50, at_most_s: 50 };

        assert_eq!(next((3, 200), Some(oldest), None), Next::Before(50));
        assert_eq!(next((0, 200), None, Some(50)), Next::End);
    }

    #[test]
    fn a_hidden_start_is_passed_over_only_when_nothing_else_helps() {
        let hidden = Oldest { shown_s: 0, at_most_s: 86_400 };

        assert_eq!(next((3, 200), Some(hidden), Some(200_000)), Next::Before(86_400));
        assert_eq!(next((1, 200), Some(hidden), Some(86_400)), Next::Before(0));
    }
}
