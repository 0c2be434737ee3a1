//! What a plugin file exports: one symbol of ours, and nothing else that could collide.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSymbol};

use crate::say;

/// What the linker adds to every shared library by itself.
const LINKERS_OWN: &[&str] = &["_init", "_fini", "_edata", "_end", "__bss_start"];

/// Checks that each of these files exports exactly the one symbol of a plugin.
pub(crate) fn check<'a>(plugins: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    say::step("checking that each plugin exports one symbol");
    let mut wrong = Vec::new();
    let mut count = 0;
    for plugin in plugins {
        count += 1;
        if let Err(error) = check_one(plugin) {
            wrong.push(format!("{error:#}"));
        }
    }
    say::detail(format!("{count} plugins"));
    if !wrong.is_empty() {
        bail!("plugins export other symbols:\n  {}", wrong.join("\n  "));
    }
    Ok(())
}

fn check_one(plugin: &Path) -> Result<()> {
    let bytes =
        std::fs::read(plugin).with_context(|| format!("{} cannot be read", plugin.display()))?;
    let exports = exports(&bytes).with_context(|| format!("{} is no library", plugin.display()))?;
    ensure!(
        exports == [skynet_abi::SYMBOL],
        "{} exports {exports:?}, wanted only {:?}",
        plugin.display(),
        skynet_abi::SYMBOL
    );
    Ok(())
}

/// The symbols that a library offers to others, sorted.
fn exports(library: &[u8]) -> Result<Vec<String>> {
    let library = object::File::parse(library)?;
    let mut names = Vec::new();
    for symbol in library
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition())
    {
        let name = symbol.name()?;
        if symbol.is_global() && !LINKERS_OWN.contains(&name) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_of_an_executable_are_none_of_a_plugins() {
        let this = std::env::current_exe().unwrap();
        let error = check_one(&this).unwrap_err().to_string();
        assert!(
            error.contains("wanted only \"skynet_plugin_v1\""),
            "{error}"
        );
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(
            check_one(&manifest)
                .unwrap_err()
                .to_string()
                .contains("is no library")
        );
    }
}
