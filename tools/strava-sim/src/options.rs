//! Start options of a simulator.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rate limits: overall and read calls, per quarter hour and per UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Maximum number of calls in a quarter of an hour.
    pub overall_15min: u32,
    /// Maximum number of calls in a UTC day.
    pub overall_day: u32,
    /// Maximum number of reads (calls that create nothing) in a quarter of an hour.
    pub read_15min: u32,
    /// Maximum number of reads in a UTC day.
    pub read_day: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { overall_15min: 200, overall_day: 2000, read_15min: 100, read_day: 1000 }
    }
}

impl Limits {
    /// Limits out of reach, for benchmarks.
    #[must_use]
    pub fn unlimited() -> Self {
        let [overall_15min, overall_day, read_15min, read_day] = [1_000_000_000; 4];
        Self { overall_15min, overall_day, read_15min, read_day }
    }
}

impl FromStr for Limits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> =
            text.split(',').map(|number| number.trim().parse()).collect();
        match numbers.as_deref() {
            Ok(&[overall_15min, overall_day, read_15min, read_day]) => {
                Ok(Self { overall_15min, overall_day, read_15min, read_day })
            }
            _ => Err(format!("expected four numbers such as 200,2000,100,1000, not {text}")),
        }
    }
}

/// Behaviour of the authorize page.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Show a page with tick boxes for a person.
    Page,
    /// Grant everything asked for at once.
    #[default]
    Grant,
    /// Refuse everything at once.
    Refuse,
}

/// Start options of a simulator.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:5050")]
    pub listen: SocketAddr,
    /// Seed of ids, tokens and synthetic histories.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Number of athletes: Ana (7001), Milla (7002), the recorded athlete (26462176), then synthetic ones.
    #[arg(long, default_value_t = 3)]
    pub athletes: u32,
    /// Years of history of each synthetic athlete.
    #[arg(long, default_value_t = 2)]
    pub years: u32,
    /// Rate limits of every application: overall per quarter hour and day, read per quarter hour and day.
    #[arg(long, default_value = "200,2000,100,1000")]
    pub limits: Limits,
    /// Behaviour of the authorize page.
    #[arg(long, value_enum, default_value = "page")]
    pub consent: Consent,
    /// Switch off artificial delays: uploads are ready at the first poll, webhooks go out at once.
    #[arg(long)]
    pub instant: bool,
    /// Number of synthetic activities, one a day, that replace the last athlete's history.
    #[arg(long, value_name = "N")]
    pub history: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 42,
            athletes: 3,
            years: 2,
            limits: Limits::default(),
            consent: Consent::Grant,
            instant: false,
            history: None,
        }
    }
}
