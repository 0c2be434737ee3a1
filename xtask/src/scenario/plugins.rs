//! Plugins that are wrong in every way, and right ones that use every part of the ABI.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Stage;
use super::probe::{Asked, Probe, RoundTrips};
use crate::deadline::{eventually, expect_eq, timed, within};
use crate::node::{Node, PATIENCE};
use crate::{say, symbols};

const FAILED: u32 = 1;
const PANICKED: u32 = 2;
const DEAD: u32 = 3;
const KILLED: u32 = 4;

/// Files that must be refused, and what the reason must say. `true`: `xtask inspect` says so too, which runs no code.
const REFUSED: &[(&str, &str, bool)] = &[
    ("broken-no-symbol", "no symbol `skynet_plugin_v1`", true),
    ("broken-wrong-magic", "wrong magic", true),
    ("broken-wrong-major", "wrong major version", true),
    ("broken-too-short", "table too short", true),
    ("broken-lying-size", "too short", true),
    ("broken-lying-count", "modules too long", true),
    ("broken-missing-function", "no function `deliver`", true),
    ("broken-needs-newer", "asks for a newer peer", true),
    ("broken-aborts", "built to abort on panic", true),
    ("broken-bad-name", "bad name of module", true),
    ("broken-duplicate-names", "two modules are called", true),
    (
        "broken-undefined-symbol",
        "skynet_test_function_that_nobody_has",
        false,
    ),
    ("broken-load-fails", "its `load` failed", false),
    ("broken-create-fails", "the moon is full", false),
    ("broken-create-silent", "-77", false),
    ("broken-never-ready fail", "could not start", false),
    ("broken_panic_create", "panic", false),
    ("broken_panic_raw PANIC", "panic", false),
    (
        "test-no-such-plugin",
        "no module `test-no-such-plugin`",
        false,
    ),
];

/// How soon the monitor must speak once the limit has passed.
const REPORTED_WITHIN: Duration = Duration::from_secs(2);
/// The limit that is configured.
const ENDLESS_LIMIT: u64 = 1;
/// The grace period that is configured.
const GRACE: u64 = 2;
/// How long others may be held up by a service that takes the only worker, before another takes over.
const HELD_UP: Duration = Duration::from_millis(500);

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    export_one_symbol(stage)?;
    let (node, probe) = Probe::start(stage, stage.spec("wrong"))?;
    let hello = probe.launch("hello-c")?;
    refused(stage, &probe, &hello)?;
    contained(stage, &probe)?;
    kept(stage, &node, &probe)?;
    right(stage, &probe)?;
    wakes(stage, &probe)?;
    answers(&probe, &hello)?;
    node.stop()?;

    for threads in [1, 2] {
        endless(stage, threads)?;
        endless_create(stage, threads)?;
        endless_release(stage, threads)?;
    }
    crash(stage)
}

fn answers(probe: &Probe, hello: &str) -> Result<()> {
    expect_eq(
        "the C plugin's answer",
        probe.call(hello, "you")?,
        "hello, you".to_owned(),
    )
}

fn export_one_symbol(stage: &Stage) -> Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(stage.cservice())? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // The broken ones may do what they like, and one asks to be seen by others.
        let is_exempt =
            name.starts_with('.') || name.contains("broken") || name.starts_with("test-global");
        if !is_exempt {
            files.push(path);
        }
    }
    ensure!(
        !files.is_empty(),
        "no plugins in {}",
        stage.cservice().display()
    );
    symbols::check(files.iter().map(PathBuf::as_path))
}

fn refused(stage: &Stage, probe: &Probe, hello: &str) -> Result<()> {
    stage.step("plugins that are wrong are refused with the reason");
    for (line, reason, inspected) in REFUSED {
        let text = probe.launch_fails(line)?;
        ensure!(
            text.contains(reason),
            "{line}: the reason is {text:?}, wanted {reason:?}"
        );
        stage.detail(format!("{line}: {}", text.replace('\n', " ")));
        if *inspected {
            inspect(&stage.plugin(line)?, reason)?;
        }
        answers(probe, hello)?;
    }
    let list = probe.command("LIST")?;
    ensure!(
        !list.contains("broken"),
        "something broken was launched: {list}"
    );
    Ok(())
}

/// `xtask inspect` refuses it for the same reason.
fn inspect(file: &Path, reason: &str) -> Result<()> {
    let output = Command::new(std::env::current_exe()?)
        .arg("inspect")
        .arg(file)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        !output.status.success() && text.contains(reason),
        "`xtask inspect {}` says {text:?}, wanted {reason:?}",
        file.display()
    );
    Ok(())
}

