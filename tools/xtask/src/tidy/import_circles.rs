//! Circles of imports between the files of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::module_tree::ModuleTree;
use super::sources::SourceFile;

/// The files that each file imports from, with the paths it names there.
type Imports<'a> = BTreeMap<&'a Path, BTreeMap<&'a Path, BTreeSet<String>>>;

/// Adds a fault for every set of files that import from each other.
///
/// A declaration `mod child;` and calls of `child::run()` are no import. Re-exports are followed to the file that defines the item.
pub(super) fn check(sources: &[SourceFile], faults: &mut Vec<String>) {
    let by_path: BTreeMap<&Path, &SourceFile> =
        sources.iter().map(|source| (source.path.as_path(), source)).collect();
    let roots = sources.iter().filter(|source| is_crate_root(&source.path));
    for root in roots {
        let tree = ModuleTree::build(&root.path, &by_path);
        let imports = list_imports(&tree);
        for circle in find_circles(&imports) {
            faults.push(describe(&circle, &imports));
        }
    }
}

fn is_crate_root(path: &Path) -> bool {
    path.iter().nth(2).is_some_and(|folder| folder == "src")
        && path.iter().count() == 4
        && (path.ends_with("lib.rs") || path.ends_with("main.rs"))
}

fn list_imports(tree: &ModuleTree) -> Imports<'_> {
    let mut imports = Imports::new();
    for (index, module) in tree.modules.iter().enumerate() {
        for path in tree.list_dependencies(index) {
            let Some(target) = tree.resolve(index, path) else { continue };
            let file = tree.modules[target].file.as_path();
            if file != module.file {
                let paths = imports.entry(&module.file).or_default().entry(file).or_default();
                paths.insert(path.join("::"));
            }
        }
    }
    imports
}

/// Finds the largest sets of files in which each reaches every other.
fn find_circles<'a>(imports: &Imports<'a>) -> Vec<BTreeSet<&'a Path>> {
    let reached: BTreeMap<&Path, BTreeSet<&Path>> =
        imports.keys().map(|file| (*file, reach(file, imports))).collect();
    let mut circles: Vec<BTreeSet<&Path>> = Vec::new();
    for (file, files) in &reached {
        let is_new = !circles.iter().any(|circle| circle.contains(file));
        if is_new && files.contains(file) {
            let returns =
                |other: &&&Path| reached.get(**other).is_some_and(|files| files.contains(file));
            circles.push(files.iter().filter(returns).copied().collect());
        }
    }
    circles
}

fn reach<'a>(start: &Path, imports: &Imports<'a>) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(file) = waiting.pop() {
        for next in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*next) {
                waiting.push(next);
            }
        }
    }
    reached
}

fn describe(circle: &BTreeSet<&Path>, imports: &Imports<'_>) -> String {
    let mut lines = vec![format!("{} files import from each other:", circle.len())];
    for file in circle {
        let inside = imports[file].iter().filter(|(target, _)| circle.contains(*target));
        lines.extend(inside.map(|(target, paths)| {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            format!("    {} → {}: {}", file.display(), target.display(), paths.join(", "))
        }));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| {
                SourceFile::parse(format!("shared/a/src/{path}"), (*text).into()).unwrap()
            })
            .collect();
        let mut faults = Vec::new();
        check(&sources, &mut faults);
        faults
    }

    #[test]
    fn two_files_that_use_each_other_are_a_circle() {
        let found = circles(&[
            ("lib.rs", "mod copy; mod rule;"),
            ("copy.rs", "use crate::rule::Rule; pub struct Copy;"),
            ("rule.rs", "pub struct Rule(crate::copy::Copy);"),
        ]);
        assert_eq!(
            found,
            ["2 files import from each other:\n    \
              shared/a/src/copy.rs → shared/a/src/rule.rs: crate::rule::Rule\n    \
              shared/a/src/rule.rs → shared/a/src/copy.rs: crate::copy::Copy"]
        );
    }

    #[test]
    fn a_parent_is_in_a_circle_with_its_child_only_if_it_imports_from_it() {
        let child = ("rule.rs", "use super::Limit;");
        assert!(circles(&[("lib.rs", "mod rule; pub struct Limit;"), child]).is_empty());
        let calls = "mod rule; pub struct Limit; fn f() { rule::check() }";
        assert!(circles(&[("lib.rs", calls), child]).is_empty());
        let imports = "mod rule; use rule::check; pub struct Limit;";
        assert_eq!(circles(&[("lib.rs", imports), child]).len(), 1);
    }

    #[test]
    fn a_reexport_counts_as_an_import_from_the_file_that_defines_the_item() {
        let found = circles(&[
            ("lib.rs", "mod copy; mod rule; pub use copy::Copy;"),
            ("copy.rs", "use crate::rule::Rule; pub struct Copy;"),
            ("rule.rs", "use crate::Copy; pub struct Rule;"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("2 files"), "{found:?}");
    }

    #[test]
    fn a_circle_over_three_files_is_found_whole() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod d;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "mod c; use c::C; pub struct B(C);"),
            ("b/c.rs", "use crate::{a::A, d}; pub struct C;"),
            ("d.rs", ""),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("3 files"), "{found:?}");
    }

    #[test]
    fn what_tests_import_is_no_circle() {
        let found = circles(&[
            ("lib.rs", "mod copy; mod rule;"),
            ("copy.rs", "#[cfg(test)] mod tests { use crate::rule::Rule; } pub struct Copy;"),
            ("rule.rs", "use crate::copy::Copy; pub struct Rule;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
