//! The result of a check.

use serde::{Deserialize, Serialize};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) check: String,
    pub(crate) state: State,
    #[serde(rename = "said")]
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// The outcome of a check, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Ok,
    Warning,
    Fault,
}

pub(crate) fn ok(check: &str, message: impl Into<String>) -> Finding {
    Finding { check: check.to_owned(), state: State::Ok, message: message.into(), advice: None }
}

fn problem(check: &str, state: State, message: impl Into<String>, advice: &str) -> Finding {
    Finding {
        check: check.to_owned(),
        state,
        message: message.into(),
        advice: Some(advice.to_owned()),
    }
}

pub(crate) fn warning(check: &str, message: impl Into<String>, advice: &str) -> Finding {
    problem(check, State::Warning, message, advice)
}

pub(crate) fn fault(check: &str, message: impl Into<String>, advice: &str) -> Finding {
    problem(check, State::Fault, message, advice)
}
