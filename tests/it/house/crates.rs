//! Parses the files of a crate and their imports of each other, without tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, UseTree, Visibility};

/// A module's path in its crate: `[]` is the root, `["delivery", "ledger"]` is `crate::delivery::ledger`.
pub(crate) type Module = Vec<String>;

/// The file modules of a crate.
pub(crate) struct Crate {
    pub(crate) files: BTreeMap<Module, File>,
}

/// One file module.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) imports: BTreeSet<Module>,
    /// The number of names that other files can import.
    pub(crate) exports: usize,
}

impl Crate {
    /// Parses a crate, starting at its root file.
    pub(crate) fn read(root: &Path) -> Self {
        let mut parsed = BTreeMap::new();
        parse(root.to_owned(), root.parent().unwrap(), Module::new(), &mut parsed);
        let modules: BTreeSet<Module> = parsed.keys().cloned().collect();
        let files = parsed.into_iter().map(|(module, (path, syntax))| {
            let mut imports = Imports { here: module.clone(), modules: &modules, found: BTreeSet::new() };
            imports.visit_file(&syntax);
            let exports = syntax.items.iter().filter(|item| !is_test(attributes(item))).map(exports).sum();
            (module, File { path, imports: imports.found, exports })
        });
        Self { files: files.collect() }
    }
}

fn parse(path: PathBuf, folder: &Path, module: Module, into: &mut BTreeMap<Module, (PathBuf, syn::File)>) {
    let syntax = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for item in &syntax.items {
        if let Item::Mod(ItemMod { ident, attrs, content: None, .. }) = item
            && !is_test(attrs)
        {
            let inner = folder.join(ident.to_string());
            let beside = inner.with_extension("rs");
            let file = if beside.exists() { beside } else { inner.join("mod.rs") };
            parse(file, &inner, [module.clone(), vec![ident.to_string()]].concat(), into);
        }
    }
    into.insert(module, (path, syntax));
}

/// Whether an item is compiled for tests only. Items of the feature `fakes` count as part of the crate.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Counts the names that an item exports.
fn exports(item: &Item) -> usize {
    let (visibility, names) = match item {
        Item::Const(item) => (&item.vis, 1),
        Item::Enum(item) => (&item.vis, 1),
        Item::Fn(item) => (&item.vis, 1),
        Item::Static(item) => (&item.vis, 1),
        Item::Struct(item) => (&item.vis, 1),
        Item::Trait(item) => (&item.vis, 1),
        Item::Type(item) => (&item.vis, 1),
        Item::Mod(item) => (&item.vis, 1),
        Item::Use(item) => (&item.vis, leaves(&item.tree).len()),
        _ => return 0,
    };
    if matches!(visibility, Visibility::Inherited) { 0 } else { names }
}

/// The paths in a `use` tree.
fn leaves(tree: &UseTree) -> Vec<Vec<String>> {
    let prefixed = |name: String, paths: Vec<Vec<String>>| {
        paths.into_iter().map(|path| [vec![name.clone()], path].concat()).collect()
    };
    match tree {
        UseTree::Path(path) => prefixed(path.ident.to_string(), leaves(&path.tree)),
        UseTree::Name(name) => vec![vec![name.ident.to_string()]],
        UseTree::Rename(rename) => vec![vec![rename.ident.to_string()]],
        UseTree::Glob(_) => vec![vec![]],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

/// Collects the modules that a file refers to.
struct Imports<'a> {
    here: Module,
    modules: &'a BTreeSet<Module>,
    found: BTreeSet<Module>,
}

impl Imports<'_> {
    /// Adds the file module that a path leads into. A path through a re-export leads to the re-exporting file.
    fn add(&mut self, path: &[String]) {
        let Some((first, rest)) = path.split_first() else { return };
        let mut module = self.here.clone();
        let rest = match first.as_str() {
            "crate" => {
                module.clear();
                rest
            }
            "self" => rest,
            "super" => {
                module.pop();
                rest
            }
            child if self.modules.contains(&[self.here.clone(), vec![child.to_owned()]].concat()) => path,
            _ => return,
        };
        for name in rest {
            if name == "super" {
                module.pop();
                continue;
            }
            module.push(name.clone());
            if !self.modules.contains(&module) {
                module.pop();
                break;
            }
        }
        if module != self.here {
            self.found.insert(module);
        }
    }
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            return;
        }
        if let Item::Use(item) = item {
            leaves(&item.tree).iter().for_each(|path| self.add(path));
        }
        visit::visit_item(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // A single name may be a function or a variable that shares its name with a module.
        if names.len() > 1 {
            self.add(&names);
        }
        visit::visit_path(self, path);
    }
}
