//! New versions of a plugin file while the node runs, and builds of every kind mixed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Stage;
use super::probe::{Probe, RoundTrips, probed};
use crate::deadline::expect_eq;
use crate::node::Node;
use crate::workspace::{NODE_BINARY, NODE_PACKAGE, Workspace};
use crate::{cplugin, install};

/// A plugin that answers with its version, and carries enough bytes for half of them to be missed.
const SOURCE: &str = r#"
#include "skynet.h"

static const char ballast[65536] = VERSION;

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = NULL;
    return SKYNET_STATUS_OK;
}
static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    skynet_reply(self, message, ballast, strlen(ballast));
    return SKYNET_DELIVER_RELEASE;
}
static void release(void *instance, skynet_context self) { (void)instance, (void)self; }

SKYNET_PLUGIN("test-version", VERSION, 1, SKYNET_MODULE("test-version", create, deliver, release))
"#;

/// How often a loaded file is overwritten while its services work.
const TIMES: u32 = 20;

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    versions(stage)?;
    debug_and_release(stage)
}

/// Where versions are made, and from where the node loads them.
struct Shop {
    made: PathBuf,
    cservice: PathBuf,
}

impl Shop {
    fn open(stage: &Stage) -> Result<Self> {
        let made = stage.folder().join("made");
        fs::create_dir_all(&made)?;
        fs::write(made.join("version.c"), SOURCE)?;
        Ok(Self {
            made,
            cservice: stage.private_cservice(&["test-probe", "test-caller", "hello-c"])?,
        })
    }

    /// Compiles a version.
    fn make(&self, stage: &Stage, version: &str, optimisation: &str) -> Result<PathBuf> {
        let folder = self.made.join(version);
        fs::create_dir_all(&folder)?;
        let file = folder.join("test-version.so");
        let compiler = cplugin::compiler();
        let status = Command::new(&compiler)
            .args([
                "-std=c11",
                "-shared",
                "-fPIC",
                "-g",
                "-fvisibility=hidden",
                optimisation,
            ])
            .arg(format!("-DVERSION=\"{version}\""))
            .arg("-I")
            .arg(stage.workspace().join("core/abi/include"))
            .arg(self.made.join("version.c"))
            .arg("-o")
            .arg(&file)
            .status()
            .with_context(|| format!("cannot run {compiler}"))?;
        ensure!(status.success(), "{compiler} failed: {status}");
        Ok(file)
    }

    /// The file that the node loads.
    fn loaded(&self) -> PathBuf {
        self.cservice.join("test-version.so")
    }

    /// As `cargo xtask install` does it: in one step.
    fn install(&self, file: &Path) -> Result<()> {
        install::place(file, &self.cservice).map(|_| ())
    }

    /// As a person does it: into the file that is there.
    fn copy(&self, file: &Path) -> Result<()> {
        let status = Command::new("cp")
            .arg(file)
            .arg(self.loaded())
            .status()
            .context("cannot run cp")?;
        ensure!(status.success(), "cp failed: {status}");
        Ok(())
    }
}

/// Services, and the version that each must answer with.
#[derive(Default)]
struct Instances(Vec<(String, String)>);

impl Instances {
    fn launch(&mut self, probe: &Probe, version: &str) -> Result<()> {
        let service = probe.launch("test-version")?;
        self.0.push((service, version.to_owned()));
        self.check(probe)
    }

    fn check(&self, probe: &Probe) -> Result<()> {
        for (service, version) in &self.0 {
            expect_eq(
                "the version of an instance",
                &probe.call(service, "?")?,
                version,
            )?;
        }
        Ok(())
    }
}

fn versions(stage: &Stage) -> Result<()> {
    let shop = Shop::open(stage)?;
    let mut instances = Instances::default();
    shop.install(&shop.make(stage, "1.0", "-O2")?)?;
    let spec = stage.spec("reload").set(
        "cpath",
        format!("{}/?.so;{0}/lib?.so", shop.cservice.display()),
    );
    let (node, probe) = Probe::start(stage, spec)?;
    instances.launch(&probe, "1.0")?;

    stage.step("a new version is installed: new launches use it, old instances stay");
    shop.install(&shop.make(stage, "2.0", "-O2")?)?;
    instances.check(&probe)?;
    instances.launch(&probe, "2.0")?;

    stage.step("the loaded file is overwritten with cp");
    shop.copy(&shop.make(stage, "3.0", "-O2")?)?;
    instances.check(&probe)?;
    instances.launch(&probe, "3.0")?;

    stage.step("half a file is refused");
    let bytes = fs::read(shop.make(stage, "4.0", "-O2")?)?;
    for part in [bytes.len() / 2, 100, 0] {
        fs::write(shop.loaded(), &bytes[..part])?;
        let reason = probe.launch_fails("test-version")?;
        stage.detail(format!(
            "{part} of {} bytes: {}",
            bytes.len(),
            reason.replace('\n', " ")
        ));
        ensure!(
            reason.contains("test-version.so"),
            "the error does not name the file: {reason}"
        );
        instances.check(&probe)?;
    }
    fs::remove_file(shop.loaded())?;
    ensure!(
        probe.launch_fails("test-version")?.contains("test-version"),
        "the error names no module"
    );
    instances.check(&probe)?;
    fs::write(shop.loaded(), &bytes)?;
    instances.launch(&probe, "4.0")?;
    shop.copy(&shop.made.join("1.0/test-version.so"))?;
    instances.launch(&probe, "1.0")?;

    under_load(stage, &shop, &probe, &mut instances)?;
    node.stop()
}

