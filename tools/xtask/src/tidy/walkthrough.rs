//! The files, folders, functions and types that ARCHITECTURE.md names.

use std::path::{Path, PathBuf};

use anyhow::Context;
use regex::Regex;

use super::definitions::{Definition, list_definitions};
use super::sources::{CRATE_FOLDERS, SourceFile};

/// The page that is checked.
pub(super) const PAGE: &str = "ARCHITECTURE.md";

/// Adds a fault for every name of the page that nothing in the tree has.
///
/// Checked are paths of Rust files and folders, from the project's root or as much of their end as tells them apart;
/// names after a path, as in "`lease/client.rs` (`LeaseClient::ask`)", or before one, as in "`ask` in `lease/client.rs`";
/// and names with two colons anywhere.
pub(super) fn check(
    root: &Path,
    sources: &[SourceFile],
    faults: &mut Vec<String>,
) -> anyhow::Result<()> {
    let page =
        std::fs::read_to_string(root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let mut checker = Checker { root, sources, last_path: PathBuf::new(), faults };
    checker.check(&list_spans(&page)?);
    Ok(())
}

/// A piece of the page between backticks.
struct Span<'a> {
    line: usize,
    text: &'a str,
    /// The prose between the span before and this one, spaces reduced to one.
    lead: String,
}

impl Span<'_> {
    /// True for a path of a Rust file.
    fn is_file(&self) -> bool {
        Path::new(self.text).extension().is_some_and(|extension| extension == "rs")
            && !self.text.contains(['<', '*', ' '])
    }

    /// True for a path of a folder, or of another file below a folder of the project's root.
    fn is_folder(&self, root: &Path) -> bool {
        let Some((top, _)) = self.text.split_once('/') else { return false };
        !self.is_file()
            && !top.is_empty()
            && !self.text.contains(['<', '*', ' ', '{', ':'])
            && (self.text.ends_with('/') || root.join(top).is_dir())
    }

    /// The type or module, if given, and the name of an item.
    fn as_name(&self) -> Option<(Option<&str>, &str)> {
        let text = self.text.strip_suffix("()").unwrap_or(self.text);
        let is_identifier = |part: &str| {
            !part.starts_with(|first: char| first.is_ascii_digit())
                && !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !text.split("::").all(is_identifier) {
            return None;
        }
        let mut parts = text.rsplit("::");
        let name = parts.next()?;
        Some((parts.next(), name))
    }

    /// True if the prose before it makes it a remark on the span before, as in "`a.rs` (`b`, `c`)".
    fn is_remark(&self) -> bool {
        [" (", ", ", " and ", ", and ", "; "].contains(&self.lead.as_str())
    }
}

fn list_spans(page: &str) -> anyhow::Result<Vec<Span<'_>>> {
    let code = Regex::new(r"(?s)```.*?```|`([^`]+)`")?;
    let spaces = Regex::new(r"\s+")?;
    let mut spans = Vec::new();
    let mut end = 0;
    for found in code.captures_iter(page) {
        let (Some(whole), span) = (found.get(0), found.get(1)) else { continue };
        if let Some(span) = span {
            spans.push(Span {
                line: page[..whole.start()].lines().count().max(1),
                text: span.as_str(),
                lead: spaces.replace_all(&page[end..whole.start()], " ").into_owned(),
            });
        }
        end = whole.end();
    }
    Ok(spans)
}

struct Checker<'a> {
    root: &'a Path,
    sources: &'a [SourceFile],
    /// The path named last: what follows is first looked for in its crate.
    last_path: PathBuf,
    faults: &'a mut Vec<String>,
}

