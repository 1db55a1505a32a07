//! Fuzzing without instrumentation: a corpus is replayed, then changed at random for a while.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

/// Cases between two looks at the clock.
const BATCH: u32 = 200;

/// A change of an input.
#[derive(Clone, Debug)]
enum Change {
    /// Replaces a byte.
    Set(prop::sample::Index, u8),
    /// Flips a bit.
    Flip(prop::sample::Index, u8),
    /// Inserts bytes.
    Insert(prop::sample::Index, Vec<u8>),
    /// Removes up to this many bytes.
    Remove(prop::sample::Index, usize),
    /// Repeats the bytes from here on this many times.
    Repeat(prop::sample::Index, usize),
    /// Continues with the tail of another input.
    Splice(prop::sample::Index, prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), prop::sample::select(b"{}[]\",:.-0123456789eE=#\n\\\0".to_vec()))
            .prop_map(|(at, byte)| Change::Insert(at, vec![byte])),
        (at(), 1..40_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (at(), 2..60_usize).prop_map(|(at, times)| Change::Repeat(at, times)),
        (at(), at(), at()).prop_map(|(at, other, from)| Change::Splice(at, other, from)),
    ]
}

fn apply(mut input: Vec<u8>, change: &Change, corpus: &[Vec<u8>]) -> Vec<u8> {
    let place = |index: &prop::sample::Index, length: usize| index.index(length.max(1)).min(length);
    let length = input.len();
    match change {
        Change::Set(at, byte) if length > 0 => input[at.index(length)] = *byte,
        Change::Flip(at, bit) if length > 0 => input[at.index(length)] ^= 1 << bit,
        Change::Set(..) | Change::Flip(..) => {}
        Change::Insert(at, bytes) => {
            let at = place(at, length);
            input.splice(at..at, bytes.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = place(at, length);
            input.drain(at..length.min(at + count));
        }
        Change::Repeat(at, times) => {
            let tail = input.split_off(place(at, length));
            input.extend(tail.iter().take(100).copied().collect::<Vec<_>>().repeat(*times));
        }
        Change::Splice(at, other, from) => {
            let other = &corpus[other.index(corpus.len())];
            input.truncate(place(at, length));
            input.extend_from_slice(&other[place(from, other.len())..]);
        }
    }
    input
}

/// Checks every file of a corpus and every seed, and then inputs made from them, for `FUZZ_SECONDS` (one unless set).
///
/// # Panics
///
/// With the smallest input found that fails the check, as a text and in hexadecimal: keep it in the corpus.
pub fn fuzz(corpus: &Path, seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    let mut inputs = read_files(corpus)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", corpus.display()));
    inputs.extend_from_slice(seeds);
    for input in &inputs {
        check(input);
    }
    let deadline = Instant::now() + duration();
    let made = (any::<prop::sample::Index>(), prop::collection::vec(change(), 1..8)).prop_map(
        |(from, changes)| {
            let input = inputs[from.index(inputs.len())].clone();
            changes.iter().fold(input, |input, change| apply(input, change, &inputs))
        },
    );
    let config = Config { cases: BATCH, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    while Instant::now() < deadline {
        let result = runner.run(&made, |input| {
            check(&input);
            Ok(())
        });
        if let Err(TestError::Fail(why, input)) = result {
            panic!("{why}\n{:?}\n{input:02x?}", String::from_utf8_lossy(&input));
        }
    }
}

/// The contents of the files of a folder, in the order of their names.
fn read_files(folder: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let files = std::fs::read_dir(folder)?.map(|file| Ok(file?.path()));
    let mut paths = files.collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test's time is no setting of the program")]
fn duration() -> Duration {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}
