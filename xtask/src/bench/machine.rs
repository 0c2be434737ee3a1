//! What is measured on: the machine and its software. No name of the host.

/// Processor, their number, and the kernel, in one line.
pub(super) fn summary() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let system = rustix::system::uname();
    let (name, release) = (
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
    );
    format!("{cpus} x {}, {name} {release}", processor())
}

/// The model of the processor.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    model.to_owned()
}
