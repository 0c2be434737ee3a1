//! `xtask abi [--bless]`: the ABI is what `docs/abi.lock` says, and the C header says the same.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use skynet_abi::layout::{Line, NUMBERS, STRUCTS};

use crate::cplugin;

/// First lines of the lock.
const LOCK_HEAD: &str = "\
# Every size, alignment, offset and number of the C ABI on 64-bit machines, as `cargo xtask abi` checks it.
# Changing a line breaks every plugin out there. Before 1.0: `cargo xtask abi --bless` and a line in CHANGELOG.md;
# from 1.0 on lines are only added.
";

/// Compares the layout with `docs/abi.lock` (or writes it, with `bless`), then proves with the system's C compiler that
/// the header agrees.
///
/// # Errors
/// The first difference, with what to do about it.
pub(crate) fn run(bless: bool) -> Result<()> {
    let root = root();
    let lock = root.join("docs/abi.lock");
    let wanted = render();
    if bless {
        fs::write(&lock, &wanted).with_context(|| format!("cannot write {}", lock.display()))?;
    } else {
        let found =
            fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
        compare(&found, &wanted)?;
    }
    check_header(&root)
}

/// The workspace's folder.
fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// The lock's text: structs sorted by name, each on one line, then the numbers in one line each.
fn render() -> String {
    let mut text = LOCK_HEAD.to_owned();
    let mut structs: Vec<_> = structs().collect();
    structs.sort_unstable_by_key(|lines| lines[0].0);
    for lines in structs {
        let [(name, size), (_, align), fields @ ..] = lines else {
            continue;
        };
        let _ = write!(text, "struct {name} size={size} align={align}");
        for (field, offset) in fields {
            let field = field.split_once('.').map_or(*field, |(_, field)| field);
            let _ = write!(text, " {field}@{offset}");
        }
        text.push('\n');
    }
    let mut numbers = NUMBERS.to_vec();
    numbers.sort_unstable_by_key(|&(name, _)| name);
    for (name, value) in numbers {
        let _ = writeln!(text, "number {name} = {}", decimal(name, value));
    }
    text
}

/// The lines of one struct after the other: size, alignment, fields.
fn structs() -> impl Iterator<Item = &'static [Line]> {
    STRUCTS.chunk_by(|_, (name, _)| name.contains(['!', '.']))
}

/// Numbers as the header writes them.
fn decimal(name: &str, value: u64) -> String {
    match name {
        "MAGIC" => format!("{value:#018x}"),
        _ => value.cast_signed().to_string(),
    }
}

/// Every line must be as it was; what is new must be blessed.
fn compare(found: &str, wanted: &str) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    let mut report = String::new();
    for line in found
        .lines()
        .filter(|line| !wanted.lines().any(|other| other == *line))
    {
        let _ = writeln!(report, "  locked: {line}");
    }
    for line in wanted
        .lines()
        .filter(|line| !found.lines().any(|other| other == *line))
    {
        let _ = writeln!(report, "  built:  {line}");
    }
    bail!(
        "docs/abi.lock does not match the ABI:\n{report}\
         If the change is meant: `cargo xtask abi --bless`, and a line in CHANGELOG.md."
    )
}

/// Compiles assertions about every line against the header, in each language it promises.
fn check_header(root: &Path) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("skynet-abi-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = compile_all(root, &folder);
    fs::remove_dir_all(&folder).ok();
    result
}

fn compile_all(root: &Path, folder: &Path) -> Result<()> {
    let source = folder.join("check.c");
    fs::write(&source, assertions())?;
    for standard in ["c99", "c11"] {
        compile(root, &cplugin::compiler(), &["-x", "c"], standard, &source)?;
    }
    // A C++ compiler is not required, but where there is one the header must please it.
    let plus = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    if Command::new(&plus).arg("--version").output().is_ok() {
        compile(root, &plus, &["-x", "c++"], "c++11", &source)?;
    }
    Ok(())
}

