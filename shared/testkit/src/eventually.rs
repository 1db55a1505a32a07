//! Waiting for what happens in its own time.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// Asks again and again until the answer is `Ok`, and returns it. Panics with the last `Err`, which
/// says what was seen instead, when `within` is over.
pub async fn eventually<T, E, F>(within: Duration, what: &str, mut ask: impl FnMut() -> F) -> T
where
    E: Debug,
    F: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(seen) if started.elapsed() >= within => {
                panic!("within {within:?} it did not happen that {what}; last seen: {seen:?}")
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
