//! The documents: what they link to, name, list and quote is there.

mod links;
mod snippets;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of the repository by its path from the root; what builds and installs leave behind is left out.
fn files() -> Vec<String> {
    const GENERATED: [&str; 6] = [".git", ".next", ".ringback", "__pycache__", "node_modules", "target"];
    let mut folders = vec![PathBuf::new()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap().map(Result::unwrap) {
            let path = folder.join(entry.file_name());
            if entry.path().is_file() {
                files.push(path.to_str().unwrap().to_owned());
            } else if !GENERATED.iter().any(|name| entry.file_name() == *name) {
                folders.push(path);
            }
        }
    }
    files
}

/// One page.
struct Document {
    /// From the root.
    path: String,
    text: String,
}

impl Document {
    fn read(path: &str) -> Self {
        Self { path: path.to_owned(), text: read(path) }
    }

    fn all() -> Vec<Self> {
        files().iter().filter(|path| path.ends_with(".md")).map(|path| Self::read(path)).collect()
    }

    /// What a path in the page is relative to.
    fn folder(&self) -> &Path {
        Path::new(&self.path).parent().unwrap()
    }

    /// Its lines, each with whether it is in a block of code.
    fn lines(&self) -> impl Iterator<Item = (bool, &str)> {
        let mut in_code = false;
        self.text.lines().map(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            (in_code || is_fence, line)
        })
    }

    /// Its lines outside blocks of code.
    fn prose(&self) -> impl Iterator<Item = &str> {
        self.lines().filter(|(in_code, _)| !in_code).map(|(_, line)| line)
    }

    /// What stands between backticks outside blocks of code.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(names)
    }

    /// Its lines below a heading, up to the next of the same level.
    fn section(&self, heading: &str) -> Vec<(bool, &str)> {
        let level = heading.split(' ').next().unwrap();
        let below = self.lines().skip_while(|(_, line)| *line != heading).skip(1);
        let ends = |line: &str| line.starts_with(&format!("{level} "));
        let section: Vec<_> = below.take_while(|(in_code, line)| *in_code || !ends(line)).collect();
        assert!(!section.is_empty(), "{} has no {heading}", self.path);
        section
    }

    /// The cells of the tables below a heading, without the tables' own headings.
    fn rows(&self, heading: &str) -> Vec<Vec<&str>> {
        let lines = self.section(heading);
        let rows = lines.iter().map(|(_, line)| *line).filter(|line| line.starts_with("| "));
        let is_head = |line: &&str| !lines.iter().any(|(_, next)| follows(&lines, line, next));
        rows.filter(|line| !line.starts_with("| ---"))
            .filter(is_head)
            .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
            .collect()
    }
}

/// Whether the second line comes right after the first and divides a table's heading from its rows.
fn follows(lines: &[(bool, &str)], line: &str, next: &str) -> bool {
    next.starts_with("| ---")
        && lines.windows(2).any(|pair| std::ptr::eq(pair[0].1, line) && std::ptr::eq(pair[1].1, next))
}

/// What stands between backticks in a line.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}
