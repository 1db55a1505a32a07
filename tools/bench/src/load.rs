//! A closed-loop HTTP/1.1 driver over kept-alive connections, thin enough not to be what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much is sent, over how many connections, and for how long at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) requests: u64,
    pub(crate) at_most: Duration,
}

/// Writes the how-manieth request.
pub(crate) type Request = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Answered with 200.
    pub(crate) answered: u64,
    /// Answered otherwise.
    pub(crate) refused: u64,
    pub(crate) elapsed: Duration,
    /// Of every answer.
    pub(crate) times: Vec<Duration>,
}

impl Outcome {
    /// Good answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// This CPU time, shared among the answers, in microseconds.
    pub(crate) fn micros_each(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / (self.answered + self.refused).max(1) as f64
    }
}

/// Connects first, then sends: each connection its next request when it has its answer.
pub(crate) async fn drive(load: Load, request: Request) -> anyhow::Result<Outcome> {
    let mut streams = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        let stream = TcpStream::connect(load.address)
            .await
            .with_context(|| format!("cannot reach {}", load.address))?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for stream in streams {
        let (request, next) = (Arc::clone(&request), Arc::clone(&next));
        tasks.spawn(async move { converse(stream, load, began, request, next).await });
    }
    let mut whole = Outcome::default();
    while let Some(part) = tasks.join_next().await {
        let part = part??;
        whole.answered += part.answered;
        whole.refused += part.refused;
        whole.times.extend(part.times);
    }
    whole.elapsed = began.elapsed();
    Ok(whole)
}

async fn converse(
    mut stream: TcpStream,
    load: Load,
    began: Instant,
    request: Request,
    next: Arc<AtomicU64>,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut buffer = Vec::with_capacity(4096);
    while began.elapsed() < load.at_most {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= load.requests {
            break;
        }
        let bytes = request(number);
        let sent = Instant::now();
        let status = tokio::time::timeout(PATIENCE, exchange(&mut stream, &bytes, &mut buffer))
            .await
            .context("no answer in time")??;
        outcome.times.push(sent.elapsed());
        if status == 200 {
            outcome.answered += 1;
        } else {
            outcome.refused += 1;
        }
    }
    Ok(outcome)
}

/// One request and its whole answer, which stays in the buffer; returns the status.
async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> anyhow::Result<u16> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        if let Some((status, whole)) = measure(buffer)?
            && buffer.len() >= whole
        {
            return Ok(status);
        }
    }
}

/// The status of an answer and how long it is as a whole, once its head is there.
fn measure(bytes: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).context("the answer's head is no text")?;
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status = status.context("the answer has no status")?;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize = value.trim().parse().context("the answer's length is no number")?;
            return Ok(Some((status, end + 4 + length)));
        }
    }
    bail!("the answer does not tell its length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_measured_by_its_own_word_and_only_once_its_head_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(measure(&answer[..30]).unwrap(), None);
        assert_eq!(measure(answer).unwrap(), Some((200, answer.len())));
        assert!(measure(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(measure(b"what?\r\n\r\n").is_err());
    }
}
