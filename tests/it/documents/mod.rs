//! The documents (`*.md`): everything that they link to, name, list or quote exists.

mod links;
mod snippets;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all files in the repository, relative to its root, without the output of builds and installs.
fn files() -> Vec<String> {
    const GENERATED: [&str; 7] =
        [".aws-sam", ".git", ".next", ".ringback", "__pycache__", "node_modules", "target"];
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

/// One Markdown file.
struct Document {
    /// Relative to the root.
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

    /// The folder that paths in the page are relative to.
    fn folder(&self) -> &Path {
        Path::new(&self.path).parent().unwrap()
    }

    /// The lines, each with a flag that says whether it is in a code block.
    fn lines(&self) -> impl Iterator<Item = (bool, &str)> {
        let mut in_code = false;
        self.text.lines().map(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            (in_code || is_fence, line)
        })
    }

    /// The lines outside code blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        self.lines().filter(|(in_code, _)| !in_code).map(|(_, line)| line)
    }

    /// The texts in backticks outside code blocks.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(names)
    }

    /// The lines below a heading, up to the next heading of the same level.
    fn section(&self, heading: &str) -> Vec<(bool, &str)> {
        let level = heading.split(' ').next().unwrap();
        let below = self.lines().skip_while(|(_, line)| *line != heading).skip(1);
        let ends = |line: &str| line.starts_with(&format!("{level} "));
        let section: Vec<_> = below.take_while(|(in_code, line)| *in_code || !ends(line)).collect();
        assert!(!section.is_empty(), "{} has no {heading}", self.path);
        section
    }

    /// The cells of the tables below a heading, without header rows.
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

/// Whether `next` follows `line` directly and separates a table's header from its rows.
fn follows(lines: &[(bool, &str)], line: &str, next: &str) -> bool {
    next.starts_with("| ---")
        && lines.windows(2).any(|pair| std::ptr::eq(pair[0].1, line) && std::ptr::eq(pair[1].1, next))
}

/// The texts in backticks in a line.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}
