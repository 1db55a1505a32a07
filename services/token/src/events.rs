//! What this service listens to.

mod answer_replays;
mod note_deauthorizations;

pub(crate) use answer_replays::AnswerReplays;
pub(crate) use note_deauthorizations::NoteDeauthorizations;
