//! Which package may depend on which: the arrows of `docs/architecture.md`, checked.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use crate::say;
use crate::workspace::{NODE_PACKAGE, Package, Workspace};

/// The C ABI, which needs nothing but the compiler.
const ABI: &str = "skynet-abi";
/// The most packages that the node may be made of, itself not counted.
const NODE_TREE: usize = 30;

/// Packages that may see the node's insides.
const NODE_USERS: &[&str] = &["xtask"];

/// Checks every arrow.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    say::step("checking which package depends on which");
    let wrong = wrong(&workspace.packages);
    if !wrong.is_empty() {
        bail!("forbidden dependencies:\n  {}", wrong.join("\n  "));
    }
    let tree = tree(workspace)?;
    say::detail(format!(
        "{NODE_PACKAGE} depends on {} packages (at most {NODE_TREE})",
        tree.len()
    ));
    ensure!(
        tree.len() <= NODE_TREE,
        "{NODE_PACKAGE} depends on {} packages, at most {NODE_TREE} are allowed:\n  {}",
        tree.len(),
        tree.into_iter().collect::<Vec<_>>().join("\n  ")
    );
    Ok(())
}

/// What is wrong with the dependencies, one line each.
fn wrong(packages: &[Package]) -> Vec<String> {
    let known: BTreeMap<_, _> = packages.iter().map(|p| (p.name.as_str(), p)).collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = &package.name;
        if name == ABI
            && package
                .dependencies
                .iter()
                .any(|other| other.kind.is_none())
        {
            wrong.push(format!(
                "{ABI} depends on something; it must depend on nothing"
            ));
        }
        for other in &package.dependencies {
            if known
                .get(other.name.as_str())
                .is_some_and(|other| other.plugin)
            {
                wrong.push(format!(
                    "{name} -> {}: nothing depends on a plugin",
                    other.name
                ));
            }
        }
        if name != NODE_PACKAGE
            && !NODE_USERS.contains(&name.as_str())
            && let Some(path) = path(&known, package, NODE_PACKAGE)
        {
            wrong.push(format!(
                "{}: only the node knows its insides",
                path.join(" -> ")
            ));
        }
    }
    wrong
}

/// How `package` depends on `target` through packages of the workspace, in any way that is not for tests
/// alone further down; directly, tests count too.
fn path<'a>(
    known: &BTreeMap<&str, &'a Package>,
    package: &'a Package,
    target: &str,
) -> Option<Vec<&'a str>> {
    let mut ways = vec![(package, vec![package.name.as_str()])];
    let mut seen = BTreeSet::new();
    while let Some((at, way)) = ways.pop() {
        for other in &at.dependencies {
            if way.len() > 1 && other.kind.as_deref() == Some("dev") {
                continue;
            }
            let mut way = way.clone();
            way.push(other.name.as_str());
            if other.name == target {
                return Some(way);
            }
            if let Some(next) = known.get(other.name.as_str())
                && seen.insert(next.name.as_str())
            {
                ways.push((next, way));
            }
        }
    }
    None
}

/// The packages that the node is made of on this machine, with their versions.
fn tree(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let output = workspace
        .cargo()
        .args([
            "tree",
            "--package",
            NODE_PACKAGE,
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--no-dedupe", "--format", "{p}"])
        .output()
        .context("cargo cannot be started")?;
    ensure!(
        output.status.success(),
        "cargo tree failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(members(&String::from_utf8_lossy(&output.stdout)))
}

/// The packages of a listing whose first line is the root.
fn members(listing: &str) -> BTreeSet<String> {
    let package = |line: &str| {
        // Name and version; a path or a word such as `(proc-macro)` may follow.
        let words: Vec<_> = line.split_whitespace().take(2).collect();
        words.join(" ")
    };
    let mut members: BTreeSet<_> = listing
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(package)
        .collect();
    // Should the root be listed again, it is still not its own dependency.
    members.remove(&listing.lines().next().map(package).unwrap_or_default());
    members
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, plugin: bool, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependency = |(name, kind): &(&str, Option<&str>)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
        };
        Package {
            name: name.to_owned(),
            manifest: PathBuf::new(),
            plugin,
            test_only: false,
            dependencies: dependencies.iter().map(dependency).collect(),
        }
    }

    #[test]
    fn forbidden_arrows_are_found() {
        let check = |name: &str, plugin, on: (&str, Option<&str>), expected: Option<&str>| {
            let packages = [
                package(
                    "skynet-core",
                    false,
                    &[("skynet-abi", None), ("libc", None)],
                ),
                package("skynet-abi", false, &[("proptest", Some("dev"))]),
                package("helper", false, &[("skynet-core", None)]),
                package("tested", false, &[("skynet-core", Some("dev"))]),
                package("gate", true, &[]),
                package(name, plugin, &[on]),
            ];
            // `helper` and `tested` are wrong themselves: only what is said of the new one counts.
            let found: Vec<_> = wrong(&packages)
                .into_iter()
                .filter(|line| line.starts_with(name))
                .collect();
            assert_eq!(
                found.first().map(String::as_str),
                expected,
                "{name} on {on:?}"
            );
        };
        check("echo", true, ("skynet-service", None), None);
        check("xtask", false, ("skynet-core", None), None);
        check("echo", true, ("tested", None), None);
        check(
            "echo",
            true,
            ("skynet-core", Some("dev")),
            Some("echo -> skynet-core: only the node knows its insides"),
        );
        check(
            "echo",
            true,
            ("helper", None),
            Some("echo -> helper -> skynet-core: only the node knows its insides"),
        );
        check(
            "echo",
            true,
            ("gate", None),
            Some("echo -> gate: nothing depends on a plugin"),
        );
    }

    #[test]
    fn listings_are_counted_once() {
        let listing = "skynet-core v0.1.0 (/w/core)\nlibc v0.2.1\nlog v0.4.1\nlibc v0.2.1\n\
                       serde_derive v1.0.0 (proc-macro)\n\n";
        let expected = ["libc v0.2.1", "log v0.4.1", "serde_derive v1.0.0"];
        assert_eq!(members(listing), expected.map(str::to_owned).into());
    }
}