fn contained(stage: &Stage, probe: &Probe) -> Result<()> {
    stage.step("services that are wrong harm themselves only");
    let check = |line: &str, request: &str, reason: u32, part: &str| -> Result<()> {
        let service = probe.launch(line)?;
        let answer = probe.ask(&service, request)?;
        answer.expect_error(&format!("{line} upon {request}"), reason, part)?;
        probe.wait_gone(&service)
    };
    check("broken-no-answer", "EXIT", DEAD, "")?;
    check("broken-no-answer", "FAIL", FAILED, "gave up")?;
    check("broken-garbage", "BADSTATUS", PANICKED, "")?;
    check("broken_panic_deliver", "PANIC", PANICKED, "")?;
    check("broken_panic_raw", "PANIC", PANICKED, "")?;

    let garbage = probe.launch("broken-garbage")?;
    let text = probe.call(&garbage, "GARBAGE")?;
    let words: Vec<_> = text.split(' ').collect();
    ensure!(
        matches!(words.as_slice(), ["refused", refused, "of", tried] if refused == tried),
        "not every garbage was refused: {text}"
    );
    stage.detail(format!("arguments without meaning: {text}"));
    probe.kill(&garbage)?;

    let twice = probe.launch("broken-answers-twice")?;
    let stray = probe.node("stray_replies")?;
    expect_eq(
        "the first answer",
        probe.call(&twice, "hello")?,
        "first".to_owned(),
    )?;
    eventually("the second answer to reach nobody", PATIENCE, || {
        Ok((probe.node("stray_replies")? == stray + 1.0).then_some(()))
    })?;

    let silent = probe.launch("broken-no-answer")?;
    let waiting = probe.begin(&silent, "anything")?;
    eventually("the request to arrive", PATIENCE, || {
        Ok((probe.stat(&silent, "message")? >= 1.0).then_some(()))
    })?;
    probe.kill(&silent)?;
    waiting
        .answer(PATIENCE)?
        .expect_error("no-answer, killed", KILLED, "")?;

    // Nobody is ready, and whoever launched it waits in a caller of its own.
    let launcher = probe.launch("test-caller waiting")?;
    let waiting = probe.begin(&launcher, "LAUNCH broken-never-ready")?;
    let never = eventually("the launch", PATIENCE, || {
        let list = probe.command("LIST")?;
        let line = list
            .lines()
            .find(|line| line.contains("broken-never-ready"));
        Ok(line
            .and_then(|line| line.split_whitespace().next())
            .map(str::to_owned))
    })?;
    probe.kill(&never)?;
    waiting
        .answer(PATIENCE)?
        .expect_error("never-ready, killed", KILLED, "")
}

fn kept(stage: &Stage, node: &Node, probe: &Probe) -> Result<()> {
    stage.step("bytes that a service keeps are seen in STAT");
    let keeper = probe.launch("broken-keeper")?;
    let payload = "k".repeat(10_000);
    for _ in 0..10 {
        expect_eq(
            "the answer",
            probe.call(&keeper, &payload)?,
            "kept".to_owned(),
        )?;
    }
    let bytes = eventually("kept bytes in STAT", PATIENCE, || {
        let bytes = probe.stat(&keeper, "kept")?;
        Ok((bytes >= 100_000.0).then_some(bytes))
    })?;
    let told = node.ctl(&["stat", &keeper])?;
    ensure!(
        told.contains("kept:100000"),
        "`skynet ctl stat` does not tell: {told}"
    );
    stage.detail(format!("10 payloads of 10,000 bytes: kept:{bytes}"));
    probe.kill(&keeper)
}

