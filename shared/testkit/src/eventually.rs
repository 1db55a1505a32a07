//! Polling until a condition holds.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// Polls `check` until it returns `Ok`, and returns the value.
///
/// # Panics
///
/// With the last `Err` after `within`.
pub async fn eventually<T, E, F>(within: Duration, what: &str, mut check: impl FnMut() -> F) -> T
where
    E: Debug,
    F: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        match check().await {
            Ok(value) => return value,
            Err(last) if started.elapsed() >= within => {
                panic!("not within {within:?}: {what}; last result: {last:?}")
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
