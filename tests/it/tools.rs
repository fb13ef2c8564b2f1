//! Programs that some tests need besides Rust. If one is missing, the test prints a line and passes; if `CI` is set, it
//! fails, because nobody reads the line there.

use std::process::Stdio;

use tokio::process::Command;

/// A command that builds, without this package's variables, which would make build scripts that read them run again.
pub(crate) fn builder(program: &str) -> Command {
    let mut builder = Command::new(program);
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        builder.env_remove(name);
    }
    builder
}

/// Whether a command succeeds; if it does not, reports the tool as missing.
pub(crate) async fn is_available(command: &mut Command, what: &str) -> bool {
    let ran = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    let is_available = ran.is_ok_and(|status| status.success());
    if !is_available {
        missing(what);
    }
    is_available
}

/// Reports that a test is skipped because a tool is missing; fails in CI, which has all tools.
pub(crate) fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI has no {what}");
    skipped(what);
}

/// Prints that a test is skipped.
fn skipped(what: &str) {
    // Not with `eprintln!`, which the test harness captures.
    std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: {what} is missing\n").as_bytes())
        .unwrap();
}

/// The template as CloudFormation gets it, in JSON.
pub(crate) async fn expanded_template() -> Vec<u8> {
    let expanded =
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/expand")).output().await.unwrap();
    assert!(expanded.status.success(), "{}", String::from_utf8_lossy(&expanded.stderr));
    expanded.stdout
}
