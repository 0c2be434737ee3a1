//! `cargo xtask build`: the executable, the plugins written in Rust, and those written in C.

use std::env::consts::DLL_EXTENSION;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::say::outln;
use crate::workspace::{NODE_BINARY, NODE_PACKAGE, Package, Workspace};
use crate::{cplugin, say};

/// How to build.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
#[group(skip)]
pub(crate) struct Profile {
    /// Build with debug assertions and without optimisation.
    #[arg(long)]
    pub(crate) debug: bool,
}

impl Profile {
    /// With optimisation: what is installed, run and measured.
    pub(crate) const RELEASE: Self = Self { debug: false };
    /// What tests use.
    pub(crate) const DEBUG: Self = Self { debug: true };

    /// The folder below `target/`.
    pub(crate) fn folder(self) -> &'static str {
        if self.debug { "debug" } else { "release" }
    }
}

/// What a build has made.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// The `skynet` executable.
    pub(crate) node: PathBuf,
    /// The plugins of the product.
    pub(crate) plugins: Vec<PathBuf>,
    /// The plugins that only tests load.
    pub(crate) test_plugins: Vec<PathBuf>,
}

impl Built {
    /// Every plugin.
    pub(crate) fn all_plugins(&self) -> impl Iterator<Item = &PathBuf> {
        self.plugins.iter().chain(&self.test_plugins)
    }
}

/// `cargo xtask build`.
pub(crate) fn run(profile: Profile) -> Result<()> {
    let built = build(&Workspace::read()?, profile, Scope::All)?;
    outln!("node:    {}", built.node.display());
    for plugin in &built.plugins {
        outln!("plugin:  {}", plugin.display());
    }
    for plugin in &built.test_plugins {
        outln!("tests:   {}", plugin.display());
    }
    Ok(())
}

/// Which plugins are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Those that people use.
    Product,
    /// Those that only tests load, too.
    All,
}

impl Scope {
    fn plugins(self, workspace: &Workspace) -> impl Iterator<Item = &Package> {
        workspace
            .plugins()
            .filter(move |package| self == Self::All || !package.test_only)
    }
}

/// Builds everything that a node needs.
pub(crate) fn build(workspace: &Workspace, profile: Profile, scope: Scope) -> Result<Built> {
    let rust = scope.plugins(workspace).count();
    say::step(format!(
        "building the node and {rust} Rust plugins ({})",
        profile.folder()
    ));
    let mut built = build_rust(workspace, profile, scope)?;

    say::step("building the C plugins");
    let folder = workspace.target.join(profile.folder()).join("c-plugins");
    let made = cplugin::build_all(&folder)?;
    say::detail(format!("{} built", made.len()));
    for plugin in made {
        if is_test_only(&plugin) {
            &mut built.test_plugins
        } else {
            &mut built.plugins
        }
        .push(plugin);
    }
    Ok(built)
}

/// C plugins that are wrong on purpose say so in their names, as they have no manifest to say it in.
fn is_test_only(plugin: &Path) -> bool {
    let name = plugin.file_stem().unwrap_or_default().to_string_lossy();
    ["broken", "test"]
        .iter()
        .any(|word| name.split(['-', '_']).any(|part| part == *word))
}

fn build_rust(workspace: &Workspace, profile: Profile, scope: Scope) -> Result<Built> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "build",
        "--lib",
        "--bins",
        "--message-format",
        "json-render-diagnostics",
    ]);
    if !profile.debug {
        cargo.arg("--release");
    }
    cargo.args(["--package", NODE_PACKAGE]);
    for plugin in scope.plugins(workspace) {
        cargo.args(["--package", &plugin.name]);
    }
    let mut cargo = cargo
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let mut artifacts = Vec::new();
    let stdout = cargo
        .stdout
        .take()
        .context("cargo has no standard output")?;
    for line in BufReader::new(stdout).lines() {
        // Other lines of cargo's stream have other fields: they are none of ours.
        if let Ok(artifact) = serde_json::from_str::<Artifact>(&line?) {
            artifacts.push(artifact);
        }
    }
    let status = cargo.wait()?;
    ensure!(
        status.success(),
        "the build failed: cargo ended with {status}"
    );
    sort(workspace, &artifacts, scope)
}

/// Finds the node and the plugins among what cargo has made.
fn sort(workspace: &Workspace, artifacts: &[Artifact], scope: Scope) -> Result<Built> {
    let node = artifacts
        .iter()
        .filter(|artifact| artifact.target.name == NODE_BINARY)
        .find_map(|artifact| artifact.executable.clone())
        .with_context(|| format!("package {NODE_PACKAGE} has no executable named {NODE_BINARY}"))?;
    let mut built = Built {
        node,
        plugins: Vec::new(),
        test_plugins: Vec::new(),
    };
    for package in scope.plugins(workspace) {
        let library = artifacts
            .iter()
            .filter(|artifact| artifact.manifest_path == package.manifest)
            .flat_map(|artifact| &artifact.filenames)
            .find(|file| {
                file.extension()
                    .is_some_and(|extension| extension == DLL_EXTENSION)
            })
            .with_context(|| {
                format!("cargo made no .{DLL_EXTENSION} of package {}", package.name)
            })?;
        let list = if package.test_only {
            &mut built.test_plugins
        } else {
            &mut built.plugins
        };
        list.push(library.clone());
    }
    Ok(built)
}

/// A `compiler-artifact` line.
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_c_plugins_are_for_tests() {
        let check =
            |name: &str, expected| assert_eq!(is_test_only(Path::new(name)), expected, "{name}");
        check("/t/libhello-c.so", false);
        check("/t/broken-magic.so", true);
        check("/t/c_test_shared.so", true);
        check("/t/contest.so", false);
    }
}
