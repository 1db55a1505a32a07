//! What tests share: databases, brokers, clocks, processes.