impl<'a> Checker<'a> {
    fn check(&mut self, spans: &[Span<'_>]) {
        let mut file: Option<&SourceFile> = None;
        for (index, span) in spans.iter().enumerate() {
            if span.is_file() {
                file = self.find_file(span);
            } else if span.is_folder(self.root) {
                self.check_folder(span);
                file = None;
            } else if let Some((owner, name)) = span.as_name() {
                let next =
                    spans.get(index + 1).filter(|next| next.is_file() && next.lead == " in ");
                file = file.filter(|_| span.is_remark());
                if let Some(source) = file {
                    self.check_name(span, source, owner, name);
                } else if let Some(source) = next.and_then(|next| self.find_file(next)) {
                    self.check_name(span, source, owner, name);
                } else if let Some(owner) = owner {
                    self.check_anywhere(span, owner, name);
                }
            } else {
                file = None;
            }
        }
    }

    fn add_fault(&mut self, span: &Span<'_>, what: &str) {
        self.faults.push(format!("{PAGE}:{}: `{}` {what}", span.line, span.text));
    }

    fn find_file(&mut self, span: &Span<'_>) -> Option<&'a SourceFile> {
        let mut found: Vec<&SourceFile> =
            self.sources.iter().filter(|source| source.path.ends_with(span.text)).collect();
        if found.len() > 1 {
            let crate_folder: PathBuf = self.last_path.iter().take(2).collect();
            let near: Vec<&SourceFile> = found
                .iter()
                .copied()
                .filter(|source| source.path.starts_with(&crate_folder))
                .collect();
            found = if near.is_empty() { found } else { near };
        }
        match found[..] {
            [source] => {
                self.last_path.clone_from(&source.path);
                Some(source)
            }
            [] => {
                self.add_fault(span, "does not exist");
                None
            }
            _ => {
                let paths: Vec<String> =
                    found.iter().map(|source| source.path.display().to_string()).collect();
                self.add_fault(
                    span,
                    &format!("may be {}: write more of the path", paths.join(" or ")),
                );
                None
            }
        }
    }

    fn check_folder(&mut self, span: &Span<'_>) {
        let text = span.text.trim_end_matches('/');
        let is_below_a_crate = self
            .sources
            .iter()
            .any(|source| source.path.ancestors().skip(1).any(|folder| folder.ends_with(text)));
        let from_root = self.root.join(text).exists();
        if !from_root && !is_below_a_crate && !self.root.join(&self.last_path).join(text).exists() {
            self.add_fault(span, "does not exist");
        }
        if from_root {
            self.last_path = text.into();
        }
    }

    fn check_name(
        &mut self,
        span: &Span<'_>,
        source: &SourceFile,
        owner: Option<&str>,
        name: &str,
    ) {
        let owner = owner.filter(|owner| is_type(owner));
        if !list_definitions(&source.syntax).iter().any(|one| is_called(one, owner, name)) {
            self.add_fault(span, &format!("is not defined in {}", source.path.display()));
        }
    }

    fn check_anywhere(&mut self, span: &Span<'_>, owner: &str, name: &str) {
        let is_defined = self.sources.iter().any(|source| {
            let (inside, owner) =
                if is_type(owner) { (true, Some(owner)) } else { (is_module(source, owner), None) };
            inside && list_definitions(&source.syntax).iter().any(|one| is_called(one, owner, name))
        });
        if !is_defined {
            let places = CRATE_FOLDERS.join(", ");
            self.add_fault(span, &format!("is not defined anywhere in {places}"));
        }
    }
}

fn is_type(owner: &str) -> bool {
    owner.starts_with(|first: char| first.is_ascii_uppercase())
}

fn is_called(definition: &Definition, owner: Option<&str>, name: &str) -> bool {
    definition.name == name && owner.is_none_or(|owner| definition.owner.as_deref() == Some(owner))
}

/// True if the file is the named module, or belongs to the named crate.
fn is_module(source: &SourceFile, name: &str) -> bool {
    source.crate_name().replace('-', "_") == name
        || source.path.file_stem().is_some_and(|stem| stem == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(page: &str) -> Vec<String> {
        let files = [
            ("services/ingest/src/http/webhook.rs", "pub fn take() {}"),
            ("services/ingest/src/usecases/record.rs", "impl Core { fn record() {} }"),
            ("services/stats/src/usecases/record.rs", "const MAX: u8 = 1;"),
            ("shared/event-bus/src/bus.rs", "pub enum Bus { Kafka }"),
        ];
        let sources: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile::parse(*path, (*text).into()).unwrap())
            .collect();
        let mut faults = Vec::new();
        let mut checker = Checker {
            root: Path::new("/nowhere"),
            sources: &sources,
            last_path: PathBuf::new(),
            faults: &mut faults,
        };
        checker.check(&list_spans(page).unwrap());
        faults
    }

    #[test]
    fn a_path_must_be_that_of_one_file() {
        assert!(faults("`services/ingest/src/http/webhook.rs`, `http/webhook.rs`").is_empty());
        assert_eq!(faults("\nsee `gone.rs`"), ["ARCHITECTURE.md:2: `gone.rs` does not exist"]);
        assert!(faults("`usecases/record.rs`")[0].contains("write more of the path"));
    }

    #[test]
    fn a_path_that_several_crates_have_is_that_of_the_crate_named_last() {
        assert!(faults("`http/webhook.rs` calls `usecases/record.rs` (`Core::record`)").is_empty());
    }

    #[test]
    fn a_name_beside_a_path_must_be_defined_in_that_file() {
        assert!(faults("`http/webhook.rs` (`take`) and\n`take` in `http/webhook.rs`").is_empty());
        for page in [
            "`http/webhook.rs`\n(`give`)",
            "(`http/webhook.rs`, `give`)",
            "`give` in `http/webhook.rs`",
            "`http/webhook.rs` (`take`, `give`)",
        ] {
            assert_eq!(
                faults(page),
                [format!(
                    "ARCHITECTURE.md:{}: `give` is not defined in services/ingest/src/http/webhook.rs",
                    if page.contains('\n') { 2 } else { 1 }
                )],
                "{page}"
            );
        }
    }

    #[test]
    fn a_name_with_two_colons_must_be_defined_somewhere() {
        assert!(faults("`Core::record`, `Bus::Kafka`, `event_bus::Bus`, and `wanted`").is_empty());
        assert_eq!(faults("`Core::forget` and `event_bus::Log`").len(), 2);
    }

    #[test]
    fn code_blocks_and_other_texts_between_backticks_are_not_checked() {
        assert!(
            faults("```sh\ncat gone.rs\n```\n`UPDATE … WHERE`, `/webhook/{secret}`, `up`")
                .is_empty()
        );
    }

    #[test]
    fn a_folder_must_exist() {
        assert!(faults("`usecases/`, `services/ingest/`").is_empty());
        assert_eq!(faults("`wherever/`"), ["ARCHITECTURE.md:1: `wherever/` does not exist"]);
    }
}
