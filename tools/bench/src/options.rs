//! Options that every run has: the programs and the broker.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

/// The programs and the broker to measure.
#[derive(Clone, Debug, Args)]
pub(crate) struct CommonOptions {
    /// Address of a Kafka broker; runs that need one fail without it.
    #[arg(long, env = "PACELINE_TEST_KAFKA", value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Folder of paceline and strava-sim [default: the folder of this program].
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl CommonOptions {
    /// The address of the broker; the error tells how to start one.
    pub(crate) fn broker(&self) -> anyhow::Result<&str> {
        self.kafka
            .as_deref()
            .context("no broker: --kafka HOST:PORT (`cargo xtask servers` starts one)")
    }

    /// The path of one of our programs.
    pub(crate) fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = match &self.programs {
            Some(folder) => folder.join(name),
            None => std::env::current_exe()?.with_file_name(name),
        };
        anyhow::ensure!(
            path.exists(),
            "{} does not exist: cargo build --release --workspace --bins",
            path.display()
        );
        Ok(path)
    }

    /// The same options as command-line arguments.
    pub(crate) fn to_arguments(&self) -> Vec<OsString> {
        let kafka = self.kafka.iter().flat_map(|broker| ["--kafka".into(), broker.into()]);
        let programs = self.programs.iter().flat_map(|dir| ["--programs".into(), dir.into()]);
        kafka.chain(programs).collect()
    }
}
