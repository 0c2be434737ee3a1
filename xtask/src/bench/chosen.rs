//! Which workloads and calibrations are measured.

use anyhow::{Result, bail};

use super::calibration::{self, CALIBRATIONS, Calibration};
use super::workload::{self, Workload};

/// What was asked for: workloads, and calibrations without one.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The workloads, each with [what it needs](needed).
    pub(super) workloads: Vec<&'static Workload>,
    /// Calibrations that none of the workloads needs.
    pub(super) calibrations: Vec<&'static Calibration>,
}

impl Chosen {
    /// Those of these names; without names everything but the workloads that are measured only when named.
    pub(super) fn new(names: &[String]) -> Result<Self> {
        let mut chosen = Self {
            workloads: Vec::new(),
            calibrations: Vec::new(),
        };
        if names.is_empty() {
            chosen.workloads.extend(usual());
            chosen.calibrations.extend(CALIBRATIONS);
        }
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                continue;
            }
            if let Some(workload) = workload::find(name) {
                chosen.add([workload]);
            } else if let Some(calibration) = calibration::find(name) {
                chosen.calibrations.push(calibration);
            } else if group(name).next().is_some() {
                chosen.add(group(name));
            } else {
                let known = workload::all().map(|workload| workload.name);
                let known: Vec<_> = known.chain(CALIBRATIONS.iter().map(|c| c.name)).collect();
                bail!(
                    "there is no workload or calibration {name:?}, only {}",
                    known.join(", ")
                );
            }
        }
        let workloads = chosen.workloads.iter();
        let covered: Vec<_> = workloads.flat_map(|workload| needed(workload)).collect();
        chosen
            .calibrations
            .retain(|calibration| covered.iter().all(|other| other.name != calibration.name));
        Ok(chosen)
    }

    /// Adds those that are not there yet.
    fn add(&mut self, workloads: impl IntoIterator<Item = &'static Workload>) {
        for workload in workloads {
            if self.workloads.iter().all(|one| one.name != workload.name) {
                self.workloads.push(workload);
            }
        }
    }

    /// The sections of the Markdown report that these workloads fill: the usual ones have one together, others one each.
    pub(super) fn sections(&self) -> Result<Vec<Section>> {
        let is_chosen = |workload: &Workload| {
            self.workloads
                .iter()
                .any(|chosen| chosen.name == workload.name)
        };
        let missing: Vec<_> = usual().filter(|workload| !is_chosen(workload)).collect();
        let others = self.workloads.iter().filter(|chosen| chosen.only_named);
        let mut sections: Vec<_> = others
            .map(|workload| Section {
                name: workload.name,
                workloads: vec![workload],
            })
            .collect();
        if missing.is_empty() {
            sections.push(Section {
                name: "figures",
                workloads: usual().collect(),
            });
        } else if sections.len() < self.workloads.len() {
            bail!(
                "the Markdown report has the usual workloads all together: name none, or {} too",
                missing[0].name
            );
        }
        if sections.is_empty() {
            bail!("calibrations alone have no place in the Markdown report");
        }
        Ok(sections)
    }
}

/// A part of the Markdown report that is written anew as a whole.
#[derive(Debug)]
pub(super) struct Section {
    /// As its marks are called.
    pub(super) name: &'static str,
    /// What it tells about.
    pub(super) workloads: Vec<&'static Workload>,
}

/// The usual workloads whose names begin with this one: those of `cluster` are `cluster_seq` and so on.
fn group(name: &str) -> impl Iterator<Item = &'static Workload> {
    usual().filter(move |workload| {
        let rest = workload.name.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('_'))
    })
}

fn usual() -> impl Iterator<Item = &'static Workload> {
    workload::all().filter(|workload| !workload.only_named)
}

/// The calibrations that a workload's figures are compared with, each once.
pub(super) fn needed(workload: &Workload) -> Vec<&'static Calibration> {
    let mut needed: Vec<&Calibration> = Vec::new();
    for calibration in workload.calibrations().filter_map(calibration::of_figure) {
        if needed.iter().all(|other| other.name != calibration.name) {
            needed.push(calibration);
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(names: &[&str]) -> Result<Chosen> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Chosen::new(&names)
    }

    #[test]
    fn a_workload_brings_its_calibration() {
        let check = |names: &[&str], workloads: &[&str], calibrations: &[&str]| {
            let chosen = choose(names).unwrap();
            let found: Vec<_> = chosen.workloads.iter().map(|w| w.name).collect();
            assert_eq!(found, workloads);
            let found: Vec<_> = chosen.calibrations.iter().map(|c| c.name).collect();
            assert_eq!(found, calibrations);
        };
        check(&["pingpong"], &["pingpong"], &[]);
        check(&["pingpong", "cal_message"], &["pingpong"], &[]);
        check(&["fanin", "cal_cross", "fanin"], &["fanin"], &[]);
        let rows = [
            "cluster_seq",
            "cluster_64",
            "cluster_oneway",
            "cluster_bulk",
        ];
        check(&["cluster"], &rows, &[]);
        check(&["cluster", "cluster_seq"], &rows, &[]);
        check(&["cal_wake"], &[], &["cal_wake"]);
        assert!(choose(&["nothing"]).is_err());
        let names = |workload| needed(workload::find(workload).unwrap());
        let names = |workload| names(workload).iter().map(|c| c.name).collect::<Vec<_>>();
        assert_eq!(names("fanin"), ["cal_cross", "cal_message"]);
        assert_eq!(names("gate_100"), ["cal_echo_100"]);
    }

    #[test]
    fn the_big_ones_are_measured_only_when_named() {
        let names =
            |chosen: Chosen| -> Vec<_> { chosen.workloads.iter().map(|w| w.name).collect() };
        assert!(!names(choose(&[]).unwrap()).contains(&"million"));
        assert_eq!(names(choose(&["million"]).unwrap()), ["million"]);
    }

    #[test]
    fn sections_are_filled_as_a_whole() {
        let check = |names: &[&str], expected: Option<&[&str]>| {
            let sections = choose(names).unwrap().sections().ok();
            let found: Option<Vec<_>> =
                sections.map(|sections| sections.iter().map(|section| section.name).collect());
            assert_eq!(found.as_deref(), expected, "{names:?}");
        };
        check(&[], Some(&["figures"]));
        check(&["million"], Some(&["million"]));
        check(&["million", "gate_20000"], Some(&["million", "gate_20000"]));
        check(&["million", "pairs"], None);
        check(&["pairs"], None);
        check(&["cal_wake"], None);
    }
}
