//! The erasure of a service: rows in batches behind the raised fence, then records and objects, in two passes.
//!
//! A handler calls [`Erasures::request`] in the transaction that raises the fence. From then on nothing of the erased
//! connection is written any more, and live work passes between the batches. The second pass follows after the longest
//! possible request and finds what was in flight (an object is stored before the transaction that names it). Both passes
//! publish [`Erased`](contracts::erasures::Erased).
#![warn(missing_docs)]

mod batch;
mod job;
mod progress;

use std::future::Future;
use std::time::Duration;

use contracts::Erasure;
use jobs::{JobRequest, Queue, State, priority, run_workers};
use kernel::AthleteId;
use lifecycle::Stop;
use outbox::{AthleteTx, Database, OutboxMessage, StoreError};

pub use crate::batch::{BATCH_SIZE, Batch};
use crate::progress::Progress;

/// Kind of the jobs that erase.
pub const ERASE: &str = "erase";
/// Time between the passes: longer than any request to Strava or to the object store may take.
const SECOND_PASS_DELAY: Duration = Duration::from_mins(10);

/// The data of a service that can be erased.
pub trait ErasableData: Clone + Send + Sync + 'static {
    /// Name of the service.
    const SERVICE: &'static str;

    /// Erases the next rows, at most about [`BATCH_SIZE`], after the place where the former batch ended (empty: the
    /// beginning). The fence is raised. May run again with the same place.
    fn erase_batch(
        &self,
        tx: &AthleteTx,
        erasure: Erasure,
        after: &str,
    ) -> impl Future<Output = Result<Batch, StoreError>> + Send;

    /// Erases the objects, outside any transaction, and returns their number.
    fn erase_objects(
        &self,
        _athlete: AthleteId,
        _erasure: Erasure,
    ) -> impl Future<Output = Result<u64, anyhow::Error>> + Send {
        async { Ok(0) }
    }
}

/// The erasures of one service.
#[derive(Clone, Debug)]
pub struct Erasures<D> {
    database: Database,
    queue: Queue,
    data: D,
}

impl<D: ErasableData> Erasures<D> {
    /// Erasures of this data; the queue belongs to the same database.
    pub fn new(database: &Database, queue: &Queue, data: D) -> Self {
        Self { database: database.for_bulk(), queue: queue.clone(), data }
    }

    /// Raises the fence and enqueues the erasure. One that is under way goes on; one that is done is done again, for
    /// whoever asks again has not received the answer.
    pub async fn request(&self, tx: &AthleteTx, erasure: Erasure) -> Result<(), StoreError> {
        tx.raise_fence(erasure).await?;
        let subject = progress::subject(tx.athlete(), erasure);
        if self.queue.state_of(tx, ERASE, &subject).await? == Some(State::Open) {
            tx.wake_workers_on_commit();
            return Ok(());
        }
        let request = JobRequest {
            kind: ERASE,
            subject,
            // Not the athlete's: their other jobs are deleted meanwhile, and do not wait for this one.
            athlete: None,
            source: None,
            priority: priority::COPY,
            due: self.queue.now(),
            payload: Progress::new(tx.athlete(), erasure).to_json(),
            not_if_answered_after: None,
        };
        self.queue.enqueue(tx, &request).await
    }

    /// Runs the erasures until the soft stop.
    pub async fn run(self, soft: Stop, hard: Stop) -> Result<(), anyhow::Error> {
        let queue = self.queue.clone();
        run_workers(queue, &[ERASE], 1, self, soft, hard).await
    }
}

/// The answer of a service that has nothing to erase in batches.
pub fn answer(
    service: &str,
    athlete: AthleteId,
    erasure: Erasure,
    count: ErasedCount,
) -> OutboxMessage<contracts::erasures::Erased> {
    let (application, through_generation) = erasure.scope();
    let body = contracts::erasures::Erased {
        service: service.to_owned(),
        application,
        through_generation,
        erased_at_us: count.at.as_micros(),
        rows: count.rows.try_into().unwrap_or(i64::MAX),
        objects: count.objects.try_into().unwrap_or(i64::MAX),
        r#final: count.is_final,
    };
    OutboxMessage {
        topic: contracts::Topic::Erasures,
        athlete: Some(athlete),
        origins: Vec::new(),
        cause: contracts::Cause::Operator,
        replay: false,
        body,
    }
}

/// What was erased, and when.
#[derive(Clone, Copy, Debug)]
pub struct ErasedCount {
    /// The instant.
    pub at: kernel::Timestamp,
    /// Number of rows since the erase was asked for.
    pub rows: u64,
    /// Number of objects since then.
    pub objects: u64,
    /// True after the second pass.
    pub is_final: bool,
}
