//! Everything that is done with this workspace, one file per command: `cargo xtask --help`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool that talks to a person"
)]

mod abi;
mod arrows;
mod bench;
mod build;
mod ci;
#[allow(dead_code, reason = "a kit: scenarios take from it what they need")]
mod client;
mod cplugin;
mod deadline;
mod folder;
mod fuzz;
mod inspect;
mod install;
mod new;
#[allow(dead_code, reason = "a kit: scenarios take from it what they need")]
mod node;
mod pki;
#[allow(dead_code, reason = "a kit: scenarios take from it what they need")]
mod procfs;
#[allow(dead_code, reason = "a kit: scenarios take from it what they need")]
mod proxy;
mod run;
mod say;
mod scenario;
mod space;
#[allow(
    dead_code,
    unused_imports,
    reason = "a kit: scenarios take from it what they need"
)]
mod stock;
mod symbols;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Builds, runs, tests and measures this workspace.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Build the node and all plugins, with optimisation unless told otherwise.
    Build(build::Profile),
    /// Build, and put the plugins into cservice/, from where a node loads them.
    Install(install::Args),
    /// Build, install and run a node in the foreground.
    Run(run::Args),
    /// Run all tests, having built the plugins they load.
    Test(test::Args),
    /// Play scenarios: real nodes, plugins and clients.
    Scenario(scenario::Args),
    /// Measure the product next to what the machine can do.
    Bench(bench::Args),
    /// Make a new plugin from a template, in this workspace or outside.
    New(new::Args),
    /// Print what plugin files say about themselves, or why they are refused.
    Inspect(inspect::Args),
    /// Compare the ABI with docs/abi.lock and the checked-in C header.
    Abi {
        /// Write them anew instead.
        #[arg(long)]
        bless: bool,
    },
    /// Feed every decoder inputs of any kind.
    Fuzz(fuzz::Args),
    /// Run everything that must hold before a change lands.
    Ci(ci::Args),
    /// The load on an echo service, for `bench`.
    #[command(hide = true)]
    LoadGenerator(bench::LoadArgs),
    /// A stand-in for a node, for the scenario `harness`.
    #[command(hide = true)]
    FakeNode(scenario::FakeNodeArgs),
    /// An unmodified Skynet slave, for the scenario `harbor-faults`.
    #[command(hide = true)]
    StockSlave(stock::StandArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let result = match command {
        Command::Build(args) => build::run(args),
        Command::Install(args) => install::run(&args),
        Command::Run(args) => return run::run(&args),
        Command::Test(args) => return test::run(&args),
        Command::Scenario(args) => return scenario::run(&args),
        Command::Bench(args) => return bench::run(&args),
        Command::LoadGenerator(args) => bench::generate_load(&args),
        Command::Ci(args) => return ci::run(&args),
        Command::Fuzz(args) => return fuzz::run(&args),
        Command::New(args) => new::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Abi { bless } => abi::run(bless),
        Command::FakeNode(args) => return scenario::fake_node(&args),
        Command::StockSlave(args) => return stock::stand(&args),
    };
    result.map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
