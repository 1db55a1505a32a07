//! The named items that a Rust file defines.

use std::fmt;
use std::str::FromStr;

use syn::visit::{self, Visit};

/// A kind of item, by the keyword that `retired-names.txt` uses for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    Const,
    Enum,
    Field,
    Function,
    Method,
    Module,
    Static,
    Struct,
    Trait,
    Type,
    Variant,
}

impl ItemKind {
    const ALL: [(Self, &str); 11] = [
        (Self::Const, "const"),
        (Self::Enum, "enum"),
        (Self::Field, "field"),
        (Self::Function, "fn"),
        (Self::Method, "method"),
        (Self::Module, "mod"),
        (Self::Static, "static"),
        (Self::Struct, "struct"),
        (Self::Trait, "trait"),
        (Self::Type, "type"),
        (Self::Variant, "variant"),
    ];
}

impl FromStr for ItemKind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let entry = Self::ALL.iter().find(|(_, keyword)| *keyword == text);
        entry.map(|(kind, _)| *kind).ok_or_else(|| {
            let keywords: Vec<&str> = Self::ALL.iter().map(|(_, keyword)| *keyword).collect();
            anyhow::anyhow!("`{text}` is no kind of item; known are {}, *", keywords.join(", "))
        })
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyword = Self::ALL.iter().find(|(kind, _)| kind == self).map(|(_, keyword)| *keyword);
        formatter.write_str(keyword.unwrap_or_default())
    }
}

/// An item that a file defines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) kind: ItemKind,
    /// The type or trait that a method, variant, field or associated item belongs to.
    pub(super) owner: Option<String>,
    pub(super) name: String,
    /// True for an item of `impl Trait for Type`: its name was chosen where the trait is defined.
    pub(super) implements_trait: bool,
}

/// Lists the items defined in a file, in the order of its text, those inside functions and inline modules included.
pub(super) fn list_definitions(syntax: &syn::File) -> Vec<Definition> {
    let mut collector = Collector::default();
    collector.visit_file(syntax);
    collector.definitions
}

#[derive(Default)]
struct Collector {
    definitions: Vec<Definition>,
    owner: Option<String>,
    in_trait_impl: bool,
}

impl Collector {
    fn add(&mut self, kind: ItemKind, name: &syn::Ident) {
        self.definitions.push(Definition {
            kind,
            owner: self.owner.clone(),
            name: name.to_string().trim_start_matches("r#").to_owned(),
            implements_trait: self.in_trait_impl,
        });
    }

    fn add_item(&mut self, kind: ItemKind, name: &syn::Ident) {
        self.inside(None, false, |this| this.add(kind, name));
    }

    fn inside(&mut self, owner: Option<String>, trait_impl: bool, visit: impl FnOnce(&mut Self)) {
        let outer_owner = std::mem::replace(&mut self.owner, owner);
        let outer_trait_impl = std::mem::replace(&mut self.in_trait_impl, trait_impl);
        visit(self);
        self.owner = outer_owner;
        self.in_trait_impl = outer_trait_impl;
    }
}

/// The last name of a type's path: `Queue` of `crate::Queue<T>`.
fn type_name(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        syn::Type::Reference(reference) => type_name(&reference.elem),
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add_item(ItemKind::Function, &item.sig.ident);
        self.inside(None, false, |this| visit::visit_item_fn(this, item));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add_item(ItemKind::Struct, &item.ident);
        let owner = Some(item.ident.to_string());
        self.inside(owner, false, |this| visit::visit_item_struct(this, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add_item(ItemKind::Enum, &item.ident);
        let owner = Some(item.ident.to_string());
        self.inside(owner, false, |this| visit::visit_item_enum(this, item));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.add(ItemKind::Variant, &variant.ident);
        visit::visit_variant(self, variant);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.add(ItemKind::Field, name);
        }
        visit::visit_field(self, field);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add_item(ItemKind::Trait, &item.ident);
        let owner = Some(item.ident.to_string());
        self.inside(owner, false, |this| visit::visit_item_trait(this, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(ItemKind::Method, &item.sig.ident);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.add(ItemKind::Const, &item.ident);
        visit::visit_trait_item_const(self, item);
    }

    fn visit_trait_item_type(&mut self, item: &'ast syn::TraitItemType) {
        self.add(ItemKind::Type, &item.ident);
        visit::visit_trait_item_type(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = type_name(&item.self_ty);
        self.inside(owner, item.trait_.is_some(), |this| visit::visit_item_impl(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(ItemKind::Method, &item.sig.ident);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(ItemKind::Const, &item.ident);
        visit::visit_impl_item_const(self, item);
    }

    fn visit_impl_item_type(&mut self, item: &'ast syn::ImplItemType) {
        self.add(ItemKind::Type, &item.ident);
        visit::visit_impl_item_type(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add_item(ItemKind::Type, &item.ident);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add_item(ItemKind::Const, &item.ident);
        self.inside(None, false, |this| visit::visit_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.add_item(ItemKind::Static, &item.ident);
        self.inside(None, false, |this| visit::visit_item_static(this, item));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.add_item(ItemKind::Module, &item.ident);
        self.inside(None, false, |this| visit::visit_item_mod(this, item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<String> {
        list_definitions(&syn::parse_file(text).unwrap())
            .into_iter()
            .map(|one| match one.owner {
                Some(owner) => format!("{} {owner}::{}", one.kind, one.name),
                None => format!("{} {}", one.kind, one.name),
            })
            .collect()
    }

    #[test]
    fn members_are_listed_with_the_type_they_belong_to() {
        assert_eq!(
            listed(
                "struct Queue { depth: u8 } impl<T> Queue<T> { const MAX: u8 = 1; fn push(&self) {} } \
                 enum State { Open, Closed { since: u8 } } trait Clock { fn now(&self); }"
            ),
            [
                "struct Queue",
                "field Queue::depth",
                "const Queue::MAX",
                "method Queue::push",
                "enum State",
                "variant State::Open",
                "variant State::Closed",
                "field State::since",
                "trait Clock",
                "method Clock::now",
            ]
        );
    }

    #[test]
    fn items_inside_functions_and_modules_are_listed_without_an_owner() {
        assert_eq!(
            listed(
                "mod inner { static A: u8 = 0; } impl Q { fn f() { fn helper() {} type T = u8; } }"
            ),
            ["mod inner", "static A", "method Q::f", "fn helper", "type T"]
        );
    }

    #[test]
    fn items_of_a_trait_implementation_are_marked() {
        let parsed = syn::parse_file("impl Clock for Fixed { fn now(&self) {} }").unwrap();
        assert!(list_definitions(&parsed)[0].implements_trait);
    }
}
