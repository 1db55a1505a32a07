//! Who may name whom inside a service: domain ← usecases ← {http, events, workers}, domain ← {store, clients} ← usecases.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use syn::visit::{self, Visit};

/// The rooms of a service, and which rooms of the same service each may name.
const ROOMS: [(&str, &[&str]); 7] = [
    ("domain", &["domain"]),
    ("usecases", &["usecases", "domain", "store", "clients", "settings"]),
    ("http", &["http", "usecases", "domain", "settings"]),
    ("events", &["events", "usecases", "domain", "settings"]),
    ("workers", &["workers", "usecases", "domain", "settings"]),
    ("store", &["store", "domain"]),
    ("clients", &["clients", "domain", "settings"]),
];

/// Crates that only some rooms, or some crates of ours, may name.
const FOREIGN: [(&str, &[&str]); 4] = [
    ("sea_orm", &["store"]),
    ("sea_orm_migration", &["store"]),
    ("actix_web", &["http"]),
    ("reqwest", &["clients"]),
];

/// Shared crates and tools that may name sea-orm: each keeps tables of its own.
const STORES: [&str; 5] = [
    "shared/outbox",
    "shared/jobs",
    "shared/testkit",
    "shared/event-bus/src/built_in",
    "shared/event-bus/src/error",
];

/// Adds a fault for every path in the file that points the wrong way.
pub(super) fn check(name: &Path, text: &str, faults: &mut Vec<String>) -> anyhow::Result<()> {
    let parsed =
        syn::parse_file(text).with_context(|| format!("{} does not parse", name.display()))?;
    let mut seen = Seen::default();
    seen.visit_file(&parsed);
    match room(name) {
        Some(room) => inside_a_service(name, room, &seen, faults),
        None => outside(name, &seen, faults),
    }
    Ok(())
}

fn inside_a_service(name: &Path, room: &str, seen: &Seen, faults: &mut Vec<String>) {
    if let Some((_, allowed)) = ROOMS.iter().find(|(known, _)| *known == room) {
        for used in &seen.rooms {
            let is_room = ROOMS.iter().any(|(known, _)| known == used);
            if is_room && !allowed.contains(&used.as_str()) {
                faults.push(format!(
                    "{}: {room} names {used}; it may name {}",
                    name.display(),
                    allowed.join(", ")
                ));
            }
        }
        for (foreign, rooms) in FOREIGN {
            if seen.crates.contains(foreign) && !rooms.contains(&room) {
                faults.push(format!(
                    "{}: {room} names {foreign}; only {} may",
                    name.display(),
                    rooms.join(", ")
                ));
            }
        }
    }
}

fn outside(name: &Path, seen: &Seen, faults: &mut Vec<String>) {
    let may_store = STORES
        .iter()
        .any(|place| name.starts_with(place) || name == Path::new(&format!("{place}.rs")));
    if !may_store && (seen.crates.contains("sea_orm") || seen.crates.contains("sea_orm_migration"))
    {
        faults.push(format!("{}: names sea-orm; only stores may", name.display()));
    }
}

/// The room of a service that a file belongs to; none for the shared crates, the tools and the program.
fn room(name: &Path) -> Option<&str> {
    let mut parts = name.components().map(|part| part.as_os_str().to_str().unwrap_or(""));
    if parts.next() != Some("services")
        || parts.next() == Some("paceline")
        || parts.next() != Some("src")
    {
        return None;
    }
    parts.next().map(|room| room.strip_suffix(".rs").unwrap_or(room))
}

/// What a file names: rooms of its own crate, and crates.
#[derive(Default)]
struct Seen {
    rooms: BTreeSet<String>,
    crates: BTreeSet<String>,
}

impl Seen {
    fn path(&mut self, first: &str, second: Option<&str>) {
        if first == "crate" {
            self.rooms.extend(second.map(str::to_owned));
        } else {
            self.crates.insert(first.to_owned());
        }
    }

    fn tree(&mut self, first: &str, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.path(first, Some(&path.ident.to_string())),
            syn::UseTree::Name(name) => self.path(first, Some(&name.ident.to_string())),
            syn::UseTree::Rename(rename) => self.path(first, Some(&rename.ident.to_string())),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(first, item));
            }
            syn::UseTree::Glob(_) => self.path(first, None),
        }
    }
}

impl<'ast> Visit<'ast> for Seen {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(path) = &item.tree {
            self.tree(&path.ident.to_string(), &path.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter().map(|segment| segment.ident.to_string());
        if let (Some(first), second @ Some(_)) = (segments.next(), segments.next()) {
            self.path(&first, second.as_deref());
        }
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        check(Path::new(name), text, &mut faults).unwrap();
        faults
    }

    #[test]
    fn a_handler_that_names_the_store_is_a_fault() {
        assert_eq!(
            faults("services/stats/src/http/summary.rs", "use crate::store::facts;").len(),
            1
        );
        assert_eq!(
            faults("services/stats/src/http/summary.rs", "fn f() { crate::store::facts::all(); }")
                .len(),
            1
        );
        assert_eq!(
            faults(
                "services/stats/src/usecases/summary.rs",
                "use crate::{domain::x, store::facts};"
            )
            .len(),
            0
        );
    }

    #[test]
    fn only_the_store_names_the_orm() {
        assert_eq!(
            faults("services/stats/src/usecases/summary.rs", "use sea_orm::EntityTrait;").len(),
            1
        );
        assert_eq!(
            faults("services/stats/src/store/facts.rs", "use sea_orm::EntityTrait;").len(),
            0
        );
        assert_eq!(faults("shared/http-kit/src/lib.rs", "use sea_orm::EntityTrait;").len(), 1);
        assert_eq!(
            faults("shared/event-bus/src/built_in/writer.rs", "use sea_orm::EntityTrait;").len(),
            0
        );
    }

    #[test]
    fn the_domain_names_no_framework() {
        assert_eq!(faults("services/ingest/src/domain/merge.rs", "use actix_web::web;").len(), 1);
    }
}
