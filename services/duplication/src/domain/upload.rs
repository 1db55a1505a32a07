//! What we recognise our uploads by, and what of Strava's words the user gets to read.

/// Strava's words without markup and control signs, and not too many.
pub(crate) fn plain(error: &str) -> String {
    let mut inside = false;
    let text = error.chars().filter(|sign| match sign {
        '<' => {
            inside = true;
            false
        }
        '>' if inside => {
            inside = false;
            false
        }
        _ => !inside && !sign.is_control(),
    });
    text.take(500).collect::<String>().trim().to_owned()
}

/// Whether an activity in the child's list bears the mark we sent: Strava appends the data type.
pub(crate) fn bears(external_id: Option<&str>, mark: &str) -> bool {
    external_id
        .and_then(|id| id.strip_prefix(mark))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether an activity began in the same second and is as long (to the hundredth): what was
/// uploaded without its mark, or recorded by the child as well.
pub(crate) fn is_the_same(ours: (i64, i64), theirs: (i64, i64)) -> bool {
    let ((our_start_s, our_dm), (their_start_s, their_dm)) = (ours, theirs);
    our_start_s == their_start_s && (our_dm - their_dm).abs() <= (our_dm / 100).max(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_reads_words_and_no_markup() {
        assert_eq!(
            plain("The upload <b>appears</b>\n to be malformed"),
            "The upload appears to be malformed"
        );
        assert_eq!(plain(&"x".repeat(900)).len(), 500);
    }

    #[test]
    fn our_mark_is_recognised_with_and_without_the_suffix_strava_appends() {
        assert!(bears(Some("paceline-a-b.gpx"), "paceline-a-b"));
        assert!(bears(Some("paceline-a-b"), "paceline-a-b"));
        assert!(!bears(Some("paceline-a-bc.gpx"), "paceline-a-b"));
        assert!(!bears(None, "paceline-a-b"));
    }

    #[test]
    fn the_same_run_starts_in_the_same_second_and_is_as_long() {
        assert!(is_the_same((100, 50_000), (100, 50_400)));
        assert!(!is_the_same((100, 50_000), (100, 51_000)));
        assert!(!is_the_same((100, 50_000), (101, 50_000)));
        assert!(is_the_same((100, 0), (100, 0)));
    }
}
