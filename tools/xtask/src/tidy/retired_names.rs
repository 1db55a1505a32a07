//! Names that must not come back, listed in `tools/xtask/retired-names.txt`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};

use super::definitions::{Definition, ItemKind, list_definitions};
use super::sources::SourceFile;

/// The list that `cargo xtask tidy` uses unless it is given another.
pub(super) const LIST: &str = "tools/xtask/retired-names.txt";

/// One line of the list.
#[derive(Debug, PartialEq, Eq)]
struct RetiredName {
    line: usize,
    /// The folder name of a crate; none for every crate.
    crate_name: Option<String>,
    /// Empty for every kind.
    kinds: Vec<ItemKind>,
    /// A `*` at the beginning or the end stands for any text.
    name: String,
    replacement: String,
}

impl RetiredName {
    fn matches(&self, crate_name: &str, definition: &Definition) -> bool {
        !definition.implements_trait
            && self.matches_name(&definition.name)
            && (self.kinds.is_empty() || self.kinds.contains(&definition.kind))
            && self.crate_name.as_deref().is_none_or(|name| name == crate_name)
    }

    fn matches_name(&self, name: &str) -> bool {
        match (self.name.strip_prefix('*'), self.name.strip_suffix('*')) {
            (Some(end), _) => name.ends_with(end),
            (_, Some(start)) => name.starts_with(start),
            _ => self.name == name,
        }
    }
}

/// Adds a fault for every definition whose name the list retires.
pub(super) fn check(
    sources: &[SourceFile],
    list: &Path,
    faults: &mut Vec<String>,
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(list)
        .with_context(|| format!("cannot read the list of retired names {}", list.display()))?;
    let retired = parse_list(&text).with_context(|| list.display().to_string())?;
    let crates: BTreeSet<&str> = sources.iter().map(SourceFile::crate_name).collect();
    for entry in &retired {
        if let Some(name) = entry.crate_name.as_deref().filter(|name| !crates.contains(name)) {
            faults.push(format!("{LIST}:{}: there is no crate `{name}`", entry.line));
        }
    }
    for source in sources.iter().filter(|source| !source.is_generated()) {
        check_file(source, &retired, faults);
    }
    Ok(())
}

fn check_file(source: &SourceFile, retired: &[RetiredName], faults: &mut Vec<String>) {
    for definition in list_definitions(&source.syntax) {
        let entry = retired.iter().find(|entry| entry.matches(source.crate_name(), &definition));
        if let Some(entry) = entry {
            faults.push(format!(
                "{}: {} `{}` is a retired name ({LIST}:{}): {}",
                source.path.display(),
                definition.kind,
                definition.name,
                entry.line,
                entry.replacement
            ));
        }
    }
}

/// Parses lines of `crate kind[|kind…] name  # what to say instead`.
///
/// # Errors
///
/// A line has another form, or names a kind that does not exist.
fn parse_list(text: &str) -> anyhow::Result<Vec<RetiredName>> {
    let mut retired = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (entry, comment) = line.split_once('#').unwrap_or((line, ""));
        let words: Vec<&str> = entry.split_whitespace().collect();
        match words[..] {
            [] => {}
            [crate_name, kinds, name] => retired.push(RetiredName {
                line: index + 1,
                crate_name: Some(crate_name.to_owned()).filter(|name| name != "*"),
                kinds: parse_kinds(kinds).with_context(|| format!("line {}", index + 1))?,
                name: name.to_owned(),
                replacement: match comment.trim() {
                    "" => "use the field's word".to_owned(),
                    replacement => replacement.to_owned(),
                },
            }),
            _ => bail!("line {}: expected `crate kind name`, found `{}`", index + 1, entry.trim()),
        }
    }
    Ok(retired)
}

fn parse_kinds(text: &str) -> anyhow::Result<Vec<ItemKind>> {
    if text == "*" { Ok(Vec::new()) } else { text.split('|').map(str::parse).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(list: &str, path: &str, text: &str) -> Vec<String> {
        let retired = parse_list(list).unwrap();
        let mut faults = Vec::new();
        check_file(&SourceFile::parse(path, text.into()).unwrap(), &retired, &mut faults);
        faults
    }

    #[test]
    fn a_retired_name_is_refused_with_what_to_say_instead() {
        assert_eq!(
            faults(
                "# old\n* struct Core # ServiceContext",
                "services/stats/src/a.rs",
                "struct Core;"
            ),
            [
                "services/stats/src/a.rs: struct `Core` is a retired name (tools/xtask/retired-names.txt:2): ServiceContext"
            ]
        );
    }

    #[test]
    fn a_name_is_retired_only_for_its_kinds_and_its_crate() {
        let list = "stats fn|method note";
        assert_eq!(faults(list, "services/stats/src/a.rs", "fn note() {}").len(), 1);
        assert_eq!(
            faults(list, "services/stats/tests/it/a.rs", "impl A { fn note() {} }").len(),
            1
        );
        assert_eq!(faults(list, "services/stats/src/a.rs", "struct A { note: u8 }").len(), 0);
        assert_eq!(faults(list, "services/token/src/a.rs", "fn note() {}").len(), 0);
    }

    #[test]
    fn a_star_stands_for_any_text_at_one_end_of_a_name() {
        let list = "* const *_PATIENCE\n* fn see_*";
        let text = "const STORE_PATIENCE: u8 = 1; fn see_rows() {} fn oversee_rows() {}";
        assert_eq!(faults(list, "shared/jobs/src/a.rs", text).len(), 2);
    }

    #[test]
    fn a_method_that_a_trait_prescribes_is_not_refused() {
        assert_eq!(
            faults("* method note", "shared/jobs/src/a.rs", "impl B for A { fn note() {} }").len(),
            0
        );
    }

    #[test]
    fn a_line_of_another_form_is_an_error_that_names_it() {
        assert!(parse_list("* note").unwrap_err().to_string().contains("line 1"));
        assert!(format!("{:#}", parse_list("\n* fun note").unwrap_err()).contains("line 2: `fun`"));
    }
}
