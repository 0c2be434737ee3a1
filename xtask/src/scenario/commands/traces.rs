//! What services write: message traces (LOGON, LOGOFF), and lines of the log.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use skynet_abi::{KIND_TEXT, STATUS_FAILED, STATUS_NOT_FOUND};

use super::Service;
use crate::deadline::{eventually, expect_eq};
use crate::node::{Node, PATIENCE};
use crate::scenario::Stage;
use crate::scenario::probe::{Probe, probed};

pub(super) fn run(stage: &Stage, node: &Node, probe: &Probe, one: &Service<'_>) -> Result<()> {
    message_traces(stage, node, probe, one)?;
    log_lines(stage, node, one)?;
    let bare = stage.spec("traceless").start("test_commands one");
    let (node, probe) = Probe::start(stage, bare)?;
    let one = Service::named(&probe, ".one")?;
    one.fails("LOGON .one", STATUS_FAILED, "set `logpath`")?;
    node.stop()?;
    log_flood(stage)
}

fn message_traces(stage: &Stage, node: &Node, probe: &Probe, one: &Service<'_>) -> Result<()> {
    stage.step("LOGON, LOGOFF: the messages of a service, in a file");
    let subject = Service::launched(probe, "test_commands subject")?;
    let send = |text: &str| {
        probe.call(".caller", &format!("SEND .subject 1 {text}"))?;
        // A request behind it: the message before was handled.
        subject.ask("SIGNALS")
    };
    send("before")?;
    one.gives_null(&format!("LOGON {}", subject.handle))?;
    send("during")?;
    one.gives_null("LOGOFF .subject")?;
    send("after")?;
    one.fails("LOGON .nobody", STATUS_NOT_FOUND, ".nobody")?;
    one.fails("LOGOFF .nobody", STATUS_NOT_FOUND, ".nobody")?;
    probe.kill(".subject")?;
    probe.wait_gone(&subject.handle)?;

    let name = format!("{}.log", subject.handle.trim_start_matches(':'));
    let path = node.folder().join("traces").join(name);
    let text = eventually("the end of the trace", PATIENCE, || {
        let text = read(&path)?;
        Ok(text.contains("close time: ").then_some(text))
    })?;
    ensure!(
        text.starts_with("open time: "),
        "the trace begins otherwise: {text}"
    );
    let caller = Service::named(probe, ".caller")?.handle;
    let is_message = |line: &&str| line.starts_with(&format!("{caller} {KIND_TEXT} 0 "));
    let messages: Vec<_> = text.lines().filter(is_message).collect();
    expect_eq("traced messages of the caller", messages.len(), 1)?;
    ensure!(messages[0].ends_with(&hex("during")), "found {messages:?}");
    let sets = text.lines().filter(|line| line.starts_with(':'));
    for line in sets {
        expect_eq("words of a line", line.split(' ').count(), 5)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("trace {}", path.display()))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn log_lines(stage: &Stage, node: &Node, one: &Service<'_>) -> Result<()> {
    stage.step("the log: levels, sources, and texts that try to look like more than one record");
    one.ask("LOG warn careful now")?;
    let line = node.wait_for_log("careful now", PATIENCE)?;
    let wanted = format!(" WARN  [{}] ", one.handle);
    ensure!(line.contains(&wanted), "the line {line:?} lacks {wanted:?}");
    let (date, _) = line.split_once(" WARN").unwrap_or_default();
    let shape: String = date
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    expect_eq(
        "the form of the time",
        shape,
        "0000-00-00 00:00:00.000".to_owned(),
    )?;

    one.ask("LOG info first\\n2026-11-21 04:45:00.123 ERROR [:00000001] forged\r\u{1b}[2J")?;
    let forged = node.wait_for_log("forged", PATIENCE)?;
    expect_eq(
        "the second line of a text",
        forged,
        "    2026-11-21 04:45:00.123 ERROR [:00000001] forged\\r\\u{1b}[2J".to_owned(),
    )?;
    let mark = node.log().mark();
    one.ask("LOG debug unheard")?;
    one.ask("LOG info heard")?;
    node.log().wait(mark, "heard", PATIENCE)?;
    ensure!(
        node.log().matching(mark, "unheard").is_empty(),
        "a debug line at level info"
    );
    Ok(())
}

/// How many records the log service's mailbox takes.
const LOG_MAILBOX: u64 = 65_536;

fn log_flood(stage: &Stage) -> Result<()> {
    stage.step("a log that nobody reads: records are lost and counted, and the node goes on");
    const LINES: u64 = 100_000;
    let pipe = stage.folder().join("log.pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).context("a named pipe")?;
    // With both ends in hand, opening waits for nobody.
    let reader = File::options().read(true).write(true).open(&pipe)?;
    let spec = stage
        .spec("flooding")
        .set("logger", pipe.display().to_string())
        .start("test_commands one");
    let node = stage.spawn(&probed(spec))?;
    let mut lines = BufReader::new(reader).lines();
    wait_for(&mut lines, "node flooding is ready")?;
    let probe = Probe::of(&node)?;
    let one = Service::named(&probe, ".one")?;
    one.ask(&format!("LOGS {LINES}"))?;
    let waiting = probe.stat(".logger", "mqlen")?;
    ensure!(
        waiting <= LOG_MAILBOX as f64 + 16.0,
        "the log holds {waiting} records"
    );
    ensure!(
        node.ctl(&["list"])?.contains("test_commands one"),
        "the node lacks its service"
    );

    let (mut came, mut lost) = (0, 0);
    loop {
        let line = lines.next().context("the log has ended")??;
        came += u64::from(line.contains(": line "));
        lost += lost_before(&line);
        if line.contains(&format!(": line {}", LOG_MAILBOX - 1)) {
            // There is room again: the next record tells, if no other has before.
            one.ask("LOG info after")?;
        }
        if line.ends_with(": after") {
            break;
        }
    }
    ensure!(lost > 0, "no record was lost");
    expect_eq("lines written and lost", came + lost, LINES)?;
    stage.detail(format!("{came} of {LINES} lines written, {lost} lost"));
    node.signal(rustix::process::Signal::TERM)?;
    wait_for(&mut lines, "node flooding has stopped")?;
    node.stop()
}

/// How many lost records a line tells of.
fn lost_before(line: &str) -> u64 {
    line.split_once("] (")
        .and_then(|(_, text)| text.split_once(" log records lost")?.0.parse().ok())
        .unwrap_or(0)
}

/// Reads up to a line that contains `pattern`.
fn wait_for(
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
    pattern: &str,
) -> Result<()> {
    for line in lines {
        if line?.contains(pattern) {
            return Ok(());
        }
    }
    bail!("the log has ended without {pattern:?}")
}
