//! The documents' links and paths: every target exists.

use std::path::{Component, Path, PathBuf};

use super::{Document, files, root};

/// Package registries. The documents link to a tool's repository or documentation instead.
const REGISTRIES: [&str; 6] =
    ["crates.io", "npmjs.com", "packagist.org", "pypi.org", "rubygems.org", "hub.docker.com"];

/// The targets of the links and images in a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// GitHub's anchor for a heading: lower case, hyphens for spaces, no punctuation.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Resolves a path relative to a folder into one relative to the repository root.
fn resolve(folder: &Path, path: &str) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in folder.join(path).components() {
        match component {
            Component::ParentDir => assert!(resolved.pop(), "{path} leads out of the repository"),
            component => resolved.push(component),
        }
    }
    resolved
}

fn exists(path: &Path) -> bool {
    root().join(path).exists()
}

/// Why a relative link of a page is broken; `None` if it is not.
fn fault(page: &Document, target: &str) -> Option<String> {
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { PathBuf::from(&page.path) } else { resolve(page.folder(), path) };
    if !exists(&path) {
        return Some(format!("{}: {target} does not exist", page.path));
    }
    let other = (!fragment.is_empty()).then(|| Document::read(path.to_str().unwrap()))?;
    let mut headings = other.prose().filter(|line| line.starts_with('#')).map(anchor);
    (!headings.any(|anchor| anchor == fragment))
        .then(|| format!("{}: {target} has no such heading", page.path))
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let mut faults = Vec::new();
    for page in Document::all() {
        let relative = page.prose().flat_map(targets).filter(|target| !target.contains("://"));
        faults.extend(relative.filter_map(|target| fault(&page, target)));
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// Whether a name is a path, not a route, type or command: it starts in a top-level folder or ends like a file name.
fn is_path(name: &str, top: &[String]) -> bool {
    const ENDS: [&str; 12] =
        ["go", "js", "json", "lock", "md", "php", "py", "rb", "rs", "toml", "txt", "yaml"];
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let begins = name.contains('/') && top.iter().any(|top| name.split('/').next() == Some(top));
    let ends = name.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && ENDS.contains(&end));
    is_plain && (begins || ends)
}

#[test]
fn every_path_in_backticks_exists() {
    let files = files();
    let top: Vec<_> = files.iter().map(|file| file.split('/').next().unwrap().to_owned()).collect();
    let mut faults = Vec::new();
    for page in Document::all() {
        let paths = page.names().filter(|name| is_path(name, &top));
        let wrong = paths.filter(|path| !leads_to_one_place(path, page.folder(), &files));
        faults.extend(wrong.map(|path| format!("{}: {path}", page.path)));
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// Whether a path is there, from the root or from the page's folder, or whether it is the end of one file's path that
/// names the folder as well: `delivery/ports.rs` says where to look, `ports.rs` does not.
fn leads_to_one_place(path: &str, folder: &Path, files: &[String]) -> bool {
    let ends = format!("/{path}");
    exists(Path::new(path))
        || exists(&resolve(folder, path))
        || path.contains('/') && files.iter().filter(|file| file.ends_with(&ends)).count() == 1
}

#[test]
fn a_path_has_to_say_which_file_it_means() {
    let files = ["a/one/store.rs", "a/two/store.rs", "b/one/store.rs", "b/ports.rs"].map(ToOwned::to_owned);
    for (path, leads) in [
        ("README.md", true),
        ("documents/links.rs", true),
        ("two/store.rs", true),
        ("one/store.rs", false),
        ("store.rs", false),
        ("ports.rs", false),
        ("delivery/ports.rs", false),
    ] {
        assert_eq!(leads_to_one_place(path, Path::new("tests/it"), &files), leads, "{path}");
    }
}

#[test]
fn no_link_leads_to_a_registry_of_packages() {
    for page in Document::all() {
        for registry in REGISTRIES {
            assert!(!page.text.contains(registry), "{} links to {registry}", page.path);
        }
    }
}

#[test]
fn an_anchor_is_what_github_makes_of_a_heading() {
    assert_eq!(anchor("## When an alarm goes off"), "when-an-alarm-goes-off");
    assert_eq!(anchor("## Upgrade, roll back, tear down"), "upgrade-roll-back-tear-down");
    assert_eq!(anchor("### Next.js"), "nextjs");
}
