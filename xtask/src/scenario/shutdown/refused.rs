//! Nodes that do not start, and configurations that are refused.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::deadline::expect_eq;
use crate::node::{NodeSpec, PATIENCE};
use crate::scenario::Stage;

pub(super) fn run(stage: &Stage) -> Result<()> {
    starts(stage)?;
    configurations(stage)
}

fn starts(stage: &Stage) -> Result<()> {
    stage.step("a service that does not start: exit code 1, with the reason");
    let check = |name: &str, change: fn(NodeSpec) -> NodeSpec, reasons: &[&str]| {
        let mut node = stage.spawn(&change(stage.spec(name)))?;
        expect_eq("the exit code", node.wait_exit(PATIENCE)?.code(), Some(1))?;
        for reason in reasons {
            let found = node.log().matching(Default::default(), reason);
            ensure!(
                !found.is_empty(),
                "{name} does not say {reason:?}:\n{}",
                node.log().tail()
            );
        }
        let ready = node.log().matching(Default::default(), "is ready");
        ensure!(ready.is_empty(), "{name} is ready all the same");
        Ok(())
    };
    check(
        "moon",
        |spec| {
            spec.start("test_commands before")
                .start("broken-create-fails")
                .start("test_commands after")
        },
        &[
            "the moon is full",
            "released before",
            "node moon has stopped",
        ],
    )?;
    check(
        "late",
        |spec| spec.start("broken-never-ready fail"),
        &["could not start"],
    )?;
    check(
        "nothing",
        |spec| spec.start("nothing"),
        &["no module `nothing`"],
    )?;
    check(
        "no-bootstrap",
        |spec| spec.set("bootstrap", "nothing"),
        &["the bootstrap service (nothing)"],
    )?;
    check(
        "no-logger",
        |spec| spec.set("logservice", "nothing"),
        &["the log service (nothing)"],
    )?;
    check(
        "no-log",
        |spec| spec.set("logger", "no/such/folder/node.log"),
        &["cannot open log file no/such/folder/node.log"],
    )?;
    check(
        "no-cpath",
        |spec| spec.set("cpath", "/no/such/folder/?.so"),
        &["no module `logger`"],
    )
}

fn configurations(stage: &Stage) -> Result<()> {
    stage.step("a node without the control service");
    let node = stage.start(&stage.spec("closed").set("control", false))?;
    ensure!(
        !node.rundir().join("control.sock").exists(),
        "there is a control socket"
    );
    let warnings = node.log().matching(Default::default(), "warning");
    ensure!(warnings.is_empty(), "it warns: {warnings:?}");
    node.stop()?;

    stage.step("skynet --check: files that are right, odd, and wrong, with the line");
    let folder = stage.folder().join("checked");
    fs::create_dir_all(&folder)?;
    let file = folder.join("config.toml");
    let check = |text: &str, code: i32, parts: &[&str]| {
        fs::write(&file, text)?;
        let output = Command::new(stage.executable())
            .arg("--check")
            .arg(&file)
            .current_dir(&folder)
            .env("SCENARIO_VALUE", "3")
            .env_remove("SCENARIO_NOTHING")
            .output()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        ensure!(
            output.status.code() == Some(code) && parts.iter().all(|part| said.contains(part)),
            "{text:?}: found {} and {said:?}, wanted code {code} with {parts:?}",
            output.status
        );
        Ok(())
    };
    check("", 0, &["is a valid configuration"])?;
    check(
        "thread = $SCENARIO_VALUE\nstart = [\"echo\"]\n",
        0,
        &["valid"],
    )?;
    check(
        "\nthraed = 4\n",
        0,
        &["config.toml:2: ", "thraed", "thread", "valid"],
    )?;
    check(
        "thread = 0\n",
        1,
        &["config.toml:1: thread is 0; wanted an integer from 1 to 1024"],
    )?;
    check(
        "name = \"a\"\n\nharbor = 256\n",
        1,
        &["config.toml:3: harbor is 256"],
    )?;
    check(
        "thread = \"many\"\n",
        1,
        &["config.toml:1: thread is", "many"],
    )?;
    check(
        "cpath = \"cservice\"\n",
        1,
        &["config.toml:1: cpath is", "'?'"],
    )?;
    check("start = 5\n", 1, &["config.toml:1: start is 5"])?;
    check("thread = 1\nthread = 2\n", 1, &["config.toml:2: "])?;
    check(
        "a = $SCENARIO_NOTHING\n",
        1,
        &["config.toml:1: ", "SCENARIO_NOTHING is not set"],
    )?;
    check("a = [1,\n", 1, &["not valid TOML"])?;
    check(
        "include = \"other.toml\"\n",
        1,
        &["config.toml:1: ", "other.toml"],
    )?;
    fs::write(folder.join("other.toml"), "\nloglevel = \"loud\"\n")?;
    check(
        "include = \"other.toml\"\n",
        1,
        &["other.toml:2: loglevel is", "loud"],
    )?;
    let missing = Command::new(stage.executable())
        .args(["--check", "/no/such.toml"])
        .output()?;
    expect_eq("the exit code for no file", missing.status.code(), Some(1))?;
    let odd = Command::new(stage.executable()).arg("--fly").output()?;
    expect_eq(
        "the exit code for a wrong command line",
        odd.status.code(),
        Some(2),
    )
}