fn right(stage: &Stage, probe: &Probe) -> Result<()> {
    stage.step("right plugins in C use every part of the ABI");
    let frozen = probe.launch("test-frozen")?;
    stage.detail(format!(
        "built from the frozen source of 1.0: {:?}",
        probe.call(&frozen, "still there?")?
    ));

    let members: Vec<String> = (0..20)
        .map(|_| probe.launch("test-shared-member"))
        .collect::<Result<_>>()?;
    let shared = probe.launch("test-shared")?;
    for round in 1..=5 {
        let delivered = probe.call(&shared, &format!("SEND {}", members.join(" ")))?;
        expect_eq(
            "mailboxes with the shared payload",
            delivered,
            "20".to_owned(),
        )?;
        for member in &members {
            let wanted = format!("{round} {round} {round}");
            expect_eq("messages, shared, intact", probe.call(member, "?")?, wanted)?;
        }
    }

    let hello = probe.launch("hello-c relayed")?;
    let relay = probe.launch(&format!("test-relay {hello}"))?;
    let begin = Instant::now();
    expect_eq(
        "the answer through a relay",
        probe.call(&relay, "you")?,
        "relayed, you".to_owned(),
    )?;
    ensure!(
        begin.elapsed() >= Duration::from_millis(20),
        "the relay did not keep it"
    );
    let forward = probe.launch(&format!("hello-forward {hello}"))?;
    expect_eq(
        "the answer of who it was passed on to",
        probe.call(&forward, "you")?,
        "relayed, you".to_owned(),
    )?;

    let global = probe.launch("test-global")?;
    expect_eq(
        "the symbol that others need",
        probe.call(&global, "?")?,
        "visible".to_owned(),
    )?;

    let looping = probe.launch("test-signal")?;
    let waiting = probe.begin(&looping, "LOOP")?;
    eventually("the loop", PATIENCE, || {
        Ok((probe.stat(&looping, "time")? > 0.0).then_some(()))
    })?;
    probe.command(&format!("SIGNAL {looping} 7"))?;
    expect_eq(
        "the broken loop's answer",
        waiting.reply(PATIENCE)?,
        "stopped by 7".to_owned(),
    )?;

    let state = probe.launch("test-state")?;
    expect_eq("the first count", probe.call(&state, "?")?, "1".to_owned())
}

fn wakes(stage: &Stage, probe: &Probe) -> Result<()> {
    stage.step("a plugin's own thread wakes its service, and finds out that it has died");
    let woken = probe.launch("test-wake")?;
    let mortal = probe.launch("test-wake")?;
    let wakes = |service: &str| -> Result<u64> { Ok(probe.call(service, "WAKES")?.parse()?) };
    let first = wakes(&woken)?;
    eventually("wake-ups", PATIENCE, || {
        Ok((wakes(&woken)? > first + 10).then_some(()))
    })?;
    expect_eq(
        "a command from the wrong thread",
        probe.call(&woken, "TURN")?,
        "-7".to_owned(),
    )?;
    probe.kill(&mortal)?;
    eventually("the thread of the dead service to notice", PATIENCE, || {
        Ok((probe.call(&woken, "DEAD")? == "1").then_some(()))
    })?;
    let later = wakes(&woken)?;
    eventually("the other one's wake-ups", PATIENCE, || {
        Ok((wakes(&woken)? > later).then_some(()))
    })
}

fn endless_spec(stage: &Stage, name: &str, threads: i64) -> Result<(Node, Probe)> {
    let spec = stage
        .spec(name)
        .set("thread", threads)
        .set("endless_limit", ENDLESS_LIMIT as i64)
        .set("shutdown_grace", GRACE as i64);
    Probe::start(stage, spec)
}

/// Others that call each other all the time, from before something happens until after it.
struct Others<'a> {
    pings: Asked,
    stage: &'a Stage,
    threads: i64,
}

impl<'a> Others<'a> {
    fn begin(stage: &'a Stage, probe: &Probe, hello: &str, threads: i64) -> Result<Self> {
        let before = probe.stat(hello, "message")?;
        let pings = probe.begin_ping(".caller", hello, 500)?;
        eventually("the others to call", PATIENCE, || {
            Ok((probe.stat(hello, "message")? > before).then_some(()))
        })?;
        Ok(Self {
            pings,
            stage,
            threads,
        })
    }

    /// How long they were held up.
    fn end(self) -> Result<()> {
        let trips = RoundTrips::parse(&self.pings.reply(PATIENCE)?)?;
        let threads = self.threads;
        self.stage
            .detail(format!("the others with thread = {threads}: {trips}"));
        within("the longest that others were held up", HELD_UP, trips.late)
    }
}

/// The line that names the looping service, its source and the time, in time.
fn reported(node: &Node, service: &str, since: Instant) -> Result<()> {
    let line = node
        .log()
        .wait_for(Default::default(), "endless loop", PATIENCE, |line| {
            line.contains("endless loop") && line.contains(service)
        })?;
    let limit = Duration::from_secs(ENDLESS_LIMIT);
    within("the report", limit + REPORTED_WITHIN, since.elapsed())?;
    say::detail(format!("  {line}"));
    ensure!(line.contains("from [ :"), "no source in {line}");
    let time = line
        .rsplit("for ")
        .next()
        .and_then(|rest| rest.split(' ').next());
    let time: f64 = time
        .and_then(|time| time.parse().ok())
        .context("no duration in the report")?;
    ensure!(time >= ENDLESS_LIMIT as f64, "reported after {time} s");
    Ok(())
}

