//! `cargo xtask install`: plugins into the folder a node loads them from.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::build::{self, Built};
use crate::say;
use crate::workspace::Workspace;

/// What to install where.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    profile: build::Profile,
    /// The folder that gets the plugins, instead of `cservice/` of this workspace.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// `cargo xtask install`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::read()?;
    let built = build::build(&workspace, args.profile, build::Scope::Product)?;
    let folder = args.into.clone().unwrap_or_else(|| workspace.cservice());
    install(&built.plugins, &folder)
}

/// Installs every plugin, those that are wrong on purpose too, where tests and scenarios load them from:
/// `target/<profile>/test-cservice`.
pub(crate) fn install_for_tests(
    workspace: &Workspace,
    built: &Built,
    profile: build::Profile,
) -> Result<PathBuf> {
    let folder = workspace
        .target
        .join(profile.folder())
        .join("test-cservice");
    let plugins: Vec<_> = built.all_plugins().cloned().collect();
    install(&plugins, &folder)?;
    Ok(folder)
}

/// Copies plugins into `folder`, each in one step: a node that loads one sees the old file or the new one.
pub(crate) fn install(plugins: &[PathBuf], folder: &Path) -> Result<()> {
    say::step(format!(
        "installing {} plugins into {}",
        plugins.len(),
        folder.display()
    ));
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for plugin in plugins {
        let changed = place(plugin, folder)
            .with_context(|| format!("{} cannot be installed", plugin.display()))?;
        if changed {
            say::detail(plugin.file_name().unwrap_or_default().to_string_lossy());
        }
    }
    Ok(())
}

/// Puts one file into `folder` under its own name, unless the very same is there already.
pub(crate) fn place(file: &Path, folder: &Path) -> Result<bool> {
    let name = file.file_name().context("it is not a file")?;
    let bytes = fs::read(file)?;
    let target = folder.join(name);
    match fs::read(&target) {
        Ok(present) if present == bytes => return Ok(false),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // The name begins with a dot and ends unlike a plugin's: no search for plugins finds it.
    let temporary = folder.join(format!(
        ".{}.{}.new",
        name.to_string_lossy(),
        std::process::id()
    ));
    let placed = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, &target));
    if placed.is_err() {
        // Best effort: what failed is told below.
        let _ = fs::remove_file(&temporary);
    }
    placed?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::TempFolder;

    #[test]
    fn a_changed_file_is_replaced_and_not_written_into() {
        let folder = TempFolder::new("install").unwrap();
        let (from, into) = (folder.path().join("from"), folder.path().join("into"));
        fs::create_dir(&from).unwrap();
        let (source, target) = (from.join("libp.so"), into.join("libp.so"));
        let check = |content: &str| {
            fs::write(&source, content).unwrap();
            install(std::slice::from_ref(&source), &into).unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), content);
            assert_eq!(
                fs::read_dir(&into).unwrap().count(),
                1,
                "nothing temporary is left"
            );
        };
        check("one");
        let old = fs::File::open(&target).unwrap();
        check("two");
        assert_eq!(
            std::io::read_to_string(old).unwrap(),
            "one",
            "the old file is whole"
        );
        assert!(
            !place(&source, &into).unwrap(),
            "the same file is left alone"
        );
    }
}
