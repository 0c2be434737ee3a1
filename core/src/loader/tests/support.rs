//! A folder with plugins compiled for one test.
#![allow(unsafe_code)]

use std::fs;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use skynet_abi::{Context, Host, Message, Prelude, Text};

use crate::loader::{LoadedModule, Loader};

/// A plugin of two modules that can be bent by `-D`.
pub(super) const SOURCE: &str = r#"
#include "skynet.h"
#ifndef ANSWER
#define ANSWER 0
#endif
#ifndef PLUGIN
#define PLUGIN "sample"
#endif
#ifndef VERSION
#define VERSION "1.0"
#endif
#ifndef ONE
#define ONE "one"
#endif
#ifndef TWO
#define TWO "two"
#endif
#ifndef STATUS
#define STATUS 0
#endif
/* The same names in every plugin: they must not clash. */
int skynet_counter = 0;
int skynet_answer(void) { return ANSWER; }
static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self; (void)args;
    *instance = &skynet_counter;
    return SKYNET_STATUS_OK;
}
static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)self; (void)message; (void)instance;
    skynet_counter++;
    return skynet_answer() * 1000 + skynet_counter;
}
static void release(void *instance, skynet_context self) { (void)instance; (void)self; }
static int32_t load(const skynet_host *host) {
    if (STATUS != 0) return STATUS;
    return skynet_adopt(&skynet_node, host);
}
SKYNET_PLUGIN_FULL(PLUGIN, VERSION, SKYNET_PLUGIN_UNWINDS, load, 2,
    SKYNET_MODULE(ONE, create, deliver, release),
    SKYNET_MODULE(TWO, create, deliver, release))
"#;

/// A folder that is removed when the test ends.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) folder: PathBuf,
}

impl Lab {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("skynet-loader-{}-{n}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("cservice")).unwrap();
        Self { folder }
    }

    /// A file in the search path.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join("cservice").join(name)
    }

    pub(super) fn cpath(&self) -> String {
        let folder = self.folder.join("cservice");
        format!("{0}/?.so;{0}/lib?.so", folder.display())
    }

    pub(super) fn loader(&self) -> Loader {
        Loader::new(&self.cpath(), self.folder.join("private"), host()).unwrap()
    }

    /// Compiles `source` to `cservice/<name>`.
    pub(super) fn compile(&self, name: &str, source: &str, defines: &[&str]) -> PathBuf {
        let output = self.path(name);
        self.compile_to(&output, source, defines);
        output
    }

    pub(super) fn compile_to(&self, output: &Path, source: &str, defines: &[&str]) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let input = self.folder.join(format!("{n}.c"));
        fs::write(&input, source).unwrap();
        let result = Command::new("cc")
            .args([
                "-shared", "-fPIC", "-O1", "-std=c11", "-Wall", "-Wextra", "-Werror",
            ])
            .arg("-I")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/abi/include"))
            .args(defines)
            .arg(&input)
            .arg("-o")
            .arg(output)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&result.stderr);
        assert!(result.status.success(), "{said}");
    }

    /// Names of the private copies, sorted.
    pub(super) fn copies(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.folder.join("private"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A node's table without functions.
pub(super) fn host() -> &'static Host {
    // SAFETY: integers, raw pointers and optional functions: zeroes are values.
    let mut host: Host = unsafe { MaybeUninit::zeroed().assume_init() };
    host.prelude = Prelude::new(size_of::<Host>());
    Box::leak(Box::new(host))
}

/// `deliver` of a sample plugin: its answer times 1000 plus how often its library was called.
pub(super) fn deliver(module: &LoadedModule) -> i32 {
    let mut instance = ptr::null_mut();
    // SAFETY: the sample's create takes anything.
    let status = unsafe { (module.create)(Context::default(), Text::EMPTY, &mut instance) };
    assert_eq!(status, 0);
    // SAFETY: the instance is the module's own.
    unsafe { (module.deliver)(instance, Context::default(), &Message::EMPTY) }
}