/// Stops a node in which something never returns: in time, but not as if all were well.
fn stop_stuck(mut node: Node) -> Result<()> {
    let grace = Duration::from_secs(GRACE + 1);
    let status = timed(
        "the stop with a service that never returns",
        grace,
        |limit| node.terminate(limit),
    )?;
    say::detail(format!("  it ended with {status}"));
    ensure!(
        status.code().is_some(),
        "the node did not end by itself: {status}"
    );
    node.wait_for_log("has stopped", PATIENCE).map(|_| ())
}

fn endless(stage: &Stage, threads: i64) -> Result<()> {
    stage.step(format!(
        "a service that never returns, with thread = {threads}"
    ));
    let (node, probe) = endless_spec(stage, &format!("endless{threads}"), threads)?;
    let hello = probe.launch("hello-c")?;
    let mut asked = Vec::new();
    let mut looping = Vec::new();
    // As many as there are workers, and one more.
    for _ in 0..=threads {
        let service = probe.launch("broken-endless")?;
        let others = Others::begin(stage, &probe, &hello, threads)?;
        let begin = Instant::now();
        asked.push(probe.begin(&service, "LOOP")?);
        reported(&node, &service, begin)?;
        others.end()?;
        expect_eq("endless in STAT", probe.stat(&service, "endless")?, 1.0)?;
        looping.push(service);
    }
    let first = looping.swap_remove(0);
    let begin = Instant::now();
    probe.kill(&first)?;
    let answer = asked.swap_remove(0).answer(PATIENCE)?;
    answer.expect_error("the call of a loop that was killed", KILLED, "")?;
    within(
        "the error of who waited on a killed loop",
        Duration::from_secs(1),
        begin.elapsed(),
    )?;
    answers(&probe, &hello)?;
    stop_stuck(node)
}

fn endless_create(stage: &Stage, threads: i64) -> Result<()> {
    stage.step(format!(
        "a service that never gets created, with thread = {threads}"
    ));
    let (node, probe) = endless_spec(stage, &format!("create{threads}"), threads)?;
    let hello = probe.launch("hello-c")?;
    let launcher = probe.launch("test-caller lost")?;
    let others = Others::begin(stage, &probe, &hello, threads)?;
    let begin = Instant::now();
    let lost = probe.begin(&launcher, "LAUNCH broken-endless-create")?;
    // Not the launcher in whose turn it is made.
    reported(&node, "(broken-endless-create)", begin)?;
    others.end()?;
    // The very file can still be used.
    expect_eq(
        "the launch of another",
        probe.launch("hello-c")?.len(),
        hello.len(),
    )?;
    drop(lost);
    stop_stuck(node)
}

fn endless_release(stage: &Stage, threads: i64) -> Result<()> {
    stage.step(format!(
        "a service that never ends its release, with thread = {threads}"
    ));
    let (node, probe) = endless_spec(stage, &format!("release{threads}"), threads)?;
    let hello = probe.launch("hello-c")?;
    let stuck = probe.launch("broken-endless-release")?;
    expect_eq(
        "its answer",
        probe.call(&stuck, "hello")?,
        "hello".to_owned(),
    )?;
    let others = Others::begin(stage, &probe, &hello, threads)?;
    let begin = Instant::now();
    probe.kill(&stuck)?;
    reported(&node, &stuck, begin)?;
    others.end()?;
    answers(&probe, &hello)?;
    stop_stuck(node)
}

fn crash(stage: &Stage) -> Result<()> {
    stage.step("a plugin that crashes takes its node along, which names it");
    for (request, signal) in [("SEGV", "SIGSEGV"), ("ABORT", "SIGABRT")] {
        let (mut node, probe) = Probe::start(stage, stage.spec(&request.to_lowercase()))?;
        let service = probe.launch("broken-crash")?;
        let waiting = probe.begin(&service, request)?;
        let status = node.wait_exit(PATIENCE)?;
        ensure!(
            status.code().is_none(),
            "the node survived {request}: {status}"
        );
        ensure!(waiting.answer(PATIENCE).is_err(), "somebody answered");
        let words = node.log().matching(Default::default(), signal);
        let line = words
            .first()
            .with_context(|| format!("no {signal} in the last words:\n{}", node.log().tail()))?;
        stage.detail(line);
        ensure!(
            line.contains("broken-crash") && line.contains(&service),
            "the last words do not name plugin and service {service}: {line}"
        );
    }
    Ok(())
}
