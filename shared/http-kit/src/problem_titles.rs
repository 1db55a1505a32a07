//! The titles of problem types; `docs/problems.md` describes the types.

/// Titles other than the code written as words.
const TITLES: [(&str, &str); 6] = [
    ("email-taken", "E-mail address already taken"),
    ("forbidden", "Not allowed"),
    ("internal", "Internal error"),
    ("unauthenticated", "Not signed in"),
    ("unavailable", "Temporarily unavailable"),
    ("wrong-credentials", "Wrong e-mail address or password"),
];

/// Returns the title of a problem type: as listed here, or its code as words.
pub(crate) fn title_of(code: &str) -> String {
    if let Some((_, title)) = TITLES.iter().find(|(listed, _)| *listed == code) {
        return (*title).to_owned();
    }
    let words = code.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlisted_problem_type_is_titled_by_its_code() {
        assert_eq!(title_of("connection-not-found"), "Connection not found");
        assert_eq!(title_of("not-found"), "Not found");
        assert_eq!(title_of("forbidden"), "Not allowed");
    }
}