fn compile(
    root: &Path,
    compiler: &str,
    language: &[&str],
    standard: &str,
    source: &Path,
) -> Result<()> {
    let output = Command::new(compiler)
        .args(language)
        .arg(format!("-std={standard}"))
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"])
        .arg("-I")
        .arg(root.join("core/abi/include"))
        .arg(source)
        .output()
        .with_context(|| format!("cannot run the C compiler `{compiler}` (set CC)"))?;
    ensure!(
        output.status.success(),
        "core/abi/include/skynet.h disagrees with core/abi/src ({compiler}, {standard}):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A C file that compiles only if the header has every size, alignment, offset and number of the Rust side. It also uses
/// the macros and helpers once.
fn assertions() -> String {
    let mut text = String::from(
        "#include \"skynet.h\"\n\
         #if defined(__cplusplus)\n\
         #define CHECK(name, condition) static_assert(condition, #condition)\n\
         #elif __STDC_VERSION__ >= 201112L\n\
         #define CHECK(name, condition) _Static_assert(condition, #condition)\n\
         #else\n\
         #define CHECK(name, condition) typedef char name[(condition) ? 1 : -1]\n\
         #endif\n",
    );
    for &(path, value) in STRUCTS {
        let line = if let Some(name) = path.strip_suffix('!') {
            let (c, id) = (c_name(name), name);
            format!(
                "struct align_{id} {{ char before; {c} it; }};\n\
                 CHECK(align_of_{id}, offsetof(struct align_{id}, it) == {value});"
            )
        } else if let Some((name, field)) = path.split_once('.') {
            let c = c_name(name);
            format!("CHECK(offset_of_{name}_{field}, offsetof({c}, {field}) == {value});")
        } else {
            let c = c_name(path);
            format!("CHECK(size_of_{path}, sizeof({c}) == {value});")
        };
        text.push_str(&line);
        text.push('\n');
    }
    for &(name, value) in NUMBERS {
        let _ = writeln!(
            text,
            "CHECK(number_{name}, (uint64_t)(int64_t)SKYNET_{name} == UINT64_C({value}));"
        );
    }
    text.push_str(
        "static int32_t create(skynet_context self, skynet_text args, void **instance) {\n\
         *instance = NULL; return args.len == 0 ? skynet_refuse(self, \"no arguments\") : SKYNET_STATUS_OK;\n\
         }\n\
         static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {\n\
         if (instance != NULL) return skynet_forward(self, message, 1);\n\
         skynet_reply(self, message, message->data, message->len);\n\
         skynet_log(self, SKYNET_LEVEL_INFO, \"answered\");\n\
         return SKYNET_DELIVER_RELEASE;\n\
         }\n\
         static void release(void *instance, skynet_context self) { (void)instance; (void)self; }\n\
         SKYNET_PLUGIN(\"check\", \"1.0\", 2, SKYNET_MODULE(\"one\", create, deliver, release),\n\
         SKYNET_MODULE_FULL(\"two\", 1, create, deliver, NULL, release, NULL, NULL, NULL))\n",
    );
    text
}

/// `SocketPart` is `skynet_socket_part` in C.
fn c_name(name: &str) -> String {
    let mut c = String::from("skynet");
    for letter in name.chars() {
        if letter.is_uppercase() {
            c.push('_');
        }
        c.push(letter.to_ascii_lowercase());
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_c_names() {
        assert_eq!(c_name("Host"), "skynet_host");
        assert_eq!(c_name("SocketPart"), "skynet_socket_part");
    }

    #[test]
    fn the_lock_has_one_line_for_each_struct_and_number() {
        let text = render();
        let count = |head: &str| text.lines().filter(|line| line.starts_with(head)).count();
        assert_eq!(count("struct "), structs().count());
        assert_eq!(count("number "), NUMBERS.len());
        assert!(text.contains("number STATUS_DEAD = -1\n"));
    }

    #[test]
    fn a_changed_line_is_named() {
        let wanted = render();
        assert!(compare(&wanted, &wanted).is_ok());
        let found = wanted.replace("number KIND_LUA = 10", "number KIND_LUA = 11");
        let error = compare(&found, &wanted).expect_err("the lock differs");
        let error = error.to_string();
        assert!(error.contains("locked: number KIND_LUA = 11"), "{error}");
        assert!(error.contains("built:  number KIND_LUA = 10"), "{error}");
    }

    #[test]
    fn the_header_and_the_lock_agree_with_the_crate() {
        run(false).expect("the ABI is as locked");
    }
}
