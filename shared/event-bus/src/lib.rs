//! Handlers, publishers and the two transports: Apache Kafka and the built-in log.
