//! `paceline seats`: the athletes that Strava counts for the application.

use std::process::ExitCode;

use anyhow::bail;
use reqwest::Method;
use serde::Deserialize;

use crate::cli::{RunOptions, Seats};
use crate::commands::load;
use crate::ops_client;
use crate::output::print_line;

/// The seats, as the operations port tells them.
#[derive(Deserialize)]
struct SeatReport {
    application: i64,
    used: usize,
    allowed: Option<i64>,
    refused_at: Option<String>,
    items: Vec<Seat>,
}

#[derive(Deserialize)]
struct Seat {
    connection: String,
    athlete: String,
    strava_athlete: i64,
    state: String,
    idle_days: i64,
}

/// Lists the seats, or frees one, by the running program.
pub(super) async fn seats(options: &RunOptions, action: Seats) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let client = ops_client::require(&loaded).await?;
    match action {
        Seats::List => print_report(&client.get("seats").await?),
        Seats::Free { connection } => {
            if !client.act(Method::DELETE, &format!("seats/{connection}")).await? {
                bail!(
                    "there is no connection {connection} that holds a seat: see `paceline seats list`"
                );
            }
            print_line("free: Strava is told, and what came through the connection is erased");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_report(report: &SeatReport) {
    let allowed = report
        .allowed
        .map_or("unknown, see strava.athlete_limit".to_owned(), |allowed| allowed.to_string());
    print_line(format!(
        "Strava application {}: {} seats used, allowed: {allowed}",
        report.application, report.used
    ));
    if let Some(at) = &report.refused_at {
        print_line(format!("Strava refused a further athlete at {at}"));
    }
    for seat in &report.items {
        let (connection, athlete, state) = (&seat.connection, &seat.athlete, &seat.state);
        let (strava, days) = (seat.strava_athlete, seat.idle_days);
        print_line(format!(
            "  {connection}  idle {days:>4} days  {state}  athlete {athlete}, Strava athlete {strava}"
        ));
    }
}
