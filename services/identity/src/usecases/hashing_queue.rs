//! The queue of passwords to hash: few at a time, in memory that is used again and given back afterwards.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::password::HashingMemory;

/// Number of passwords that are hashed at a time: each takes 19 MB and tens of milliseconds of a core.
const MAX_CONCURRENT: usize = 2;
/// Number of passwords that are hashed or wait for it; more are refused, for the last would wait too long.
const MAX_QUEUED: usize = 64;

/// The queue.
#[derive(Debug)]
pub(crate) struct HashingQueue {
    places: Semaphore,
    running: Arc<Semaphore>,
    /// Memory that no hash uses at the moment; none once the queue is empty.
    spare: Mutex<Vec<HashingMemory>>,
}

impl HashingQueue {
    /// An empty queue.
    pub(crate) fn new() -> Self {
        let running = Arc::new(Semaphore::new(MAX_CONCURRENT));
        Self { places: Semaphore::new(MAX_QUEUED), running, spare: Mutex::default() }
    }

    /// A place in the queue, as long as it is kept. None if the queue is full.
    pub(crate) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.places.try_acquire().ok()
    }

    /// Runs the work away from the threads that serve requests. None if the program is about to end.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut HashingMemory) -> T + Send + 'static,
    ) -> Option<T> {
        let running = Arc::clone(&self.running).acquire_owned().await.ok()?;
        let queue = Arc::clone(self);
        // The permit goes with the work, which a caller that is gone does not end.
        let work = move || {
            let mut memory = queue.take_spare().unwrap_or_else(HashingMemory::new);
            let result = work(&mut memory);
            queue.spare.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            drop(running);
            queue.free_if_idle();
            result
        };
        tokio::task::spawn_blocking(work).await.ok()
    }

    fn take_spare(&self) -> Option<HashingMemory> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Gives the memory back once nobody hashes or waits: a waiting one gets the permit of the one before it.
    fn free_if_idle(&self) {
        if self.running.available_permits() == MAX_CONCURRENT {
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn hashes_share_memory_and_the_last_one_gives_it_back() {
        let queue = Arc::new(HashingQueue::new());
        let most = Arc::new(Mutex::new(0));
        let hashes = (0..20).map(|_| {
            let (watched, most) = (Arc::clone(&queue), Arc::clone(&most));
            queue.run(move |_memory| {
                let spare = watched.spare.lock().unwrap().len();
                let in_use = MAX_CONCURRENT - watched.running.available_permits();
                let mut most = most.lock().unwrap();
                *most = (*most).max(spare + in_use);
            })
        });

        futures::future::join_all(hashes).await;

        assert!(*most.lock().unwrap() <= 2 * MAX_CONCURRENT, "{most:?}");
        assert_eq!(queue.running.available_permits(), MAX_CONCURRENT);
        assert!(queue.spare.lock().unwrap().is_empty(), "the memory was kept");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_caller_that_went_away_frees_no_place_for_another_hash() {
        let queue = Arc::new(HashingQueue::new());
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let run = queue.run(move |_memory| {
            begin.send(()).unwrap();
            ended.recv().unwrap_err();
        });
        tokio::select! {
            _ = run => panic!("it waits"),
            _ = begun => {}
        }

        assert_eq!(queue.running.available_permits(), MAX_CONCURRENT - 1);
        drop(end);
        let _all =
            queue.running.acquire_many(u32::try_from(MAX_CONCURRENT).unwrap()).await.unwrap();
    }
}
