//! The workspace as cargo sees it: folders, packages, and which of them are plugins.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// The package of the `skynet` executable.
pub(crate) const NODE_PACKAGE: &str = "skynet-core";
/// The executable's name.
pub(crate) const NODE_BINARY: &str = "skynet";

/// This workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The members.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// Whether it is built as a shared library: every plugin is, and nothing else.
    pub(crate) plugin: bool,
    /// Whether it is a plugin for tests only, which must not end up in `cservice/`: everything below
    /// `plugins/broken`, and whatever says `[package.metadata.skynet] test-only = true`.
    pub(crate) test_only: bool,
    /// What it depends on directly, in any way (normal, for builds, for tests).
    pub(crate) dependencies: Vec<Dependency>,
}

/// A direct dependency.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The package.
    pub(crate) name: String,
    /// `None`: a normal one; otherwise `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn read() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in no workspace")?
            .to_owned();
        let output = cargo(&root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .context("cargo cannot be started")?;
        ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            output.status
        );
        Self::parse(root, &output.stdout)
    }

    fn parse(root: PathBuf, metadata: &[u8]) -> Result<Self> {
        let metadata: Metadata = serde_json::from_slice(metadata)
            .context("cargo metadata answers in an unknown form")?;
        let broken = root.join("plugins").join("broken");
        let packages = metadata
            .packages
            .into_iter()
            .map(|package| Package {
                plugin: package
                    .targets
                    .iter()
                    .any(|t| t.kind.iter().any(|k| k == "cdylib")),
                test_only: package.manifest_path.starts_with(&broken)
                    || package.metadata["skynet"]["test-only"] == serde_json::Value::Bool(true),
                name: package.name,
                manifest: package.manifest_path,
                dependencies: package.dependencies,
            })
            .collect();
        Ok(Self {
            root,
            target: metadata.target_directory,
            packages,
        })
    }

    /// The plugins written in Rust.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.plugin)
    }

    /// A cargo command in the root folder.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// Runs a cargo command to its end, with these environment variables, its output going where ours goes.
    pub(crate) fn run_cargo(&self, args: &[&str], env: &[(&str, &str)]) -> Result<()> {
        let status = self
            .cargo()
            .args(args)
            .envs(env.iter().copied())
            .status()
            .context("cargo cannot be started")?;
        if !status.success() {
            bail!("`cargo {}` failed: {status}", args.join(" "));
        }
        Ok(())
    }

    /// The folder a plain `cargo xtask install` fills.
    pub(crate) fn cservice(&self) -> PathBuf {
        self.root.join("cservice")
    }
}

/// The cargo that runs xtask, or the one in the path.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<MetadataTarget>,
    dependencies: Vec<Dependency>,
    #[serde(default)]
    metadata: serde_json::Value,
}

#[derive(Deserialize)]
struct MetadataTarget {
    kind: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folder: &str, kind: &str, metadata: &str, plugin: bool, test_only: bool) {
        let text = format!(
            r#"{{"target_directory":"/t","packages":[{{"name":"p","manifest_path":"/w/{folder}/Cargo.toml",
               "targets":[{{"kind":["{kind}"]}}],"dependencies":[],"metadata":{metadata}}}]}}"#
        );
        let workspace = Workspace::parse("/w".into(), text.as_bytes()).unwrap();
        assert_eq!(workspace.packages[0].plugin, plugin, "{text}");
        assert_eq!(workspace.packages[0].test_only, test_only, "{text}");
    }

    #[test]
    fn plugins_are_shared_libraries() {
        check("plugins/echo", "cdylib", "null", true, false);
        check("plugins/echo/wire", "lib", "null", false, false);
        check("plugins/broken/no-symbol", "cdylib", "null", true, true);
        check(
            "plugins/bench",
            "cdylib",
            r#"{"skynet":{"test-only":true}}"#,
            true,
            true,
        );
        check(
            "plugins/bench",
            "cdylib",
            r#"{"skynet":{"test-only":false}}"#,
            true,
            false,
        );
    }

    #[test]
    fn cargo_knows_this_workspace() {
        let workspace = Workspace::read().unwrap();
        let names: Vec<_> = workspace.packages.iter().map(|p| p.name.as_str()).collect();
        assert!(names.contains(&NODE_PACKAGE), "{names:?}");
        assert!(names.contains(&"xtask"), "{names:?}");
    }
}
