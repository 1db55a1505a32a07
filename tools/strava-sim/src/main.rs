//! Runs a simulator until SIGTERM or SIGINT.

use std::io::Write;
use std::net::SocketAddr;

use clap::Parser;
use strava_sim::{Consent, Limits, Options, Simulator};
use tokio::signal::unix::{SignalKind, signal};

/// A Strava to test against, with recorded data and an admin interface under /_sim/.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:5050")]
    listen: SocketAddr,
    /// Seed of ids, tokens and synthetic histories.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Number of athletes: Ana (7001), Milla (7002), the recorded athlete (26462176), then synthetic ones.
    #[arg(long, default_value_t = 3)]
    athletes: u32,
    /// Years of history of each synthetic athlete.
    #[arg(long, default_value_t = 2)]
    years: u32,
    /// Rate limits: overall per quarter hour and day, read per quarter hour and day.
    #[arg(long, default_value = "200,2000,100,1000")]
    limits: Limits,
    /// Behaviour of the authorize page.
    #[arg(long, value_enum, default_value = "page")]
    consent: Consent,
    /// Switch off artificial delays: uploads are ready at the first poll, webhooks go out at once.
    #[arg(long)]
    instant: bool,
    /// Number of synthetic activities, one a day, that replace the last athlete's history.
    #[arg(long, value_name = "N")]
    history: Option<u32>,
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
    let simulator = Simulator::start(Options {
        listen: arguments.listen,
        seed: arguments.seed,
        athletes: arguments.athletes,
        years: arguments.years,
        limits: arguments.limits,
        consent: arguments.consent,
        instant: arguments.instant,
        history: arguments.history,
    })
    .await?;
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
