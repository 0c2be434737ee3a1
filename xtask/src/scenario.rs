//! `cargo xtask scenario`: real nodes, real plugins, real clients.
//!
//! A scenario is one function in a file of its own in `scenario/` and one line in [`SCENARIOS`]. It gets
//! a [`Stage`], on which it starts [`Node`]s, says what it does, and checks; it fails by returning an
//! error. Its nodes end with it, whichever way it ends. What they printed is shown and kept when it fails.

mod chat;
mod cluster;
mod cluster_demo;
mod cluster_faults;
mod cluster_interop;
mod clustered;
mod commands;
mod fake_node;
mod faults;
mod gate;
mod harbor;
mod harness;
mod interop;
mod memory;
mod net;
mod network;
mod overload;
mod panic;
mod plugins;
mod probe;
mod reload;
mod shutdown;
mod stress;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::folder::TempFolder;
use crate::node::{Node, NodeSpec};
use crate::say::{self, Counts, outln};
use crate::workspace::Workspace;
use crate::{build, install};

pub(crate) use fake_node::{Args as FakeNodeArgs, run as fake_node};

/// The plugins of a single node with nothing to do.
const BASE_PLUGINS: &[&str] = &[
    "logger",
    "launcher",
    "control",
    "harbor",
    "master",
    "datacenter",
    "service_mgr",
];

/// Every scenario, in the order in which they run.
const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "harness",
        about: "the harness itself sees what it must see, with a stand-in for the node",
        run: harness::run,
    },
    Scenario {
        name: "plugins",
        about: "plugins that are wrong are refused or contained, right ones use every part of the ABI",
        run: plugins::run,
    },
    Scenario {
        name: "commands",
        about: "every text command, with Skynet's parameters and results; the control socket",
        run: commands::run,
    },
    Scenario {
        name: "shutdown",
        about: "every way a node starts and ends, with its exit code and what it leaves behind",
        run: shutdown::run,
    },
    Scenario {
        name: "gate",
        about: "every framing and both forms of a gate; hostile, silent, deaf and very many clients",
        run: gate::run,
    },
    Scenario {
        name: "panic",
        about: "services end in every way, and each open call gets exactly one error",
        run: panic::run,
    },
    Scenario {
        name: "reload",
        about: "new versions of a plugin while the node runs; debug and release builds mixed",
        run: reload::run,
    },
    Scenario {
        name: "overload",
        about: "a flooded service starves nobody else, bounded and not",
        run: overload::run,
    },
    Scenario {
        name: "memory",
        about: "a million idle services; nothing is left of those that were killed",
        run: memory::run,
    },
    Scenario {
        name: "chat",
        about: "50 clients in 5 rooms: nothing lost, one order in a room; clients that misbehave harm nobody",
        run: chat::run,
    },
    Scenario {
        name: "harbor",
        about: "networks of 2, 3 and 5 nodes: messages, names, shared services, large messages and order",
        run: harbor::run,
    },
    Scenario {
        name: "harbor-faults",
        about: "nodes die, hang and come back, masters are gone, links are cut, ids are wanted twice, strangers knock",
        run: faults::run,
    },
    Scenario {
        name: "harbor-interop",
        about: "unmodified Skynet nodes, played byte by byte, as master and as slave, in both roles of a link",
        run: interop::run,
    },
    Scenario {
        name: "cluster",
        about: "clusters of 2, 3 and 20 nodes: names, bodies, order, nodes that move, linked networks, secrets",
        run: cluster::run,
    },
    Scenario {
        name: "cluster-faults",
        about: "nodes die, hang and come back, links are cut, listeners flap, peers send what they should not",
        run: cluster_faults::run,
    },
    Scenario {
        name: "cluster-interop",
        about: "unmodified Skynet nodes of a cluster, played byte by byte, as servers and as clients of ours",
        run: cluster_interop::run,
    },
    Scenario {
        name: "network",
        about: "one chat on three nodes: one order for all, rooms on any node; nodes are killed and come back",
        run: network::run,
    },
    Scenario {
        name: "cluster-demo",
        about: "what the two nodes of `cargo xtask run cluster` show; one of them is killed and comes back",
        run: cluster_demo::run,
    },
    Scenario {
        name: "stress",
        about: "everything at random and at once, by services and by people; STRESS_SEED and STRESS_SECONDS",
        run: stress::run,
    },
];

/// One scenario.
struct Scenario {
    /// Its name on the command line.
    name: &'static str,
    /// What it shows.
    about: &'static str,
    run: fn(&mut Stage) -> Result<()>,
}

/// Which scenarios to run.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    /// The scenarios; all of them when none is named.
    names: Vec<String>,
    /// Print the scenarios and what they show, and run nothing.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    profile: build::Profile,
}

/// `cargo xtask scenario`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        for scenario in SCENARIOS {
            outln!("{:<15} {}", scenario.name, scenario.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let counts = play(&Workspace::read()?, args)?;
    outln!("{counts}");
    Ok(counts.exit_code())
}

