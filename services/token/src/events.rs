//! The events this service consumes.

mod answer_replays;
mod record_deauthorizations;

pub(crate) use answer_replays::AnswerReplays;
pub(crate) use record_deauthorizations::RecordDeauthorizations;
