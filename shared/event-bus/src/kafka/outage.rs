//! Tells once that the broker is away and once that it is back, however many clients of this process notice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Time after the end of an outage in which clients that have not noticed yet begin no other: a little more than their
/// longest pause between two attempts to connect (`reconnect.backoff.max.ms`, 10 s).
const GRACE: Duration = Duration::from_secs(12);

static OUTAGE: Outage = Outage::new();

#[derive(Debug)]
struct Outage {
    is_on: AtomicBool,
    instants: Mutex<Instants>,
}

#[derive(Debug)]
struct Instants {
    began: Option<Instant>,
    ended: Option<Instant>,
}

impl Outage {
    const fn new() -> Self {
        Self {
            is_on: AtomicBool::new(false),
            instants: Mutex::new(Instants { began: None, ended: None }),
        }
    }

    /// Returns true if this begins an outage.
    fn begin(&self, now: Instant) -> bool {
        let mut instants = self.instants.lock().unwrap_or_else(PoisonError::into_inner);
        let has_just_ended = instants.ended.is_some_and(|ended| now < ended + GRACE);
        if instants.began.is_some() || has_just_ended {
            return false;
        }
        instants.began = Some(now);
        self.is_on.store(true, Ordering::Relaxed);
        true
    }

    /// Returns the length of the outage that this ends, if there is one.
    fn end(&self, now: Instant) -> Option<Duration> {
        if !self.is_on.load(Ordering::Relaxed) {
            return None;
        }
        let mut instants = self.instants.lock().unwrap_or_else(PoisonError::into_inner);
        let began = instants.began.take()?;
        instants.ended = Some(now);
        self.is_on.store(false, Ordering::Relaxed);
        Some(now - began)
    }
}

/// Writes an error of a client to the log; that no broker can be reached only once.
pub(crate) fn log_error(client: &str, error: &KafkaError, reason: &str) {
    if !is_unreachable(error) {
        tracing::warn!(client, %error, reason, "Kafka client error");
    } else if OUTAGE.begin(Instant::now()) {
        tracing::warn!(client, reason, "the broker is away; everything waits for it");
    } else {
        tracing::debug!(client, %error, reason, "Kafka client error");
    }
}

/// Records that a broker has answered.
pub(crate) fn record_answer() {
    if let Some(length) = OUTAGE.end(Instant::now()) {
        tracing::info!(away_s = length.as_secs(), "the broker is back");
    }
}

/// Writes a line of librdkafka's own log; what it says of connections is in its errors too.
pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
    let is_of_connections = matches!(facility, "FAIL" | "ERROR" | "BRKMAIN" | "CONNECT" | "GETPID")
        // Every group tells that its session has ended.
        || (facility == "SESSTMOUT" && OUTAGE.is_on.load(Ordering::Relaxed));
    match level {
        _ if is_of_connections => tracing::debug!(facility, "librdkafka: {line}"),
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(facility, "librdkafka: {line}"),
        RDKafkaLogLevel::Warning => tracing::warn!(facility, "librdkafka: {line}"),
        _ => tracing::debug!(facility, "librdkafka: {line}"),
    }
}

fn is_unreachable(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::MessageTimedOut
                | Code::RequestTimedOut
                | Code::WaitingForCoordinator
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_its_stragglers_are_not() {
        let (outage, start) = (Outage::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);

        assert_eq!(outage.end(at(0)), None);
        assert!(outage.begin(at(1)));
        assert!(!outage.begin(at(2)), "others notice it too");
        assert_eq!(outage.end(at(61)), Some(Duration::from_mins(1)));
        assert_eq!(outage.end(at(62)), None);
        assert!(!outage.begin(at(72)), "one that has not noticed its end");
        assert!(outage.begin(at(73)), "another one");
    }

    #[test]
    fn only_what_a_broker_that_is_away_causes_is_told_once() {
        let error = |code| KafkaError::Global(code);
        assert!(is_unreachable(&error(Code::AllBrokersDown)));
        assert!(is_unreachable(&KafkaError::MessageConsumption(Code::BrokerTransportFailure)));
        assert!(!is_unreachable(&error(Code::TopicAuthorizationFailed)));
        assert!(!is_unreachable(&error(Code::Authentication)));
    }
}
