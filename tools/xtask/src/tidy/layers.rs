//! Dependencies inside a service: domain ← usecases ← {http, events, workers}, domain ← {store, clients} ← usecases.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::{self, Visit};

use super::sources::SourceFile;

/// The layers of a service, and which layers of the same service each may name.
const LAYERS: [(&str, &[&str]); 7] = [
    ("domain", &["domain"]),
    ("usecases", &["usecases", "domain", "store", "clients", "settings"]),
    ("http", &["http", "usecases", "domain", "settings"]),
    ("events", &["events", "usecases", "domain", "settings"]),
    ("workers", &["workers", "usecases", "domain", "settings"]),
    ("store", &["store", "domain"]),
    ("clients", &["clients", "domain", "settings"]),
];

/// Crates that only some layers may name.
const RESTRICTED_CRATES: [(&str, &[&str]); 4] = [
    ("sea_orm", &["store"]),
    ("sea_orm_migration", &["store"]),
    ("actix_web", &["http"]),
    ("reqwest", &["clients"]),
];

/// Shared crates and modules that may name sea-orm: each keeps tables of its own.
const SHARED_STORES: [&str; 5] = [
    "shared/outbox",
    "shared/jobs",
    "shared/testkit",
    "shared/event-bus/src/built_in",
    "shared/event-bus/src/error",
];

/// The crate of the contract between program and services: it passes migrations on, and names nothing else of sea-orm.
const MIGRATION_CONTRACT: &str = "shared/service-kit";

/// Adds a fault for every path in the file that points the wrong way.
pub(super) fn check(source: &SourceFile, faults: &mut Vec<String>) {
    let mut named = NamedPaths::default();
    named.visit_file(&source.syntax);
    match layer_of(&source.path) {
        Some(layer) => check_layer(&source.path, layer, &named, faults),
        None => check_shared(&source.path, &named, faults),
    }
}

fn check_layer(path: &Path, layer: &str, named: &NamedPaths, faults: &mut Vec<String>) {
    let Some((_, allowed)) = LAYERS.iter().find(|(known, _)| *known == layer) else { return };
    for other in &named.modules {
        let is_layer = LAYERS.iter().any(|(known, _)| known == other);
        if is_layer && !allowed.contains(&other.as_str()) {
            faults.push(format!(
                "{}: {layer} names {other}; it may name {}",
                path.display(),
                allowed.join(", ")
            ));
        }
    }
    for (restricted, layers) in RESTRICTED_CRATES {
        if named.crates.contains(restricted) && !layers.contains(&layer) {
            faults.push(format!(
                "{}: {layer} names {restricted}; only {} may",
                path.display(),
                layers.join(", ")
            ));
        }
    }
}

fn check_shared(path: &Path, named: &NamedPaths, faults: &mut Vec<String>) {
    let is_store = SHARED_STORES
        .iter()
        .any(|store| path.starts_with(store) || path == Path::new(&format!("{store}.rs")));
    let names_orm = named.crates.contains("sea_orm")
        || named.crates.contains("sea_orm_migration") && !path.starts_with(MIGRATION_CONTRACT);
    if names_orm && !is_store {
        faults.push(format!("{}: names sea-orm; only stores may", path.display()));
    }
}

/// The layer of a service that a file belongs to; none for the shared crates, the tools and the program.
fn layer_of(path: &Path) -> Option<&str> {
    let mut parts = path.components().map(|part| part.as_os_str().to_str().unwrap_or(""));
    if parts.next() != Some("services")
        || parts.next() == Some("paceline")
        || parts.next() != Some("src")
    {
        return None;
    }
    parts.next().map(|layer| layer.strip_suffix(".rs").unwrap_or(layer))
}

/// The top modules of its own crate and the other crates that a file names.
#[derive(Default)]
struct NamedPaths {
    modules: BTreeSet<String>,
    crates: BTreeSet<String>,
}

impl NamedPaths {
    fn add_path(&mut self, first: &str, second: Option<&str>) {
        if first == "crate" {
            self.modules.extend(second.map(str::to_owned));
        } else {
            self.crates.insert(first.to_owned());
        }
    }

    fn add_use_tree(&mut self, first: &str, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.add_path(first, Some(&path.ident.to_string())),
            syn::UseTree::Name(name) => self.add_path(first, Some(&name.ident.to_string())),
            syn::UseTree::Rename(rename) => self.add_path(first, Some(&rename.ident.to_string())),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.add_use_tree(first, item));
            }
            syn::UseTree::Glob(_) => self.add_path(first, None),
        }
    }
}

impl<'ast> Visit<'ast> for NamedPaths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(path) = &item.tree {
            self.add_use_tree(&path.ident.to_string(), &path.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter().map(|segment| segment.ident.to_string());
        if let (Some(first), second @ Some(_)) = (segments.next(), segments.next()) {
            self.add_path(&first, second.as_deref());
        }
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        check(&SourceFile::parse(name, text.into()).unwrap(), &mut faults);
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
        assert_eq!(faults("shared/service-kit/src/lib.rs", "use sea_orm::EntityTrait;").len(), 1);
        assert_eq!(
            faults("shared/service-kit/src/lib.rs", "use sea_orm_migration::MigrationTrait;").len(),
            0
        );
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
