//! ThreadSanitizer: tests of the core with every access to memory watched for data races.

use anyhow::Result;

use super::nightly;
use crate::say::outln;
use crate::workspace::Workspace;

/// The only target that the sanitizer is asked for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The tests whose threads share memory without locks, and those of what they share.
const TESTS: &[&str] = &[
    "accounting::",
    "buffer::",
    "env::",
    "mailbox::",
    "peers::",
    "slot::",
];

/// Left out, with a word, where the sanitizer or the sources of std, which must be built with it, are missing.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) {
        outln!("SKIPPED: tsan runs on Linux on x86-64 only");
        return Ok(());
    }
    if !nightly::has("tsan", &[nightly::SOURCES]) {
        return Ok(());
    }
    let folder = workspace.target.join("tsan");
    let folder = folder.to_string_lossy();
    let build = [
        "test",
        "-Zbuild-std",
        "--target",
        TARGET,
        "--package",
        "skynet-core",
        "--lib",
        "--",
    ];
    let args = [&build, TESTS].concat();
    let env = [
        ("RUSTFLAGS", "-Zsanitizer=thread"),
        ("CARGO_TARGET_DIR", &*folder),
        ("TSAN_OPTIONS", "halt_on_error=1"),
    ];
    nightly::run_cargo(workspace, &args, &env)
}
