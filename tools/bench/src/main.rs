//! Benchmarks of Paceline: release programs as processes, a load driver of its own, figures against goals.

mod api_user;
mod baseline;
mod comparison;
mod load;
mod options;
mod process;
mod report;
mod runs;
mod simulator;
mod statistics;
mod testbed;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use options::CommonOptions;
use report::{Report, print_line};

const EXAMPLES: &str = "\
Examples:
  cargo build --release --workspace --bins
  target/release/bench bus --kafka 127.0.0.1:9092        latency of a record, on both logs
  target/release/bench intake --kafka 127.0.0.1:9092 --rounds 5
  target/release/bench history --activities 5000
  PACELINE_TEST_KAFKA=127.0.0.1:9092 target/release/bench all > figures.md

paceline and strava-sim are taken from the folder of this program unless --programs names another.
Everything stays on this machine's loopback; topics and data directories are removed at the end.";

/// Measure Paceline against its goals, and against bare loops in the same run.
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
    /// Latency from a new activity at Strava to the totals, on the built-in log and on Kafka.
    #[command(after_help = "Example:\n  bench live --events 200 --kafka 127.0.0.1:9092")]
    Live(runs::live::Options),
    /// Time and calls from connect to correct totals of a long history.
    #[command(after_help = "Example:\n  bench history --activities 5000")]
    History(runs::history::Options),
    /// Memory, CPU and start time of idle programs.
    #[command(after_help = "Example:\n  bench idle --kafka 127.0.0.1:9092 --seconds 15")]
    Idle(runs::idle::Options),
    /// Latency from publish to handled, on the built-in log and on Kafka.
    #[command(after_help = "Example:\n  bench bus --records 1000 --kafka 127.0.0.1:9092")]
    Bus(runs::bus::Options),
    /// All of these, as one Markdown report.
    #[command(after_help = "Example:\n  bench all --kafka 127.0.0.1:9092 > figures.md")]
    All(CommonOptions),
    /// Serve the bare intake loop that `intake` compares with.
    #[command(hide = true)]
    BareIntake(baseline::IntakeOptions),
    /// Serve the constant answer that `ytd` compares with.
    #[command(hide = true)]
    BareConstant(baseline::ConstantOptions),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(Some(mut report)) => {
            report.add_machine();
            print_line(report);
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<Option<Report>> {
    // boxed, so that the future of this function does not hold those of all runs
    let report = match command {
        Command::Intake(options) => Box::pin(runs::intake::run(&options)).await?,
        Command::Ytd(options) => Box::pin(runs::ytd::run(&options)).await?,
        Command::Live(options) => Box::pin(runs::live::run(&options)).await?,
        Command::History(options) => Box::pin(runs::history::run(&options)).await?,
        Command::Idle(options) => Box::pin(runs::idle::run(&options)).await?,
        Command::Bus(options) => Box::pin(runs::bus::run(&options)).await?,
        Command::All(common) => Box::pin(run_all(&common)).await?,
        Command::BareIntake(options) => {
            return baseline::serve_intake(options).await.map(|()| None);
        }
        Command::BareConstant(options) => {
            return baseline::serve_constant(options).await.map(|()| None);
        }
    };
    Ok(Some(report))
}

/// Executes every run with its defaults.
async fn run_all(common: &CommonOptions) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for name in ["intake", "ytd", "live", "history", "bus", "idle"] {
        let arguments = ["bench".into(), name.into()].into_iter().chain(common.to_arguments());
        if let Some(part) = run(Cli::try_parse_from(arguments)?.command).await? {
            report.append(part);
        }
    }
    Ok(report)
}
