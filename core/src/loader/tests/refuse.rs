//! Every way to be wrong has its own words.

use std::fs;
use std::process::Command;

use super::support::{Lab, SOURCE};
use crate::loader::PluginFile;

/// A plugin whose table is written by hand, to be wrong in one place.
const BARE: &str = r#"
#include "skynet.h"
static int32_t load(const skynet_host *host) { (void)host; return 0; }
static int32_t create(skynet_context s, skynet_text a, void **i) { (void)s; (void)a; (void)i; return 0; }
static int32_t deliver(void *i, skynet_context s, const skynet_message *m) { (void)i; (void)s; (void)m; return 0; }
static void release(void *i, skynet_context s) { (void)i; (void)s; }
#ifndef MAGIC
#define MAGIC SKYNET_MAGIC
#endif
#ifndef MAJOR
#define MAJOR 1
#endif
#ifndef NEEDS
#define NEEDS 0
#endif
#ifndef SIZE
#define SIZE sizeof(struct table)
#endif
#ifndef FLAGS
#define FLAGS 1
#endif
#ifndef NAME
#define NAME "bare"
#endif
#ifndef LOAD
#define LOAD load
#endif
#ifndef COUNT
#define COUNT 1
#endif
#ifndef MODULE_SIZE
#define MODULE_SIZE sizeof(skynet_module)
#endif
#ifndef OFFSET
#define OFFSET sizeof(skynet_plugin)
#endif
#ifndef FIRST
#define FIRST "bare"
#endif
#ifndef SECOND
#define SECOND "second"
#endif
#ifndef CREATE
#define CREATE create
#endif
#ifndef DELIVER
#define DELIVER deliver
#endif
#ifndef RELEASE
#define RELEASE release
#endif
#ifndef SYMBOL
#define SYMBOL skynet_plugin_v1
#endif
struct table { skynet_plugin plugin; skynet_module modules[2]; };
extern const struct table SYMBOL;
const struct table SYMBOL = {
    {{MAGIC, MAJOR, 0, NEEDS, 0, SIZE, 0}, FLAGS, NAME, "1", LOAD, COUNT, MODULE_SIZE, OFFSET, 0},
    {{FIRST, 0, 0, CREATE, DELIVER, NULL, RELEASE, NULL, NULL, NULL},
     {SECOND, 0, 0, create, deliver, NULL, release, NULL, NULL, NULL}}};
/* Some of the functions are not used when the table is bent. */
void skynet_use(void *f[4]);
void skynet_use(void *f[4]) { f[0] = load; f[1] = create; f[2] = deliver; f[3] = release; }
"#;

#[test]
fn a_bent_table_is_refused_with_the_reason() {
    let lab = Lab::new();
    let check = |define: &str, expected: &str| {
        let define = format!("-D{define}");
        let path = lab.compile("bare.so", BARE, &[&define]);
        let result = PluginFile::read(&path);
        match result {
            Ok(file) => assert_eq!(expected, "", "{define}: {file:?}"),
            Err(refused) => {
                let text = refused.to_string();
                let head = format!("{}: ", path.display());
                let reason = text.strip_prefix(&head).expect("the file is named");
                assert!(
                    !expected.is_empty() && reason.contains(expected),
                    "{define}: {text}"
                );
            }
        }
    };
    check("NONE", "");
    check("COUNT=2", "");
    check(
        "SYMBOL=skynet_plugin_v2",
        "no symbol `skynet_plugin_v1` is exported",
    );
    check(
        "MAGIC=7",
        "wrong magic: found 0x0000000000000007, wanted 0x0a1a54454e594b53",
    );
    check("MAJOR=2", "wrong major version: found 2, wanted 1");
    check(
        "NEEDS=9",
        "asks for a newer peer: needs version 1.9, this is 1.1",
    );
    check(
        "SIZE=119",
        "table too short: found 119 bytes, wanted at least 120",
    );
    check(
        "SIZE=100000",
        "too short: found 312 bytes, its table states 100000",
    );
    check("FLAGS=0", "built to abort on panic");
    check("FLAGS=2", "built to abort on panic");
    check("NAME=\"\"", "bad plugin name: found \"\"");
    check("NAME=\"a b\"", "bad plugin name: found \"a b\"");
    check("NAME=\"\\xff\"", "bad plugin name");
    check(
        "NAME={'0','1','2','3','4','5','6','7','8','9','0','1','2','3','4','5','6','7','8','9','0','1','2','3','4','5','6','7','8','9','0','1'}",
        "without a zero at its end",
    );
    check("FIRST=\"\"", "bad name of module 1");
    check("FIRST=\"a/b\"", "bad name of module 1");
    check("FIRST=\"a\\tb\"", "bad name of module 1: found \"a\\tb\"");
    check("FIRST=\"\u{a0}\"", "bad name of module 1");
    check("COUNT=0", "wrong module count: found 0, wanted 1 to 256");
    check("COUNT=257", "wrong module count: found 257");
    check(
        "COUNT=3",
        "modules too long: they end at byte 408, the table has 312",
    );
    check("COUNT=0xffffffffu", "wrong module count");
    check("MODULE_SIZE=88", "wrong module size: found 88 bytes");
    check("MODULE_SIZE=100", "wrong module size: found 100 bytes");
    check("MODULE_SIZE=0xfffffff8u", "modules too long");
    check("OFFSET=0", "wrong module offset: found 0");
    check("OFFSET=124", "wrong module offset: found 124");
    check("OFFSET=0xfffffff8u", "modules too long");
    check("LOAD=NULL", "the plugin has no function `load`");
    check("CREATE=NULL", "module `bare` has no function `create`");
    check("DELIVER=NULL", "module `bare` has no function `deliver`");
    check("RELEASE=NULL", "module `bare` has no function `release`");
}

