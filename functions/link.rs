//! Links the functions' binaries without position independence: they are smaller, and the loader has no addresses to
//! correct when they start. A build script reaches the binary alone; `RUSTFLAGS` would break procedural macros.

#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn main() {
    println!("cargo::rerun-if-changed=../link.rs");
    // The linkers of other systems do not know the option, and Lambda is Linux.
    if std::env::var_os("CARGO_CFG_TARGET_OS").is_some_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
