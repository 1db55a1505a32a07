//! Whether a title names somebody: a whole word, in any script, in any case, taken literally.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// A title or a name in the form in which both are compared.
///
/// Case is folded by way of upper case (so that `Straße` and `STRASSE` meet), accents are
/// composed, blanks are one space, and the many apostrophes and hyphens are one each. The dot
/// that lower-casing leaves over `İ` goes, or a Turkish name would not meet itself in capitals.
pub(crate) fn folded(text: &str) -> String {
    let plain =
        text.nfc().map(plain_sign).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let composed = plain.nfc().collect::<String>().replace("i\u{307}", "i");
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plain_sign(sign: char) -> char {
    match sign {
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{2032}' | '\u{2BC}' | '\u{FF07}' | '\u{B4}'
        | '`' => '\'',
        '\u{2010}' | '\u{2011}' | '\u{FE63}' | '\u{FF0D}' => '-',
        other => other,
    }
}

/// The first of these names that the title holds as a whole word.
pub(crate) fn named<'a>(title: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let title = Title::new(title);
    names.into_iter().find(|name| title.holds(name))
}

/// A folded title and the places where a word may begin or end.
struct Title {
    text: String,
    bounds: HashSet<usize>,
}

impl Title {
    fn new(title: &str) -> Self {
        let text = folded(title);
        let bounds =
            text.split_word_bound_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Self { text, bounds }
    }

    fn holds(&self, name: &str) -> bool {
        let name = folded(name);
        if name.is_empty() {
            return false;
        }
        let step = name.chars().next().map_or(1, char::len_utf8);
        let mut from = 0;
        while let Some(found) = self.text[from..].find(&name) {
            let (begin, end) = (from + found, from + found + name.len());
            if self.begins_a_word(begin) && self.ends_a_word(end) {
                return true;
            }
            from = begin + step;
        }
        false
    }

    fn begins_a_word(&self, at: usize) -> bool {
        self.parts_words(at)
    }

    /// `Milla's` and `Hans'` still end the name.
    fn ends_a_word(&self, at: usize) -> bool {
        if self.parts_words(at) {
            return true;
        }
        let rest = &self.text[at..];
        rest.strip_prefix("'s").is_some_and(|after| self.parts_words(self.text.len() - after.len()))
    }

    /// Unicode's word boundaries, and besides any place next to a sign that belongs to no word:
    /// Unicode joins letters across `.`, `:` and `_`, people who type titles do not.
    fn parts_words(&self, at: usize) -> bool {
        let before = self.text[..at].chars().next_back();
        let after = self.text[at..].chars().next();
        let apart = |sign: Option<char>| sign.is_none_or(|sign| !belongs_to_a_word(sign));
        self.bounds.contains(&at) || apart(before) || apart(after)
    }
}

fn belongs_to_a_word(sign: char) -> bool {
    sign.is_alphanumeric()
        || sign == '\''
        || unicode_normalization::char::is_combining_mark(sign)
        || joins(sign)
}

/// What glues invisibly: joiners and variation selectors.
fn joins(sign: char) -> bool {
    matches!(sign, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::{folded, named};

    fn holds(title: &str, name: &str) -> bool {
        named(title, [name]).is_some()
    }

    #[test]
    fn a_name_is_matched_literally_whatever_the_sentence_means() {
        assert!(holds("Run without Milla", "Milla"));
        assert!(holds("milla & dad", "MILLA"));
        assert!(holds("Morning run (with Milla!)", "Milla"));
    }

    #[test]
    fn a_part_of_a_word_is_not_a_name() {
        assert!(!holds("Annual club run", "Ann"));
        assert!(!holds("Joann's run", "Ann"));
        assert!(!holds("Milla2", "Milla"));
        assert!(!holds("Millá", "Milla"));
    }

    #[test]
    fn a_possessive_still_names_its_owner() {
        for title in ["Milla's first 10k", "Milla\u{2019}s first 10k", "MILLA'S DAY", "Milla' run"]
        {
            assert!(holds(title, "Milla"), "{title}");
        }
        assert!(holds("Hans' long run", "Hans"));
        assert!(!holds("Milla'sson runs", "Milla"));
    }

    #[test]
    fn an_apostrophe_inside_a_name_does_not_part_it() {
        assert!(holds("Hill repeats with O\u{2019}Neil", "O'Neil"));
        assert!(!holds("Hill repeats with O'Neil", "Neil"));
    }

    #[test]
    fn names_of_several_words_match_over_any_blank() {
        assert!(holds("With  Anna\u{a0}Lena around the lake", "anna lena"));
        assert!(holds("Anna\u{2011}Lena around the lake", "Anna-Lena"));
        assert!(holds("Milla-Lauf am See", "Milla"));
        assert!(!holds("Anna and Lena", "Anna Lena"));
    }

    #[test]
    fn signs_that_join_words_for_machines_part_them_for_people() {
        for title in ["Milla:Run", "2026_Milla_run", "Great.Milla.Again", "#Milla", "Milla❤️"] {
            assert!(holds(title, "Milla"), "{title}");
        }
    }

    #[test]
    fn every_script_has_its_own_case_and_its_own_words() {
        assert!(holds("ПРОБЕЖКА С МИЛОЙ", "Милой"));
        assert!(holds("LAUF MIT FRAU STRASSER", "Straßer"));
        assert!(holds("ΤΡΕΞΙΜΟ ΜΕ ΝΙΚΟΣ", "Νικος"));
        assert!(holds("İLKAY İLE KOŞU", "ilkay"));
        assert!(holds("ミラとラン", "ミラ"));
        assert!(holds("Run with Zoe\u{308}", "Zoë"));
    }

    #[test]
    fn a_name_that_looks_like_a_pattern_is_only_a_name() {
        assert!(!holds("Run with Milla", "M.lla"));
        assert!(holds("Run with M.J. today", "M.J."));
        assert!(!holds("Run", ""));
        assert!(!holds("Run", "  "));
    }

    proptest! {
        #[test]
        fn a_name_between_blanks_is_always_found(before in ".{0,20}", name in "[\\p{L}]{1,12}", after in ".{0,20}") {
            let title = format!("{before} {name} {after}");
            prop_assert!(holds(&title, &name), "{title:?} {name:?}");
        }

        #[test]
        fn the_form_of_the_letters_does_not_matter(title in ".{0,30}", name in "[\\p{L}]{1,8}( [\\p{L}]{1,8})?") {
            let written: String = format!("{title} {name}").nfd().collect();
            let sought: String = name.nfc().collect();
            prop_assert!(holds(&written, &sought));
        }

        #[test]
        fn a_latin_name_run_together_with_letters_is_never_found(name in "[a-z]{2,8}", more in "[a-z]{1,5}") {
            prop_assume!(more != "s");
            let (longer, lead) = (format!("{name}{more}"), format!("{more}{name}"));
            prop_assert!(!holds(&longer, &name));
            prop_assert!(!holds(&lead, &name));
        }

        #[test]
        fn folding_twice_is_folding_once(text in ".{0,40}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
