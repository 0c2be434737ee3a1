//! `cargo xtask new`: a working plugin with a test, to begin with.

mod name;
mod register;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::say;
use crate::say::outln;
use crate::workspace::{NODE_BINARY, Workspace};
use name::Name;

/// The plugin's source.
const LIBRARY: &str = include_str!("../templates/plugin/lib.rs");
/// Its manifest inside this workspace.
const MEMBER: &str = include_str!("../templates/plugin/member.toml");
/// Its manifest anywhere else.
const STANDALONE: &str = include_str!("../templates/plugin/standalone.toml");
/// What git ignores anywhere else.
const IGNORED: &str = "/target\n";
/// The configuration that starts new plugins of this workspace.
const CONFIG: &str = "config/chat.toml";

/// What to make.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The plugin, its one module and its service: lower-case letters, digits and `_`.
    name: String,
    /// Make it outside this workspace, in this folder, to be built with plain `cargo build`. Without a
    /// folder: in one of the plugin's name beside this workspace.
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    path: Option<Option<PathBuf>>,
}

/// `cargo xtask new`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::read()?;
    let name = Name::parse(&args.name)?;
    match &args.path {
        None => make_member(&workspace, &name),
        Some(None) => {
            let parent = workspace
                .root
                .parent()
                .context("this workspace lies in no folder")?;
            make_standalone(&workspace, &name, &parent.join(name.as_str()))
        }
        Some(Some(folder)) => make_standalone(&workspace, &name, folder),
    }
}

/// Makes a member of this workspace that the example configuration starts.
fn make_member(workspace: &Workspace, name: &Name) -> Result<()> {
    let taken = workspace
        .packages
        .iter()
        .any(|package| package.name == name.as_str());
    ensure!(!taken, "this workspace has a package {name} already");
    let member = format!("plugins/{name}");
    let folder = workspace.root.join(&member);
    ensure!(!folder.exists(), "{} exists already", folder.display());
    // Both are edited before anything is written, so that a failure leaves nothing half done.
    let manifest = Edit::new(&workspace.root.join("Cargo.toml"), |text| {
        register::push(text, &["workspace", "members"], &member)
    })?;
    let config = Edit::new(&workspace.root.join(CONFIG), |text| {
        register::push(text, &["start"], name.as_str())
    })?;

    say::step(format!("making plugin {name} in {}", folder.display()));
    fill(
        &folder,
        &[
            ("Cargo.toml", name.fill(MEMBER)),
            ("src/lib.rs", name.fill(LIBRARY)),
        ],
    )?;
    manifest.write()?;
    config.write()?;
    say::detail(format!(
        "it is a member of this workspace, and {CONFIG} starts it"
    ));
    outln!("Test it:    cargo test -p {name}");
    outln!("Run it:     cargo xtask run");
    outln!("Change it:  {member}/src/lib.rs");
    Ok(())
}

/// Makes a package of its own outside.
fn make_standalone(workspace: &Workspace, name: &Name, folder: &Path) -> Result<()> {
    let folder = plain(folder)?;
    let root = workspace.root.canonicalize()?;
    ensure!(
        !folder.starts_with(&root),
        "{} lies in this workspace: leave --path out to make a member of it",
        folder.display()
    );
    let empty = || fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_none());
    ensure!(
        !folder.exists() || empty(),
        "{} exists and is not an empty folder",
        folder.display()
    );

    say::step(format!("making plugin {name} in {}", folder.display()));
    let sdk = root.join("core").join("service");
    // A TOML string may hold what a path may hold.
    let sdk = toml_edit::Value::from(sdk.to_str().context("this workspace's path is not UTF-8")?);
    let manifest = name
        .fill(STANDALONE)
        .replace("{{sdk}}", sdk.to_string().trim());
    fill(
        &folder,
        &[
            ("Cargo.toml", manifest),
            ("src/lib.rs", name.fill(LIBRARY)),
            (".gitignore", IGNORED.to_owned()),
        ],
    )?;
    let library = format!(
        "{}{name}.{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_EXTENSION
    );
    outln!("In {}:", folder.display());
    outln!("Test it:    cargo test");
    outln!("Build it:   cargo build --release");
    outln!(
        "Deploy it:  cp target/release/{library} {}/",
        workspace.cservice().display()
    );
    let node = workspace.target.join("release").join(NODE_BINARY);
    let rundir = workspace.root.join("run").join("chat");
    outln!(
        "Launch it:  {} ctl --rundir {} launch {name}",
        node.display(),
        rundir.display()
    );
    Ok(())
}

/// An absolute path without links and `..`, as far as it exists: one that can be read and copied.
fn plain(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let real = path.ancestors().find_map(|ancestor| {
        let existing = ancestor.canonicalize().ok()?;
        let rest = path.strip_prefix(ancestor).ok()?;
        // Put together from its parts, because joining an empty rest would leave a slash at the end.
        Some(existing.components().chain(rest.components()).collect())
    });
    Ok(real.unwrap_or(path))
}

/// Makes a folder with these files.
fn fill(folder: &Path, files: &[(&str, String)]) -> Result<()> {
    for (file, text) in files {
        let path = folder.join(file);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(&path, text)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// A file's new text.
struct Edit {
    file: PathBuf,
    text: String,
}

impl Edit {
    fn new(file: &Path, edit: impl FnOnce(&str) -> Result<String>) -> Result<Self> {
        let edited = fs::read_to_string(file)
            .map_err(Into::into)
            .and_then(|text| edit(&text));
        let text = edited.with_context(|| format!("{} cannot be edited", file.display()))?;
        Ok(Self {
            file: file.to_owned(),
            text,
        })
    }

    fn write(self) -> Result<()> {
        fs::write(&self.file, self.text)
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::TempFolder;

    #[test]
    fn paths_are_made_plain() {
        let folder = TempFolder::new("new").unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("there")).unwrap();
        let check = |path: &str, expected: &str| {
            let expected = root.join(expected).into_os_string();
            assert_eq!(plain(&root.join(path)).unwrap().into_os_string(), expected);
        };
        check("there", "there");
        check("there/../demo", "demo");
        check("there/../demo/deep", "demo/deep");
        check("there/./demo/", "there/demo");
    }
}
