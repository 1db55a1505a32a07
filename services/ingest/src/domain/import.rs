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
        [Self::Waiting, Self::Running, Self::Done, Self::Failed].into_iter().find(|state| state.as_str() == word)
    }
}

impl Import {
    /// One that has not begun.
    pub(crate) fn new(athlete: AthleteId, application: ApplicationId, generation: Generation, now: Timestamp) -> Self {
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

/// How to go on after a page of this many rows, whose oldest began at `oldest_s`.
///
/// A full page may cut through activities that began in the same second, and whether `before` includes its bound is
/// not documented: so the last second of a full page is asked for again, and what comes twice is seen twice, which
/// changes nothing. A page that brings no progress would never end: then the second is left behind.
pub(crate) fn next(rows: usize, page: usize, oldest_s: Option<i64>, asked_before: Option<i64>) -> Next {
    let Some(oldest) = oldest_s.filter(|_| rows > 0) else { return Next::End };
    let overlapping = oldest.saturating_add(1);
    let full = rows >= page;
    if full && asked_before.is_none_or(|before| overlapping < before) {
        return Next::Before(overlapping);
    }
    if asked_before.is_none_or(|before| oldest < before) {
        return Next::Before(oldest);
    }
    Next::Before(oldest.saturating_sub(1))
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
            let within = |start: i64| before.is_none_or(|before| start < before || (inclusive && start == before));
            let rows: Vec<_> = sorted.iter().filter(|(_, start)| within(*start)).take(page).collect();
            seen.extend(rows.iter().map(|(at, start)| (*at, *start)));
            match next(rows.len(), page, rows.last().map(|(_, start)| *start), before) {
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
        assert_eq!(next(3, 200, Some(50), None), Next::Before(50));
        assert_eq!(next(0, 200, None, Some(50)), Next::End);
    }
}
