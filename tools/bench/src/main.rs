//! Benchmarks of Paceline: real programs as processes, a load driver of its own, figures against goals.

mod bare;
mod load;
mod numbers;
mod person;
mod process;
mod report;
mod runs;
mod simulator;
mod stage;

use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use report::{Report, say};

const EXAMPLES: &str = "\
Examples:
  cargo build --release --workspace --bins
  target/release/bench bus --kafka 127.0.0.1:9092        how long a record takes, on both logs
  target/release/bench intake --kafka 127.0.0.1:9092 --rounds 5
  target/release/bench history --activities 5000
  PACELINE_TEST_KAFKA=127.0.0.1:9092 target/release/bench all > figures.md

paceline and strava-sim are taken from the folder of this program unless --programs names another.
Everything stays on this machine's loopback; topics and data directories are removed at the end.";

/// Measures Paceline against its goals, and against bare loops in the same run.
#[derive(Debug, Parser)]
#[command(name = "bench", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Webhook intake against a bare actix + rdkafka loop on the same broker.
    #[command(
        after_help = "Example:\n  bench intake --kafka 127.0.0.1:9092 --requests 20000 --rounds 3"
    )]
    Intake(runs::intake::Options),
    /// GET /strava/stats/ytd against a bare actix constant answer of the same size.
    #[command(after_help = "Example:\n  bench ytd --rounds 5")]
    Ytd(runs::ytd::Options),
    /// From a new activity at Strava to the totals, on the built-in log and on Kafka.
    #[command(after_help = "Example:\n  bench live --events 200 --kafka 127.0.0.1:9092")]
    Live(runs::live::Options),
    /// From connect to correct totals of a long history.
    #[command(after_help = "Example:\n  bench history --activities 5000")]
    History(runs::history::Options),
    /// Memory, CPU and start time of idle programs.
    #[command(after_help = "Example:\n  bench idle --kafka 127.0.0.1:9092 --seconds 15")]
    Idle(runs::idle::Options),
    /// From publish to handled, on the built-in log and on Kafka.
    #[command(after_help = "Example:\n  bench bus --records 1000 --kafka 127.0.0.1:9092")]
    Bus(runs::bus::Options),
    /// Everything, as one Markdown report.
    #[command(after_help = "Example:\n  bench all --kafka 127.0.0.1:9092 > figures.md")]
    All(Place),
    /// The bare intake loop that `intake` compares with.
    #[command(hide = true)]
    BareIntake(bare::Intake),
    /// The constant answer that `ytd` compares with.
    #[command(hide = true)]
    BareConstant(bare::Constant),
}

/// Where the programs and the broker are.
#[derive(Clone, Debug, Args)]
struct Place {
    /// A Kafka broker; what needs one fails without it.
    #[arg(long, env = "PACELINE_TEST_KAFKA", value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// The folder of paceline and strava-sim [default: beside this program].
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl Place {
    /// The broker, or what to do about it.
    fn broker(&self) -> anyhow::Result<&str> {
        self.kafka
            .as_deref()
            .context("no broker: --kafka HOST:PORT (`cargo xtask servers` starts one)")
    }

    /// One of our programs.
    fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = match &self.programs {
            Some(folder) => folder.join(name),
            None => std::env::current_exe()?.with_file_name(name),
        };
        anyhow::ensure!(
            path.exists(),
            "{} is not there: cargo build --release --workspace --bins",
            path.display()
        );
        Ok(path)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(Some(mut report)) => {
            report.machine();
            say(report);
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

type Outcome = anyhow::Result<Option<Report>>;

async fn run(command: Command) -> Outcome {
    // Boxed, or the compiler would lay out every run's future inside this one.
    let run: Pin<Box<dyn Future<Output = Outcome>>> = match command {
        Command::Intake(options) => {
            Box::pin(async move { runs::intake::run(&options).await.map(Some) })
        }
        Command::Ytd(options) => Box::pin(async move { runs::ytd::run(&options).await.map(Some) }),
        Command::Live(options) => {
            Box::pin(async move { runs::live::run(&options).await.map(Some) })
        }
        Command::History(options) => {
            Box::pin(async move { runs::history::run(&options).await.map(Some) })
        }
        Command::Idle(options) => {
            Box::pin(async move { runs::idle::run(&options).await.map(Some) })
        }
        Command::Bus(options) => Box::pin(async move { runs::bus::run(&options).await.map(Some) }),
        Command::All(place) => Box::pin(async move { runs::all(&place).await.map(Some) }),
        Command::BareIntake(options) => {
            Box::pin(async move { bare::intake(options).await.map(|()| None) })
        }
        Command::BareConstant(options) => {
            Box::pin(async move { bare::constant(options).await.map(|()| None) })
        }
    };
    run.await
}
