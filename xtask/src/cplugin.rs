//! Builds the plugins that are written in C.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// How every C plugin is compiled.
const FLAGS: &[&str] = &[
    "-std=c11",
    "-shared",
    "-fPIC",
    "-O2",
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fvisibility=hidden",
    "-pthread",
];

/// The system's C compiler: `$CC`, else `cc`.
pub(crate) fn compiler() -> String {
    std::env::var("CC")
        .ok()
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| "cc".to_owned())
}

/// Compiles every C plugin into `out_dir`: `hello-c.so`, `test-*.so` (right, but for tests only) and `broken-*.so` (wrong
/// on purpose). Those that are up to date are left alone. Returns all of them, sorted.
///
/// # Errors
/// No C compiler, or what it said.
pub(crate) fn build_all(out_dir: &Path) -> Result<Vec<PathBuf>> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut all = vec![
        (plugins.join("hello-c/hello.c"), "hello-c".to_owned()),
        (plugins.join("frozen/frozen.c"), "test-frozen".to_owned()),
    ];
    for (folder, prefix) in [("test-c", "test"), ("broken", "broken")] {
        for source in sources(&plugins.join(folder))? {
            let name = source.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{prefix}-{name}");
            all.push((source, name));
        }
    }
    all.sort_by(|(_, one), (_, other)| one.cmp(other));
    all.iter()
        .map(|(source, name)| build(source, name, out_dir))
        .collect()
}

/// The C files in a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("cannot list {}", folder.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    Ok(sources)
}

/// Compiles one C plugin to `out_dir/<name>.so`, unless that is newer than the source and all headers.
fn build(source: &Path, name: &str, out_dir: &Path) -> Result<PathBuf> {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/abi/include");
    let target = out_dir.join(format!("{name}.so"));
    if is_fresh(&target, source, &header) {
        return Ok(target);
    }
    fs::create_dir_all(out_dir).with_context(|| format!("cannot make {}", out_dir.display()))?;
    // Renamed into place: a node that is running may be looking.
    let fresh = out_dir.join(format!(".{name}.{}", std::process::id()));
    let compiler = compiler();
    let output = Command::new(&compiler)
        .args(FLAGS)
        .arg("-I")
        .arg(&header)
        .arg(source)
        .arg("-o")
        .arg(&fresh)
        .output()
        .with_context(|| format!("cannot run the C compiler `{compiler}` (set CC)"))?;
    ensure!(
        output.status.success(),
        "{} does not compile:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(&fresh, &target).with_context(|| format!("cannot write {}", target.display()))?;
    Ok(target)
}

/// Whether `target` is newer than everything it is made from: the source and the headers beside it and in `headers`.
fn is_fresh(target: &Path, source: &Path, headers: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    let Some(built) = modified(target) else {
        return false;
    };
    let folders = [source.parent(), Some(headers)];
    let beside = folders
        .into_iter()
        .flatten()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "h"));
    beside
        .chain([source.to_owned()])
        .all(|input| modified(&input).is_some_and(|time| time < built))
}