#[test]
fn two_modules_of_one_name_are_refused() {
    let lab = Lab::new();
    let path = lab.compile("x.so", SOURCE, &["-DTWO=ONE"]);
    let text = PluginFile::read(path).unwrap_err().to_string();
    assert!(text.contains("two modules are called `one`"), "{text}");
}

#[test]
fn functions_are_seen_however_they_are_relocated() {
    let lab = Lab::new();
    for flags in [
        "-Wl,-z,relro,-z,now",
        "-Wl,-z,pack-relative-relocs",
        "-fvisibility=hidden",
        "-Wl,--strip-all",
        "-Wl,--gc-sections",
    ] {
        let path = lab.compile("x.so", SOURCE, &[flags]);
        let result = PluginFile::read(path);
        assert!(result.is_ok(), "{flags}: {result:?}");
    }
}

#[test]
fn symbols_of_another_sort_are_refused() {
    let lab = Lab::new();
    let check = |source: &str, expected: &str| {
        let path = lab.compile("x.so", source, &[]);
        let text = PluginFile::read(path).unwrap_err().to_string();
        assert!(text.contains(expected), "{source}: {text}");
    };
    check(
        "int skynet_plugin_v1(void) { return 0; }",
        "found a function",
    );
    check("_Thread_local int skynet_plugin_v1 = 1;", "thread-local");
    check(
        "char skynet_plugin_v1[512];",
        "memory that is zero at first",
    );
    check(
        "int skynet_plugin_v1 = 1;",
        "table too short: found 4 bytes",
    );
    check(
        "static int skynet_plugin_v1 = 1; int x(void); int x(void) { return skynet_plugin_v1; }",
        "no symbol",
    );
    check(
        "extern int skynet_plugin_v1; int x(void); int x(void) { return skynet_plugin_v1; }",
        "no symbol",
    );
    check("char skynet_plugin_v1[512] = {1};", "wrong magic");
}

#[test]
fn what_is_no_library_is_refused() {
    let lab = Lab::new();
    let check = |name: &str, expected: &str| {
        let text = PluginFile::read(lab.path(name)).unwrap_err().to_string();
        assert!(text.contains(expected), "{name}: {text}");
    };
    check("absent.so", "cannot be read: No such file");
    fs::create_dir(lab.path("folder.so")).unwrap();
    check("folder.so", "not a regular file");
    fs::write(lab.path("empty.so"), "").unwrap();
    check("empty.so", "an empty file");
    fs::write(lab.path("text.so"), "#!/bin/sh\n").unwrap();
    check("text.so", "another kind of file");
    let pipe = lab.path("pipe.so");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    check("pipe.so", "not a regular file");
    let huge = fs::File::create(lab.path("huge.so")).unwrap();
    huge.set_len((512 << 20) + 1).unwrap();
    check(
        "huge.so",
        "too large: found 536870913 bytes, wanted at most 536870912",
    );
    fs::copy("/proc/self/exe", lab.path("program.so")).unwrap();
    check("program.so", "no symbol `skynet_plugin_v1`");

    let good = lab.compile("good.so", SOURCE, &[]);
    let bytes = fs::read(good).unwrap();
    let bend = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        fs::write(lab.path("bent.so"), bytes).unwrap();
    };
    bend(4, 1);
    check("bent.so", "another word size");
    bend(5, if cfg!(target_endian = "little") { 2 } else { 1 });
    check("bent.so", "the other byte order");
    bend(16, 1);
    check("bent.so", "no shared library");
    bend(18, 3);
    check("bent.so", "another machine");
}

#[test]
fn the_systems_loader_has_its_say() {
    let lab = Lab::new();
    let source = format!("{SOURCE}\nvoid not_there(void); void *use = not_there;");
    lab.compile("one.so", &source, &[]);
    let loader = lab.loader();
    let text = loader.module("one").unwrap_err().to_string();
    assert!(text.contains("refused by the system's loader"), "{text}");
    assert!(text.contains("not_there"), "{text}");
    assert!(lab.copies().is_empty());
}

#[test]
fn a_constructor_cannot_change_what_was_checked() {
    let lab = Lab::new();
    let source = SOURCE.replace(
        "SKYNET_PLUGIN_FULL(",
        "#undef SKYNET_EXTERN\n#define SKYNET_EXTERN\n#define const\nSKYNET_PLUGIN_FULL(",
    ) + "\n__attribute__((constructor)) static void bend(void) { skynet_plugin_v1.modules[1].name[0] = 'x'; }";
    lab.compile("one.so", &source, &[]);
    let text = lab.loader().module("one").unwrap_err().to_string();
    assert!(
        text.contains("the list of modules in memory differs"),
        "{text}"
    );
}
