//! Search for names in titles: literally, as whole words, in any script and any case.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Returns the form in which titles and names are compared.
///
/// Case is folded by way of upper case (so that `Straße` and `STRASSE` meet), accents are
/// composed, blanks are one space, and the many apostrophes and hyphens are one each. The dot
/// that lower-casing leaves over `İ` goes, or a Turkish name would not match itself in capitals.
pub(crate) fn normalize(text: &str) -> String {
    let folded =
        text.nfc().map(unify_punctuation).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let composed = folded.nfc().collect::<String>().replace("i\u{307}", "i");
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unify_punctuation(character: char) -> char {
    match character {
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{2032}' | '\u{2BC}' | '\u{FF07}' | '\u{B4}'
        | '`' => '\'',
        '\u{2010}' | '\u{2011}' | '\u{FE63}' | '\u{FF0D}' => '-',
        other => other,
    }
}

/// Returns the first of these names that the title contains as a whole word.
pub(crate) fn find_name<'a>(
    title: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let title = Title::new(title);
    names.into_iter().find(|name| title.contains_name(name))
}

/// A normalized title and the byte offsets at which Unicode sees a word boundary.
struct Title {
    text: String,
    boundaries: HashSet<usize>,
}

impl Title {
    fn new(title: &str) -> Self {
        let text = normalize(title);
        let boundaries =
            text.split_word_bound_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Self { text, boundaries }
    }

    fn contains_name(&self, name: &str) -> bool {
        let name = normalize(name);
        if name.is_empty() {
            return false;
        }
        let step = name.chars().next().map_or(1, char::len_utf8);
        let mut from = 0;
        while let Some(found) = self.text[from..].find(&name) {
            let (begin, end) = (from + found, from + found + name.len());
            if self.is_word_boundary(begin) && self.is_word_end(end) {
                return true;
            }
            from = begin + step;
        }
        false
    }

    /// Returns true if a name may end at this offset: also before the `s` of a possessive.
    fn is_word_end(&self, offset: usize) -> bool {
        self.is_word_boundary(offset)
            || (self.text[offset..].starts_with("'s") && self.is_word_boundary(offset + 2))
    }

    /// Returns true at Unicode's word boundaries and next to any character that belongs to no word:
    /// Unicode joins letters across `.`, `:` and `_`, people who type titles do not.
    fn is_word_boundary(&self, offset: usize) -> bool {
        let before = self.text[..offset].chars().next_back();
        let after = self.text[offset..].chars().next();
        self.boundaries.contains(&offset)
            || !before.is_some_and(is_word_character)
            || !after.is_some_and(is_word_character)
    }
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric()
        || character == '\''
        || unicode_normalization::char::is_combining_mark(character)
        || is_joiner(character)
}

/// Returns true for invisible joiners and variation selectors.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::{find_name, normalize};

    fn contains(title: &str, name: &str) -> bool {
        find_name(title, [name]).is_some()
    }

    #[test]
    fn a_name_is_matched_literally_whatever_the_sentence_means() {
        assert!(contains("Run without Milla", "Milla"));
        assert!(contains("milla & dad", "MILLA"));
        assert!(contains("Morning run (with Milla!)", "Milla"));
    }

    #[test]
    fn a_part_of_a_word_is_not_a_name() {
        assert!(!contains("Annual club run", "Ann"));
        assert!(!contains("Joann's run", "Ann"));
        assert!(!contains("Milla2", "Milla"));
        assert!(!contains("Millá", "Milla"));
    }

    #[test]
    fn a_possessive_still_names_its_owner() {
        for title in ["Milla's first 10k", "Milla\u{2019}s first 10k", "MILLA'S DAY", "Milla' run"]
        {
            assert!(contains(title, "Milla"), "{title}");
        }
        assert!(contains("Hans' long run", "Hans"));
        assert!(!contains("Milla'sson runs", "Milla"));
    }

    #[test]
    fn an_apostrophe_inside_a_name_does_not_part_it() {
        assert!(contains("Hill repeats with O\u{2019}Neil", "O'Neil"));
        assert!(!contains("Hill repeats with O'Neil", "Neil"));
    }

    #[test]
    fn names_of_several_words_match_over_any_blank() {
        assert!(contains("With  Anna\u{a0}Lena around the lake", "anna lena"));
        assert!(contains("Anna\u{2011}Lena around the lake", "Anna-Lena"));
        assert!(contains("Milla-Lauf am See", "Milla"));
        assert!(!contains("Anna and Lena", "Anna Lena"));
    }

    #[test]
    fn signs_that_join_words_for_machines_part_them_for_people() {
        for title in ["Milla:Run", "2026_Milla_run", "Great.Milla.Again", "#Milla", "Milla❤️"] {
            assert!(contains(title, "Milla"), "{title}");
        }
    }

    #[test]
    fn every_script_has_its_own_case_and_its_own_words() {
        assert!(contains("ПРОБЕЖКА С МИЛОЙ", "Милой"));
        assert!(contains("LAUF MIT FRAU STRASSER", "Straßer"));
        assert!(contains("ΤΡΕΞΙΜΟ ΜΕ ΝΙΚΟΣ", "Νικος"));
        assert!(contains("İLKAY İLE KOŞU", "ilkay"));
        assert!(contains("ミラとラン", "ミラ"));
        assert!(contains("Run with Zoe\u{308}", "Zoë"));
    }

    #[test]
    fn a_name_that_looks_like_a_pattern_is_only_a_name() {
        assert!(!contains("Run with Milla", "M.lla"));
        assert!(contains("Run with M.J. today", "M.J."));
        assert!(!contains("Run", ""));
        assert!(!contains("Run", "  "));
    }

    proptest! {
        #[test]
        fn a_name_between_blanks_is_always_found(before in ".{0,20}", name in "[\\p{L}]{1,12}", after in ".{0,20}") {
            let title = format!("{before} {name} {after}");
            prop_assert!(contains(&title, &name), "{title:?} {name:?}");
        }

        #[test]
        fn the_form_of_the_letters_does_not_matter(title in ".{0,30}", name in "[\\p{L}]{1,8}( [\\p{L}]{1,8})?") {
            let written: String = format!("{title} {name}").nfd().collect();
            let sought: String = name.nfc().collect();
            prop_assert!(contains(&written, &sought));
        }

        #[test]
        fn a_latin_name_run_together_with_letters_is_never_found(name in "[a-z]{2,8}", more in "[a-z]{1,5}") {
            prop_assume!(more != "s");
            let (longer, lead) = (format!("{name}{more}"), format!("{more}{name}"));
            prop_assert!(!contains(&longer, &name));
            prop_assert!(!contains(&lead, &name));
        }

        #[test]
        fn normalizing_twice_is_normalizing_once(text in ".{0,40}") {
            let once = normalize(&text);
            prop_assert_eq!(normalize(&once), once);
        }
    }
}
