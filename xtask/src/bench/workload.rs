//! What the product is measured with: real nodes with plugins loaded from files.

mod cluster;
mod crowd;
mod gate;
mod harbor;
mod latency;
mod messages;
mod report;
mod rest;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::measure::{Measured, full_name};
use super::target::Expected;
use crate::folder::TempFolder;
use crate::node::{Mark, Node, NodeSpec, PATIENCE};

use report::Figures;

/// One workload.
#[derive(Debug)]
pub(super) struct Workload {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) about: &'static str,
    /// Whether it is measured only when it is named: it takes much time, memory or many files.
    pub(super) only_named: bool,
    /// What it gives, exactly.
    pub(super) figures: &'static [Expected],
    /// Measures it once.
    pub(super) run: fn(&Bench) -> Result<Measured>,
}

/// All workloads, in the order in which they are measured.
pub(super) fn all() -> impl Iterator<Item = &'static Workload> {
    let groups = [
        messages::WORKLOADS,
        crowd::WORKLOADS,
        latency::WORKLOADS,
        rest::WORKLOADS,
        gate::WORKLOADS,
        harbor::WORKLOADS,
        cluster::WORKLOADS,
    ];
    groups.into_iter().flatten()
}

/// The workload of that name.
pub(super) fn find(name: &str) -> Option<&'static Workload> {
    all().find(|workload| workload.name == name)
}

impl Workload {
    /// The names of the figures of calibrations that it is compared with.
    pub(super) fn calibrations(&self) -> impl Iterator<Item = &'static str> {
        self.figures.iter().filter_map(|figure| figure.calibration)
    }

    /// Measures it once, and checks that it gives what it says.
    pub(super) fn measure(&self, bench: &Bench) -> Result<Measured> {
        let measured =
            (self.run)(bench).with_context(|| format!("workload {} failed", self.name))?;
        let given: Vec<_> = measured.suffixes().collect();
        let said: Vec<_> = self.figures.iter().map(|figure| figure.suffix).collect();
        ensure!(
            given == said,
            "workload {} gave {given:?} instead of {said:?}",
            self.name
        );
        Ok(measured)
    }

    /// Its figures by their full names.
    pub(super) fn named_figures(&self) -> impl Iterator<Item = (String, &'static Expected)> {
        let name = self.name;
        let figures = self.figures.iter();
        figures.map(move |figure| (full_name(name, figure.suffix), figure))
    }
}

/// What a workload has to work with.
#[derive(Debug)]
pub(super) struct Bench {
    /// What was built; nothing when only calibrations are measured.
    pub(super) built: Option<Installed>,
    /// For the nodes' files.
    pub(super) folder: TempFolder,
    /// How long to measure.
    pub(super) time: Duration,
    /// How long to measure where little happens.
    pub(super) long: Duration,
}

/// A node and its plugins.
#[derive(Debug)]
pub(super) struct Installed {
    /// The `skynet` executable.
    pub(super) executable: PathBuf,
    /// The folder of the plugins.
    pub(super) cservice: PathBuf,
}

/// How many workers a node has unless its workload says otherwise.
pub(super) const WORKERS: u32 = 2;

impl Bench {
    /// Starts a node with this one service, which launches what else it needs; with none if it is empty.
    fn node(&self, workers: u32, service: &str) -> Result<Node> {
        let mut spec = self.spec("bench", workers)?;
        if !service.is_empty() {
            spec = spec.start(service);
        }
        self.start(&spec)
    }

    /// A node that starts nothing yet.
    fn spec(&self, name: &str, workers: u32) -> Result<NodeSpec> {
        let spec = NodeSpec::new(name, &self.installed()?.cservice);
        Ok(spec.set("thread", i64::from(workers)).set("profile", true))
    }

    fn start(&self, spec: &NodeSpec) -> Result<Node> {
        Node::start(&self.installed()?.executable, self.folder.path(), spec)
    }

    fn installed(&self) -> Result<&Installed> {
        self.built.as_ref().context("nothing was built")
    }

    /// Plays a scene of the bench plugin, `module MILLISECONDS args`, which reports as `name`; its figures.
    fn play(&self, workers: u32, module: &str, args: &str, name: &str) -> Result<Figures> {
        let millis = self.time.as_millis();
        let service = format!("{module} {millis} {args}");
        self.run(workers, service.trim_end(), name, self.time)
    }

    /// Runs a node with a service that reports as `name` after about `time`; its figures.
    fn run(&self, workers: u32, service: &str, name: &str, time: Duration) -> Result<Figures> {
        let node = self.node(workers, service)?;
        let figures = reported(&node, name, time)?;
        node.stop()?;
        Ok(figures)
    }
}

/// What a workload of the bench plugin reports as `name`. It is given three times the time it should take, and more: longer,
/// and it has stalled.
fn reported(node: &Node, name: &str, time: Duration) -> Result<Figures> {
    let what = format!("report of {name}");
    let line = node
        .log()
        .wait_for(Mark::default(), &what, time * 3 + PATIENCE, |line| {
            Figures::is_report(line, name)
        })?;
    Figures::parse(&line, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use crate::bench::calibration;

    #[test]
    fn every_figure_has_a_name_of_its_own_and_a_calibration_that_exists() {
        let mut names = HashSet::new();
        for (name, figure) in all().flat_map(Workload::named_figures) {
            assert!(names.insert(name.clone()), "{name} twice");
            if let Some(base) = figure.calibration {
                assert!(calibration::of_figure(base).is_some(), "{name}: {base}");
            }
        }
    }

    #[test]
    fn a_workload_gives_what_it_says() {
        let bench = Bench {
            built: None,
            folder: TempFolder::new("workload").unwrap(),
            time: Duration::ZERO,
            long: Duration::ZERO,
        };
        let workload = |run| Workload {
            name: "w",
            about: "",
            only_named: false,
            figures: const { &[Expected::value("a"), Expected::value("b")] },
            run,
        };
        let good = workload(|_| Ok(Measured::new().with("a", 1.0, "u").with("b", 1.0, "u")));
        assert!(good.measure(&bench).is_ok());
        let bad = workload(|_| Ok(Measured::new().with("a", 1.0, "u")));
        let error = bad.measure(&bench).unwrap_err().to_string();
        assert!(
            error.contains(r#"gave ["a"] instead of ["a", "b"]"#),
            "{error}"
        );
    }
}
