//! The modules of a crate: the file that holds each, the items it defines, and the paths it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use super::sources::SourceFile;

/// Maximum number of re-exports that are followed from one path.
const MAX_REEXPORTS: usize = 16;

/// A path as it is written, one name per segment.
pub(super) type Segments = Vec<String>;

/// The modules below one crate root, without those for tests; the root is the first.
pub(super) struct ModuleTree {
    pub(super) modules: Vec<Module>,
}

/// A module, in a file of its own or inside its parent's.
#[derive(Default)]
pub(super) struct Module {
    pub(super) file: PathBuf,
    /// Paths that `use` declarations name.
    used: BTreeSet<Segments>,
    /// Paths of two or more segments elsewhere in the code.
    inline: BTreeSet<Segments>,
    parent: usize,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    imports: BTreeMap<String, Segments>,
    globs: Vec<Segments>,
}

enum Target {
    Module(usize),
    ItemOf(usize),
}

impl ModuleTree {
    /// Builds the tree below a crate root such as `src/lib.rs`; a file that is not among the sources stays out.
    pub(super) fn build(root: &Path, sources: &BTreeMap<&Path, &SourceFile>) -> Self {
        let mut tree = Self { modules: Vec::new() };
        let folder = root.parent().unwrap_or(root).to_owned();
        tree.add_file(root.to_owned(), folder, 0, sources);
        tree
    }

    fn add_file(
        &mut self,
        file: PathBuf,
        folder: PathBuf,
        parent: usize,
        sources: &BTreeMap<&Path, &SourceFile>,
    ) -> Option<usize> {
        let source = sources.get(file.as_path())?;
        let module = self.modules.len();
        self.modules.push(Module { file, parent, ..Module::default() });
        let mut builder = Builder { tree: self, module, folder, sources };
        builder.visit_items(&source.syntax.items);
        Some(module)
    }

    /// Lists the paths through which a module depends on others, as they are written.
    ///
    /// These are those of its `use` declarations, and those in the code that lead through another module than its own
    /// children: `child::run()` belongs to the declaration `mod child;`, `Type::new()` to the `use` of the type.
    pub(super) fn list_dependencies(&self, index: usize) -> impl Iterator<Item = &Segments> {
        let module = &self.modules[index];
        let leads_elsewhere = move |path: &&Segments| {
            let first = &path[..1];
            !module.children.contains_key(&first[0])
                && !matches!(self.follow(index, first, MAX_REEXPORTS), Some(Target::ItemOf(_)))
        };
        module.used.iter().chain(module.inline.iter().filter(leads_elsewhere))
    }

    /// Finds the module whose file defines what a path names; none for paths into other crates.
    pub(super) fn resolve(&self, from: usize, path: &[String]) -> Option<usize> {
        match self.follow(from, path, MAX_REEXPORTS)? {
            Target::Module(module) | Target::ItemOf(module) => Some(module),
        }
    }

    fn follow(&self, from: usize, path: &[String], reexports: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(self.walk(0, rest, reexports)),
            "self" => Some(self.walk(from, rest, reexports)),
            "super" => Some(self.walk(self.modules[from].parent, rest, reexports)),
            _ => self.walk_known(from, path, reexports),
        }
    }

    /// Follows a path from a module; what is not found there (made by a macro) counts as the module's own.
    fn walk(&self, module: usize, path: &[String], reexports: usize) -> Target {
        match path.split_first() {
            None => Target::Module(module),
            Some((first, rest)) if first == "super" => {
                self.walk(self.modules[module].parent, rest, reexports)
            }
            Some(_) => self.walk_known(module, path, reexports).unwrap_or(Target::ItemOf(module)),
        }
    }

    fn walk_known(&self, at: usize, path: &[String], reexports: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let module = &self.modules[at];
        if let Some(child) = module.children.get(first) {
            return Some(self.walk(*child, rest, reexports));
        }
        if module.items.contains(first) {
            return Some(Target::ItemOf(at));
        }
        let reexports = reexports.checked_sub(1)?;
        if let Some(import) = module.imports.get(first).filter(|import| import[..] != path[..1]) {
            return match self.follow(at, import, reexports)? {
                Target::Module(module) => Some(self.walk(module, rest, reexports)),
                item @ Target::ItemOf(_) => Some(item),
            };
        }
        module.globs.iter().find_map(|glob| match self.follow(at, glob, reexports)? {
            Target::Module(module) if module != at => self.walk_known(module, path, reexports),
            _ => None,
        })
    }
}

/// Fills one module of the tree from its syntax.
struct Builder<'a> {
    tree: &'a mut ModuleTree,
    module: usize,
    /// The folder of its child modules' files.
    folder: PathBuf,
    sources: &'a BTreeMap<&'a Path, &'a SourceFile>,
}

impl Builder<'_> {
    fn visit_items(&mut self, items: &[syn::Item]) {
        for item in items {
            self.visit_item(item);
        }
    }

    fn module(&mut self) -> &mut Module {
        &mut self.tree.modules[self.module]
    }

    fn add_child(&mut self, item: &syn::ItemMod) {
        let name = item.ident.to_string();
        let folder = self.folder.join(&name);
        let child = if let Some((_, items)) = &item.content {
            let child = self.tree.modules.len();
            let file = self.module().file.clone();
            self.tree.modules.push(Module { file, parent: self.module, ..Module::default() });
            let sources = self.sources;
            let mut builder = Builder { tree: self.tree, module: child, folder, sources };
            builder.visit_items(items);
            Some(child)
        } else {
            let file = self.folder.join(format!("{name}.rs"));
            self.tree.add_file(file, folder, self.module, self.sources)
        };
        if let Some(child) = child {
            self.module().children.insert(name, child);
        }
    }

    fn add_use(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let extend = |name: &syn::Ident| {
            let mut path = prefix.to_owned();
            if name != "self" || path.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.add_use(&extend(&path.ident), &path.tree),
            syn::UseTree::Name(name) => {
                let path = extend(&name.ident);
                let binding = path.last().cloned().unwrap_or_default();
                self.add_import(binding, path);
            }
            syn::UseTree::Rename(rename) => {
                self.add_import(rename.rename.to_string(), extend(&rename.ident));
            }
            syn::UseTree::Glob(_) => {
                self.module().used.insert(prefix.to_owned());
                self.module().globs.push(prefix.to_owned());
            }
            syn::UseTree::Group(group) => {
                for item in &group.items {
                    self.add_use(prefix, item);
                }
            }
        }
    }

    fn add_import(&mut self, binding: String, path: Segments) {
        self.module().used.insert(path.clone());
        self.module().imports.entry(binding).or_insert(path);
    }
}

impl<'ast> Visit<'ast> for Builder<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let name = match item {
            syn::Item::Const(item) => Some(&item.ident),
            syn::Item::Enum(item) => Some(&item.ident),
            syn::Item::Fn(item) => Some(&item.sig.ident),
            syn::Item::Macro(item) => item.ident.as_ref(),
            syn::Item::Static(item) => Some(&item.ident),
            syn::Item::Struct(item) => Some(&item.ident),
            syn::Item::Trait(item) => Some(&item.ident),
            syn::Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        if let Some(name) = name {
            self.module().items.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            self.add_child(item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.add_use(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.module().inline.insert(segments);
        }
        visit::visit_path(self, path);
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        _ => false,
    })
}