/// Builds everything, plays the scenarios and counts.
pub(crate) fn play(workspace: &Workspace, args: &Args) -> Result<Counts> {
    let chosen = choose(&args.names)?;
    let built = build::build(workspace, args.profile, build::Scope::All)?;
    let cservice = install::install_for_tests(workspace, &built, args.profile)?;

    let mut results = Vec::new();
    for scenario in chosen {
        outln!();
        say::step(format!("scenario {}: {}", scenario.name, scenario.about));
        let mut stage = Stage {
            workspace: workspace.root.clone(),
            executable: built.node.clone(),
            cservice: cservice.clone(),
            folder: TempFolder::new(scenario.name)?,
        };
        let begin = Instant::now();
        let result = (scenario.run)(&mut stage);
        if let Err(error) = &result {
            stage.folder.keep();
            say::detail(format!("FAILED: {error:?}"));
            say::detail(format!(
                "configurations and logs are left in {}",
                stage.folder().display()
            ));
        }
        results.push((scenario.name, result.is_ok(), begin.elapsed()));
    }
    Ok(table(&results))
}

/// The named scenarios, or all of them.
fn choose(names: &[String]) -> Result<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(SCENARIOS.iter().collect());
    }
    let find = |name: &String| {
        SCENARIOS
            .iter()
            .find(|scenario| scenario.name == name)
            .with_context(|| {
                let all: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
                format!("there is no scenario {name:?}, only {}", all.join(", "))
            })
    };
    names.iter().map(find).collect()
}

fn table(results: &[(&str, bool, Duration)]) -> Counts {
    outln!();
    let mut counts = Counts::default();
    for (name, passed, time) in results {
        let word = if *passed { "passed" } else { "FAILED" };
        outln!("{name:<15} {word:<8} {:>10}", say::duration(*time));
        counts.add(*passed);
    }
    counts
}

/// Where one scenario plays.
#[derive(Debug)]
pub(crate) struct Stage {
    workspace: PathBuf,
    executable: PathBuf,
    cservice: PathBuf,
    folder: TempFolder,
}

#[allow(dead_code, reason = "a kit: scenarios take from it what they need")]
impl Stage {
    /// Says what happens next.
    #[expect(
        clippy::unused_self,
        reason = "steps belong to a scenario, wherever they are printed"
    )]
    pub(crate) fn step(&self, text: impl AsRef<str>) {
        say::step(format!("  {}", text.as_ref()));
    }

    /// Says what was found.
    #[expect(
        clippy::unused_self,
        reason = "findings belong to a scenario, wherever they are printed"
    )]
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        say::detail(format!("  {}", text.as_ref()));
    }

    /// A node that loads from [`cservice`](Self::cservice), to be completed and started.
    pub(crate) fn spec(&self, name: &str) -> NodeSpec {
        NodeSpec::new(name, &self.cservice)
    }

    /// Starts a node and waits until it is ready.
    pub(crate) fn start(&self, spec: &NodeSpec) -> Result<Node> {
        Node::start(&self.executable, self.folder(), spec)
    }

    /// Starts a node without waiting for anything.
    pub(crate) fn spawn(&self, spec: &NodeSpec) -> Result<Node> {
        Node::spawn(&self.executable, self.folder(), spec)
    }

    /// The scenario's own folder, which is empty when it begins.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder with every plugin, those for tests and those that are wrong on purpose too. It is shared:
    /// a scenario that changes plugins does so in a [copy](Self::private_cservice).
    pub(crate) fn cservice(&self) -> &Path {
        &self.cservice
    }

    /// A folder of the scenario's own with copies of what every node needs and of the named plugins (file names without
    /// `lib` and ending).
    pub(crate) fn private_cservice(&self, plugins: &[&str]) -> Result<PathBuf> {
        let folder = self.folder().join("cservice");
        self.place_plugins(plugins, &folder)?;
        Ok(folder)
    }

    /// As [`private_cservice`](Self::private_cservice), into a folder.
    pub(crate) fn place_plugins(&self, plugins: &[&str], folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        for name in BASE_PLUGINS.iter().chain(plugins) {
            install::place(&self.plugin(name)?, folder)?;
        }
        Ok(())
    }

    /// The file of a plugin in [`cservice`](Self::cservice).
    pub(crate) fn plugin(&self, name: &str) -> Result<PathBuf> {
        let extension = std::env::consts::DLL_EXTENSION;
        let files = [
            format!("lib{name}.{extension}"),
            format!("{name}.{extension}"),
        ];
        match files
            .iter()
            .map(|file| self.cservice.join(file))
            .find(|file| file.is_file())
        {
            Some(file) => Ok(file),
            None => bail!(
                "there is no {} in {}",
                files.join(" or "),
                self.cservice.display()
            ),
        }
    }

    /// The `skynet` executable.
    pub(crate) fn executable(&self) -> &Path {
        &self.executable
    }

    /// The root of this workspace, for what it ships (configurations, sources).
    pub(crate) fn workspace(&self) -> &Path {
        &self.workspace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_chosen_by_name() {
        let all: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        let check = |names: &[&str], expected: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            let chosen: Vec<_> = choose(&names).unwrap().iter().map(|s| s.name).collect();
            assert_eq!(chosen, expected);
        };
        check(&[], &all);
        check(&["harness"], &["harness"]);
        assert!(choose(&["nothing".to_owned()]).is_err());
    }
}
