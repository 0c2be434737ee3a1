//! The nightly toolchain, which some proofs need. A machine may have none: then they are left out, and say so.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::say::outln;
use crate::workspace::Workspace;

/// What a step needs of the nightly toolchain, and how to get it.
pub(super) struct Need {
    /// A file or folder in the toolchain's own folder.
    pub(super) path: &'static str,
    /// The component of rustup that brings it.
    pub(super) component: &'static str,
}

pub(super) const MIRI: Need = Need {
    path: "bin/cargo-miri",
    component: "miri",
};
pub(super) const SOURCES: Need = Need {
    path: "lib/rustlib/src/rust/library/Cargo.lock",
    component: "rust-src",
};

/// Whether all that is needed is installed. If not, says what `step` misses.
pub(super) fn has(step: &str, needs: &[Need]) -> bool {
    let Some(folder) = folder() else {
        outln!("SKIPPED: {step} needs the nightly toolchain: `rustup toolchain install nightly`");
        return false;
    };
    let missing = needs
        .iter()
        .find(|need| !Path::new(&folder).join(need.path).exists());
    if let Some(Need { component, .. }) = missing {
        outln!(
            "SKIPPED: {step} needs a part of the nightly toolchain: \
             `rustup component add {component} --toolchain nightly`"
        );
    }
    missing.is_none()
}

/// Where the toolchain is.
fn folder() -> Option<String> {
    let output = command("rustc")
        .args(["--print", "sysroot"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn command(program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", program]);
    command
}

/// Runs nightly's cargo to its end, with these environment variables, its output going where ours goes.
pub(super) fn run_cargo(workspace: &Workspace, args: &[&str], env: &[(&str, &str)]) -> Result<()> {
    let status = command("cargo")
        .args(args)
        .envs(env.iter().copied())
        .current_dir(&workspace.root)
        .status()
        .context("rustup cannot be started")?;
    ensure!(
        status.success(),
        "`cargo +nightly {}` failed: {status}",
        args.join(" ")
    );
    Ok(())
}