fn under_load(stage: &Stage, shop: &Shop, probe: &Probe, instances: &mut Instances) -> Result<()> {
    stage.step(format!(
        "the file is overwritten {TIMES} times while its services work"
    ));
    let oldest = instances.0[0].0.clone();
    let caller = probe.launch("test-caller")?;
    let pings = probe.begin_ping(&caller, &oldest, 1000)?;
    for round in 0..TIMES {
        let version = format!("5.{round}");
        let optimisation = if round % 2 == 0 { "-O0" } else { "-O2" };
        let file = shop.make(stage, &version, optimisation)?;
        if round % 3 == 0 {
            shop.install(&file)?;
        } else {
            shop.copy(&file)?;
        }
        instances.launch(probe, &version)?;
    }
    let trips = RoundTrips::parse(&pings.reply(Duration::from_secs(60))?)?;
    stage.detail(format!("calls of the oldest version meanwhile: {trips}"));
    Ok(())
}

fn debug_and_release(stage: &Stage) -> Result<()> {
    let workspace = Workspace::read()?;
    let is_debug = stage
        .executable()
        .parent()
        .is_some_and(|folder| folder.ends_with("debug"));
    let (ours, theirs) = if is_debug {
        ("debug", "release")
    } else {
        ("release", "debug")
    };
    stage.step(format!("building a node and a plugin for {theirs} too"));
    let mut cargo = workspace.cargo();
    cargo.args([
        "build",
        "--quiet",
        "--package",
        NODE_PACKAGE,
        "--bin",
        NODE_BINARY,
    ]);
    if is_debug {
        cargo.arg("--release");
    }
    let status = cargo.status().context("cargo cannot be started")?;
    ensure!(status.success(), "the build failed: {status}");
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--quiet", "--package", "test-handlers", "--lib"]);
    if is_debug {
        cargo.arg("--release");
    }
    let status = cargo.status().context("cargo cannot be started")?;
    ensure!(status.success(), "the build failed: {status}");

    let folder = workspace.target.join(theirs);
    let name = format!("libtest_handlers.{}", std::env::consts::DLL_EXTENSION);
    let plugin = folder.join(&name);
    ensure!(
        fs::read(&plugin)? != fs::read(stage.plugin("test_handlers")?)?,
        "the {theirs} build is the same as the {ours} build"
    );
    let cservice = stage.folder().join("mixed");
    stage.place_plugins(&["test-probe", "test-caller"], &cservice)?;
    install::place(&plugin, &cservice)?;
    stage.step(format!("a {theirs} plugin in a {ours} node"));
    mixed(stage, stage.executable(), &cservice, "theirs")?;
    stage.step(format!("a {ours} plugin in a {theirs} node"));
    install::place(&stage.plugin("test_handlers")?, &cservice)?;
    mixed(stage, &folder.join(NODE_BINARY), &cservice, "ours")
}

fn mixed(stage: &Stage, executable: &Path, cservice: &Path, name: &str) -> Result<()> {
    let spec = stage
        .spec(name)
        .set("cpath", format!("{}/?.so;{0}/lib?.so", cservice.display()));
    let node = Node::start(executable, stage.folder(), &probed(spec))?;
    let probe = Probe::of(&node)?;
    let handlers = probe.launch("test_handlers")?;
    let redirect = probe.launch(&format!("test_redirect {handlers}"))?;
    expect_eq(
        "the answer",
        probe.call(&redirect, "hello")?,
        "hello".to_owned(),
    )?;
    expect_eq(
        "the answer of a call in a call",
        probe.call(&redirect, &format!("ASK {redirect} 1000 hello again"))?,
        "hello again".to_owned(),
    )?;
    probe
        .ask(&redirect, "PANIC")?
        .expect_error("a panic", 2, "")?;
    expect_eq(
        "the panics",
        probe.call(&handlers, "COUNT")?,
        "1".to_owned(),
    )?;
    node.stop()
}
