//! The signals that stop a program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM. From its creation on they no longer end the process by themselves, so it is created
/// before the program says that it is ready, and not before it can stop softly.
#[derive(Debug)]
pub struct StopSignals {
    interrupts: Signal,
    terminations: Signal,
}

impl StopSignals {
    /// Listens for the signals.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the system does not let us.
    pub fn listen() -> io::Result<Self> {
        let (interrupts, terminations) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupts, terminations })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupts.recv() => {}
            _ = self.terminations.recv() => {}
        }
    }
}
