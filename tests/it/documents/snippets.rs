//! The documents' snippets and commands are code and commands that CI runs.

use super::{Document, read};

const GUIDE: &str = "tests/receivers/README.md";

/// Code blocks with the file they are taken from, which is the last one linked before the block.
fn snippets(guide: &Document) -> Vec<(String, Vec<&str>)> {
    let mut snippets: Vec<(String, Vec<&str>)> = Vec::new();
    let mut file = None;
    for (in_code, line) in guide.section("## Verify a signature") {
        if line.trim_start().starts_with("```") {
            if let Some(file) = file.take() {
                snippets.push((file, Vec::new()));
            }
        } else if in_code {
            snippets.last_mut().unwrap().1.push(line);
        } else if let Some((_, rest)) = line.split_once("_receiver.py](").or_else(|| line.split_once("](")) {
            file = Some(rest.split_once(')').unwrap().0.to_owned());
        }
    }
    snippets
}

/// Customers copy tested code: every snippet line occurs in its receiver, in the same order, except for the paragraph
/// that stands for the receiver's store. `tests/receivers/check.py` runs the snippets as they are printed.
#[test]
fn snippets_of_the_customers_guide_are_lines_of_the_receivers() {
    let guide = Document::read(GUIDE);
    let snippets = snippets(&guide);
    assert_eq!(snippets.len(), 11, "{:?}", snippets.iter().map(|(file, _)| file).collect::<Vec<_>>());
    for (file, lines) in snippets {
        let receiver = read(&format!("tests/receivers/{file}"));
        let mut rest = receiver.lines();
        let mut is_store = false;
        for line in lines {
            is_store = line.contains("In place of work.") || is_store && !line.is_empty();
            assert!(
                is_store || line.is_empty() || rest.any(|other| other == line),
                "{file} lacks this line, or has it in another place: {line}"
            );
        }
    }
}

/// The commands in a section's `sh` blocks, without comments.
fn commands(page: &Document, heading: &str) -> Vec<String> {
    let mut is_shell = false;
    let mut commands = Vec::new();
    for (_, line) in page.section(heading) {
        if line.starts_with("```") {
            is_shell = line == "```sh";
        } else if is_shell {
            commands.push(line.split('#').next().unwrap().trim().to_owned());
        }
    }
    assert!(!commands.is_empty(), "{} has no commands below {heading}", page.path);
    commands
}

#[test]
fn contributors_are_told_to_run_what_ci_runs() {
    let ci = read(".ci/run");
    let contributing = Document::read(".github/CONTRIBUTING.md");
    for command in commands(&contributing, "## Test") {
        assert!(ci.contains(&command), "CI does not run {command}");
    }
    let readme = Document::read("README.md");
    for command in commands(&readme, "# Ringback").iter().filter(|command| command.starts_with("cargo")) {
        assert!(ci.contains(command), "CI does not run {command}");
    }
    assert!(read(".github/workflows/ci.yml").contains("run: .ci/run"));
}
