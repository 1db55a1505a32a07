//! Runs a simulator until SIGTERM or SIGINT.

use std::io::Write;

use clap::Parser;
use strava_sim::{Options, Simulator};
use tokio::signal::unix::{SignalKind, signal};

/// A Strava to test against, with recorded data and an admin interface under /_sim/.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Print the index of the recorded files (src/content/files_index.json) and exit.
    #[arg(long, hide = true)]
    print_files_index: bool,
}

const EXAMPLES: &str = "Client id 1, client secret sim-secret; more by POST /_sim/apps.

Examples:
  strava-sim                                       a consent page on http://127.0.0.1:5050
  strava-sim --consent grant --instant             for automatic tests
  strava-sim --listen 127.0.0.1:0 --athletes 5     a free port, five athletes
  strava-sim --history 5000 --limits 100000,100000,100000,100000 --consent grant --instant
  curl -X POST http://127.0.0.1:5050/_sim/activities -H 'content-type: application/json' \\
       -d '{\"athlete\":7001,\"name\":\"Run with Milla\",\"file\":\"run-fenix2.fit\"}'

The admin interface is described at /_sim/docs.";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    if arguments.print_files_index {
        writeln!(out, "{}", strava_sim::files_index())?;
        return Ok(());
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let simulator = Simulator::start(arguments.options).await?;
    let url = simulator.url();
    writeln!(
        out,
        "{}",
        serde_json::json!({"ready": true, "url": url, "admin": format!("{url}/_sim/")})
    )?;
    out.flush()?;
    drop(out);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    simulator.stop().await;
    Ok(())
}
