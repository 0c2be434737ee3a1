//! What is measured on: the machine and its software, and how the node is built. No name of the host.

use std::fs;
use std::process::Command;

use crate::workspace::{NODE_PACKAGE, Workspace};

/// Crates that bring an allocator of their own.
const ALLOCATORS: &[&str] = &[
    "mimalloc",
    "tikv-jemallocator",
    "jemallocator",
    "snmalloc-rs",
    "rpmalloc",
];

/// Processor, their number, and the kernel, in one line.
pub(super) fn summary() -> String {
    format!("{}, {}", processors(), kernel())
}

/// What a reader of figures wants to know, by name.
pub(super) fn description(workspace: &Workspace) -> Vec<(&'static str, String)> {
    vec![
        ("processors", processors()),
        ("memory", memory()),
        ("kernel", kernel()),
        ("compiler", compiler()),
        ("allocator", allocator(workspace)),
    ]
}

fn processors() -> String {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&info, "model name").unwrap_or(std::env::consts::ARCH);
    format!("{count} x {model}")
}

fn memory() -> String {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = field(&info, "MemTotal").and_then(|value| value.strip_suffix("kB"));
    match kibibytes.and_then(|value| value.trim().parse::<f64>().ok()) {
        Some(kibibytes) => format!("{:.1} GiB", kibibytes / 1024.0 / 1024.0),
        None => "unknown".to_owned(),
    }
}

fn kernel() -> String {
    let system = rustix::system::uname();
    let (name, release) = (system.sysname(), system.release());
    format!("{} {}", name.to_string_lossy(), release.to_string_lossy())
}

/// The compiler that builds with this tool.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The allocator of the node, as far as its dependencies show it.
fn allocator(workspace: &Workspace) -> String {
    let node = workspace.packages.iter();
    let mut dependencies = node
        .filter(|package| package.name == NODE_PACKAGE)
        .flat_map(|package| &package.dependencies)
        .filter(|dependency| dependency.kind.is_none());
    let own = dependencies.find(|dependency| ALLOCATORS.contains(&dependency.name.as_str()));
    own.map_or_else(|| "the system's malloc".to_owned(), |own| own.name.clone())
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let text = "vendor_id\t: A\nmodel name\t: A 1 (r): 2\nMemTotal:  24684092 kB\n";
        assert_eq!(field(text, "model name"), Some("A 1 (r): 2"));
        assert_eq!(field(text, "MemTotal"), Some("24684092 kB"));
        assert_eq!(field(text, "Mem"), None);
    }

    #[test]
    fn the_machine_is_described() {
        let workspace = Workspace::read().unwrap();
        for (name, value) in description(&workspace) {
            assert!(!value.is_empty() && value != "unknown", "{name}: {value:?}");
            assert!(!value.contains(['|', '\n']), "{name}: {value:?}");
        }
    }
}
