//! Doc comments that open with a question word say less than a noun phrase or a verb would.

use regex::Regex;

use super::sources::SourceFile;

/// Maximum share of doc comments that may open with a question word, in percent.
const MAX_PERCENT: f64 = 5.0;

/// The question words, also after a verb that only leads to one.
const OPENING: &str =
    r"^(?:(?:asks|knows|notes|says|tells) )?(?:how|what|when|where|whether|who|whose|why)\b";

/// Prints the share of such openings, and adds a fault for each when there are too many.
pub(super) fn check(sources: &[SourceFile], faults: &mut Vec<String>) -> anyhow::Result<()> {
    let question = Regex::new(&format!("(?i){OPENING}"))?;
    let (mut comments, mut questions) = (0_usize, Vec::new());
    for source in sources.iter().filter(|source| !source.is_generated()) {
        for (line, opening) in list_openings(&source.text) {
            comments += 1;
            if question.is_match(opening) {
                questions.push(format!("{}:{line}: {opening}", source.path.display()));
            }
        }
    }
    let percent = 100.0 * questions.len() as f64 / comments.max(1) as f64;
    eprintln!(
        "doc comments that open with a question word: {percent:.1} % of {comments} (at most {MAX_PERCENT} %)"
    );
    if percent > MAX_PERCENT {
        faults.extend(questions.into_iter().map(|place| {
            format!("{place}\n    say what it is or does: a noun phrase or an indicative verb")
        }));
    }
    Ok(())
}

/// The first line of every doc comment with its line number, without the marker.
fn list_openings(text: &str) -> Vec<(usize, &str)> {
    let mut openings = Vec::new();
    let mut previous = None;
    for (index, line) in text.lines().enumerate() {
        let (marker, comment) = split_doc_comment(line);
        if marker.is_some() && marker != previous {
            openings.push((index + 1, comment));
        }
        previous = marker;
    }
    openings
}

/// Splits a line into the marker of a doc comment and what it says.
fn split_doc_comment(line: &str) -> (Option<&str>, &str) {
    let line = line.trim_start();
    match line.get(..3) {
        Some(marker @ ("///" | "//!")) if !line.starts_with("////") => {
            (Some(marker), line[3..].trim_start())
        }
        _ => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_of_a_doc_comment_is_its_opening() {
        let text = "//! A module.\n//! What else.\n\n/// A type.\n///\n/// Whether so.\nstruct A {\n    /// Whose it is.\n    a: u8,\n}\n//// no doc\n// Why not.\n";
        assert_eq!(list_openings(text), [(1, "A module."), (4, "A type."), (8, "Whose it is.")]);
    }

    #[test]
    fn a_question_word_is_found_alone_and_after_a_leading_verb() {
        let question = Regex::new(&format!("(?i){OPENING}")).unwrap();
        for opening in ["Whether it is open.", "What it is.", "Says who asked.", "Tells what"] {
            assert!(question.is_match(opening), "{opening}");
        }
        for opening in ["Whatever remains.", "True if it is open.", "Returns what was read."] {
            assert!(!question.is_match(opening), "{opening}");
        }
    }
}
