//! What a simulator is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The four figures of the two buckets: overall and read, per quarter hour and per day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// All calls in a quarter of an hour.
    pub overall_15min: u32,
    /// All calls in a UTC day.
    pub overall_day: u32,
    /// Calls that are not uploads, in a quarter of an hour.
    pub read_15min: u32,
    /// Calls that are not uploads, in a UTC day.
    pub read_day: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { overall_15min: 200, overall_day: 2000, read_15min: 100, read_day: 1000 }
    }
}

impl Limits {
    /// Limits nobody reaches, for benchmarks.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            overall_15min: 1_000_000_000,
            overall_day: 1_000_000_000,
            read_15min: 1_000_000_000,
            read_day: 1_000_000_000,
        }
    }
}

impl FromStr for Limits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<u32> = text
            .split(',')
            .map(|part| part.trim().parse::<u32>())
            .collect::<Result<_, _>>()
            .map_err(|error| {
                format!("limits are four numbers such as 200,2000,100,1000: {error}")
            })?;
        match parts[..] {
            [overall_15min, overall_day, read_15min, read_day] => {
                Ok(Self { overall_15min, overall_day, read_15min, read_day })
            }
            _ => Err(format!(
                "limits are four numbers such as 200,2000,100,1000, not {}",
                parts.len()
            )),
        }
    }
}

/// How the authorize page behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// A page with tick boxes for a person.
    Page,
    /// Everything asked for is granted at once.
    #[default]
    Grant,
    /// Everything is refused at once.
    Refuse,
}

impl FromStr for Consent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "page" => Ok(Self::Page),
            "grant" => Ok(Self::Grant),
            "refuse" => Ok(Self::Refuse),
            other => Err(format!("consent is page, grant or refuse, not {other}")),
        }
    }
}

/// What a simulator is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Seed of ids, tokens and synthetic histories.
    pub seed: u64,
    /// How many athletes exist.
    pub athletes: u32,
    /// Years of history of each synthetic athlete.
    pub years: u32,
    /// Rate limits of every application.
    pub limits: Limits,
    /// Behaviour of the authorize page.
    pub consent: Consent,
    /// No artificial delays: uploads are ready at the first poll, webhooks go out at once.
    pub instant: bool,
    /// The last athlete gets exactly this many synthetic activities.
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
