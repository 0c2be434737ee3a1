//! Where the addresses of nodes come from: files, files that are watched, discovery services; IPv6.

use std::fmt::Display;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::moves::{comes_to, is_at};
use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site, expect_error};

/// How often a file is looked at.
const WATCH: Duration = Duration::from_millis(200);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let (old, new) = (Plan::new(stage, "here")?, Plan::new(stage, "there")?);
    let (old, new) = (old.open(stage)?, new.open(stage)?);
    file(stage, &old, &new)?;
    watched(stage, &old, &new)?;
    discovered(stage, &old, &new)?;
    six(stage)
}

fn write(file: &Path, moving: impl Display) -> Result<()> {
    std::fs::write(file, format!("# Where they are.\nmoving = {moving}\n"))
        .with_context(|| file.display().to_string())
}

fn quoted(site: &Site) -> String {
    format!("\"{}\"", site.address)
}

fn file(stage: &Stage, old: &Site, new: &Site) -> Result<()> {
    stage.step("a file with addresses is read again when it is said so, and another one");
    let (first, second) = (
        stage.folder().join("first.toml"),
        stage.folder().join("second.toml"),
    );
    write(&first, quoted(old))?;
    write(&second, quoted(new))?;
    let one = Plan::new(stage, "reader")?.set("cluster", first.display().to_string());
    let one = one.start(stage)?;
    is_at(&one, old)?;
    write(&first, quoted(new))?;
    is_at(&one, old)?;
    one.clusterd("reload")?;
    is_at(&one, new)?;
    write(&first, "false")?;
    one.clusterd("reload")?;
    let down = one.try_call("moving", "@svc", "ECHO")?;
    expect_error("down", &down, skynet_abi::REASON_NODE_LOST, &["down"])?;
    one.clusterd(&format!("reload {}", second.display()))?;
    is_at(&one, new)?;

    // What is wrong with a file is said, and changes nothing.
    write(&second, "17")?;
    let failed = one.ask(&format!("CLUSTERD reload {}", second.display()))?;
    let failed = format!("{failed:?}");
    ensure!(
        failed.contains("moving") && failed.contains("second.toml"),
        "a wrong file: {failed}"
    );
    is_at(&one, new)
}

fn watched(stage: &Stage, old: &Site, new: &Site) -> Result<()> {
    stage.step("a file that is watched");
    let file = stage.folder().join("watched.toml");
    write(&file, quoted(old))?;
    let one = Plan::new(stage, "watcher")?
        .set("cluster", file.display().to_string())
        .set("cluster_watch", WATCH.as_secs_f64());
    let one = one.start(stage)?;
    is_at(&one, old)?;
    let begin = Instant::now();
    write(&file, quoted(new))?;
    comes_to(&one, new)?;
    within("a change of the file was seen", WATCH, begin.elapsed())?;
    // A file that is wrong for a moment, as while it is written.
    write(&file, "\"")?;
    one.node.wait_for_log("watched.toml", PATIENCE)?;
    is_at(&one, new)?;
    write(&file, quoted(old))?;
    comes_to(&one, old)
}

fn discovered(stage: &Stage, old: &Site, new: &Site) -> Result<()> {
    stage.step("a discovery service");
    let one = Plan::new(stage, "finder")?.set(
        "cluster_discovery",
        format!("test_discovery moving={}", old.address),
    );
    let one = one.start(stage)?;
    is_at(&one, old)?;
    let tell = |words: &str| one.probe.call(".discovery", words);
    tell(&format!("NEXT moving={}", new.address))?;
    is_at(&one, old)?;
    one.clusterd("reload")?;
    is_at(&one, new)?;
    tell(&format!("SET moving={}", old.address))?;
    comes_to(&one, old)?;
    // It is told what is wanted, and may find it.
    let waiting = one.begin_call("distant", "@svc", "ECHO found")?;
    eventually("it to be told", PATIENCE, || {
        Ok(tell("WANTED")?.contains("distant").then_some(()))
    })?;
    tell(&format!("SET distant={}", new.address))?;
    expect_eq("the call", waiting.reply(PATIENCE)?, "found".to_owned())?;
    tell("SET moving=false")?;
    eventually("it to be down", PATIENCE, || {
        let answer = one.try_call("moving", "@svc", "ECHO")?;
        let down = expect_error("down", &answer, skynet_abi::REASON_NODE_LOST, &["down"]);
        Ok(down.ok())
    })
}

fn six(stage: &Stage) -> Result<()> {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        stage.step("there is no IPv6 here");
        return Ok(());
    };
    let address: SocketAddr = listener.local_addr()?;
    drop(listener);
    stage.step("IPv6");
    let two = Plan::new(stage, "six")?.at(address).open(stage)?;
    let one = Plan::new(stage, "asks6")?.finds("moving", address);
    let one = one.start(stage)?;
    is_at(&one, &two)?;
    one.reaches("moving")
}
