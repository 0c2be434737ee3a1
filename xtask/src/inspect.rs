//! `cargo xtask inspect`: what a plugin file says about itself, without running its code.

use std::path::PathBuf;

use anyhow::Result;
use skynet_core::loader::PluginFile;

use crate::say::outln;

/// Which files to look at.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// `cargo xtask inspect`. Ends with an error when a file is refused, after all have been looked at.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut refused = 0;
    for file in &args.files {
        match PluginFile::read(file) {
            Ok(plugin) => print(&plugin),
            Err(why) => {
                refused += 1;
                outln!("{why}");
            }
        }
    }
    match refused {
        0 => Ok(()),
        1 => anyhow::bail!("1 file is refused"),
        more => anyhow::bail!("{more} files are refused"),
    }
}

fn print(plugin: &PluginFile) {
    let (major, minor) = plugin.abi;
    outln!("{}: plugin {}", plugin.path.display(), plugin.name);
    outln!("  version  {}", plugin.version);
    outln!(
        "  ABI      {major}.{minor}, needs a node of at least {major}.{}",
        plugin.needs_minor
    );
    outln!(
        "  symbols  {}",
        if plugin.wants_global_symbols() {
            "global"
        } else {
            "its own"
        }
    );
    for module in &plugin.modules {
        let signal = if module.has_signal {
            ", takes signals"
        } else {
            ""
        };
        outln!(
            "  module   {} (state version {}{signal})",
            module.name,
            module.state_version
        );
    }
}
