//! The events this service consumes.

mod accounts;
mod answer_replays;
mod record_answers;
mod record_deauthorizations;

pub(crate) use accounts::AccountHandler;
pub(crate) use answer_replays::AnswerReplays;
pub(crate) use record_answers::RecordAnswers;
pub(crate) use record_deauthorizations::RecordDeauthorizations;
