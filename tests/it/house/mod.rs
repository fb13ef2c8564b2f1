//! The structure of the code: which file imports which, and how large each file is.

mod crates;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::crates::{Crate, File, Module};

/// The crates of the product, by their root files.
const CRATES: [&str; 8] = [
    "functions/domain/src/lib.rs",
    "functions/adapters/src/lib.rs",
    "functions/ingest/src/lib.rs",
    "functions/dispatch/src/lib.rs",
    "functions/query/src/lib.rs",
    "functions/destinations/src/lib.rs",
    "infra/local/src/lib.rs",
    "tests/checker/src/lib.rs",
];

/// The rooms of the domain that each room imports. A new import between rooms is a decision: make it here.
const ROOMS: [(&str, &[&str]); 10] = [
    ("shared", &[]),
    ("account", &["shared"]),
    ("event", &["shared"]),
    ("conversation", &["event", "shared"]),
    ("destination", &["event", "shared"]),
    ("lifecycle", &["conversation", "event", "shared"]),
    ("delivery", &["conversation", "destination", "event", "lifecycle", "shared"]),
    ("delivery_log", &["delivery", "event", "shared"]),
    ("redelivery", &["conversation", "delivery", "delivery_log", "destination", "event", "shared"]),
    ("testing", &["conversation", "delivery", "destination", "event", "lifecycle", "shared"]),
];

const MAX_LINES: usize = 400;
const MAX_EXPORTS: usize = 25;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Finds an import cycle.
fn find_cycle<T: Ord + Clone>(imports: &BTreeMap<T, BTreeSet<T>>) -> Option<Vec<T>> {
    fn search<T: Ord + Clone>(
        at: &T,
        imports: &BTreeMap<T, BTreeSet<T>>,
        path: &mut Vec<T>,
        done: &mut BTreeSet<T>,
    ) -> Option<Vec<T>> {
        if let Some(start) = path.iter().position(|earlier| earlier == at) {
            return Some(path[start..].to_vec());
        }
        if !done.insert(at.clone()) {
            return None;
        }
        path.push(at.clone());
        let found = imports.get(at).into_iter().flatten().find_map(|next| search(next, imports, path, done));
        path.pop();
        found
    }
    let (mut path, mut done) = (Vec::new(), BTreeSet::new());
    imports.keys().find_map(|start| search(start, imports, &mut path, &mut done))
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut cycles = Vec::new();
    for crate_root in CRATES {
        let read = Crate::read(&root().join(crate_root));
        let imports: BTreeMap<Module, BTreeSet<Module>> =
            read.files.iter().map(|(module, file)| (module.clone(), file.imports.clone())).collect();
        if let Some(found) = find_cycle(&imports) {
            let names: Vec<_> = found.iter().map(|module| module.join("::")).collect();
            cycles.push(format!("{crate_root}: {}", names.join(" → ")));
        }
    }
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}

#[test]
fn the_rooms_of_the_domain_import_as_listed_and_in_no_circle() {
    let read = Crate::read(&root().join(CRATES[0]));
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, file) in read.files.iter().filter(|(module, _)| !module.is_empty()) {
        let imported =
            file.imports.iter().filter_map(|other| other.first()).filter(|other| **other != module[0]);
        rooms.entry(module[0].clone()).or_default().extend(imported.cloned());
    }
    assert_eq!(find_cycle(&rooms), None);
    let listed = ROOMS.map(|(room, imports)| {
        (room.to_owned(), imports.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>())
    });
    assert_eq!(rooms, BTreeMap::from(listed));
}

#[test]
fn a_circle_is_found() {
    let imports = |arrows: &[(char, char)]| {
        let mut imports = BTreeMap::<char, BTreeSet<char>>::new();
        arrows.iter().for_each(|&(from, to)| _ = imports.entry(from).or_default().insert(to));
        imports
    };
    assert_eq!(find_cycle(&imports(&[('a', 'b'), ('b', 'c'), ('a', 'c')])), None);
    assert_eq!(find_cycle(&imports(&[('a', 'b'), ('b', 'c'), ('c', 'b')])), Some(vec!['b', 'c']));
}

#[test]
fn no_module_exports_too_much() {
    for crate_root in CRATES {
        for File { path, exports, .. } in Crate::read(&root().join(crate_root)).files.values() {
            assert!(*exports <= MAX_EXPORTS, "{}: {exports} names", path.display());
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let mut folders = ["functions", "infra", "tests"].map(|folder| root().join(folder)).to_vec();
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == "target" || name.starts_with('.') {
                continue; // left behind by a build
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ["rs", "js", "py"].iter().any(|of| ending == *of))
            {
                let lines = std::fs::read_to_string(&path).unwrap().lines().count();
                assert!(lines <= MAX_LINES, "{}: {lines} lines", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 300, "{seen} files");
}
