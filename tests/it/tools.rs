//! Programs that some tests want besides Rust. Where one is missing, a line says so and the test passes; where `CI` is
//! set, it fails, because there nobody reads the line.

use std::process::Stdio;

use tokio::process::Command;

/// Cargo, which is not told of which package this test is: a build script that looks at that would run anew.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        cargo.env_remove(name);
    }
    cargo
}

/// Whether this command succeeds.
pub(crate) async fn there(command: &mut Command, what: &str) -> bool {
    let ran = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    let there = ran.is_ok_and(|status| status.success());
    if !there {
        missing(what);
    }
    there
}

/// A tool is missing, so its test is skipped; CI has all of them.
pub(crate) fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI has no {what}");
    skipped(what);
}

/// Says that a test is skipped for want of something.
fn skipped(what: &str) {
    // Not by `eprintln!`, which the test harness keeps to itself.
    std::io::Write::write_all(&mut std::io::stderr(), format!("skipped for want of {what}\n").as_bytes())
        .unwrap();
}

/// The template as CloudFormation gets it, in JSON.
pub(crate) async fn expanded_template() -> Vec<u8> {
    let expanded =
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/expand")).output().await.unwrap();
    assert!(expanded.status.success(), "{}", String::from_utf8_lossy(&expanded.stderr));
    expanded.stdout
}
