//! A closed-loop HTTP/1.1 driver over kept-alive connections, thin enough not to be what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Maximum time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The load of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadPlan {
    pub(crate) connections: usize,
    pub(crate) requests: u64,
    pub(crate) max_duration: Duration,
}

/// Builds the request of a number.
pub(crate) type RequestBuilder = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// The answers of a run.
#[derive(Debug, Default)]
pub(crate) struct LoadResult {
    /// Number of answers with status 200.
    pub(crate) answered: u64,
    /// Number of other answers.
    pub(crate) refused: u64,
    pub(crate) elapsed: Duration,
    /// Latency of every answer.
    pub(crate) times: Vec<Duration>,
}

impl LoadResult {
    /// Answers with status 200 per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// CPU time per answer in microseconds.
    pub(crate) fn cpu_micros_per_answer(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / (self.answered + self.refused).max(1) as f64
    }
}

/// Opens all connections, then sends; each connection sends its next request after an answer.
pub(crate) async fn drive_load(
    address: SocketAddr,
    plan: LoadPlan,
    build_request: RequestBuilder,
) -> anyhow::Result<LoadResult> {
    let mut streams = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot reach {address}"))?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for stream in streams {
        let (build_request, next) = (Arc::clone(&build_request), Arc::clone(&next));
        tasks
            .spawn(async move { drive_connection(stream, plan, began, build_request, next).await });
    }
    let mut total = LoadResult::default();
    while let Some(part) = tasks.join_next().await {
        let part = part??;
        total.answered += part.answered;
        total.refused += part.refused;
        total.times.extend(part.times);
    }
    total.elapsed = began.elapsed();
    Ok(total)
}

async fn drive_connection(
    mut stream: TcpStream,
    plan: LoadPlan,
    began: Instant,
    build_request: RequestBuilder,
    next: Arc<AtomicU64>,
) -> anyhow::Result<LoadResult> {
    let mut result = LoadResult::default();
    let mut buffer = Vec::with_capacity(4096);
    while began.elapsed() < plan.max_duration {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= plan.requests {
            break;
        }
        let bytes = build_request(number);
        let sent = Instant::now();
        let status =
            tokio::time::timeout(ANSWER_TIMEOUT, exchange(&mut stream, &bytes, &mut buffer))
                .await
                .context("no answer in time")??;
        result.times.push(sent.elapsed());
        if status == 200 {
            result.answered += 1;
        } else {
            result.refused += 1;
        }
    }
    Ok(result)
}

/// Sends a request and reads its whole answer into the buffer; returns the status.
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
        if let Some(head) = parse_head(buffer)?
            && buffer.len() >= head.answer_length
        {
            return Ok(head.status);
        }
    }
}

/// Status and total length of an answer.
#[derive(Debug, PartialEq)]
struct AnswerHead {
    status: u16,
    answer_length: usize,
}

/// Parses the head of an answer; `None` while it is incomplete.
fn parse_head(bytes: &[u8]) -> anyhow::Result<Option<AnswerHead>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).context("the answer's head is not text")?;
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status = status.context("the answer has no status")?;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize =
                value.trim().parse().context("the answer's content-length is not a number")?;
            return Ok(Some(AnswerHead { status, answer_length: end + 4 + length }));
        }
    }
    bail!("the answer has no content-length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_parsed_once_its_head_is_complete() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(parse_head(&answer[..30]).unwrap(), None);
        let head = AnswerHead { status: 200, answer_length: answer.len() };
        assert_eq!(parse_head(answer).unwrap(), Some(head));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse_head(b"what?\r\n\r\n").is_err());
    }
}
