//! Every text command of Skynet, with the same parameters and results, and those of ours; then the control socket.

mod control;
mod traces;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use skynet_abi::{
    KIND_EXIT, KIND_RESPONSE, REASON_KILLED, REASON_NONE, STATUS_EXISTS, STATUS_FAILED,
    STATUS_INVALID, STATUS_NOT_FOUND, STATUS_UNSUPPORTED,
};

use super::Stage;
use super::probe::{Probe, figure};
use crate::deadline::expect_eq;
use crate::node::{Node, PATIENCE};

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    let spec = stage
        .spec("commands")
        .set("logpath", "traces")
        .set("own.key", "a value of its own")
        .start("test_commands one")
        .start("simpledb keys=2");
    let (node, probe) = Probe::start(stage, spec)?;
    let one = Service::named(&probe, ".one")?;
    let two = Service::launched(&probe, "test_commands two")?;

    names(stage, &probe, &one, &two)?;
    time(stage, &one)?;
    environment(stage, &node, &one)?;
    launches(stage, &node, &probe, &one)?;
    ends(stage, &probe, &one)?;
    figures(stage, &probe, &one)?;
    monitor(stage, &probe, &one)?;
    signals(stage, &probe, &one, &two)?;
    traces::run(stage, &node, &probe, &one)?;
    ours(stage, &one)?;
    launcher(stage, &probe, &one)?;
    database(stage, &one)?;
    control::run(stage, &node, &probe)?;
    node.stop()?;
    aborts(stage)
}

/// A service of `test_commands`.
pub(super) struct Service<'a> {
    probe: &'a Probe,
    /// `:0000000a`.
    pub(super) handle: String,
}

impl<'a> Service<'a> {
    pub(super) fn named(probe: &'a Probe, name: &str) -> Result<Self> {
        let handle = padded(&probe.command(&format!("QUERY {name}"))?)?;
        Ok(Self { probe, handle })
    }

    pub(super) fn launched(probe: &'a Probe, line: &str) -> Result<Self> {
        let handle = padded(&probe.launch(line)?)?;
        Ok(Self { probe, handle })
    }

    /// Has it do something; gives its answer.
    pub(super) fn ask(&self, request: &str) -> Result<String> {
        self.probe.call(&self.handle, request)
    }

    /// Runs a command that must have a result.
    pub(super) fn ok(&self, command: &str) -> Result<String> {
        let answer = self.ask(&format!("RUN {command}"))?;
        let text = answer.strip_prefix("ok ");
        text.map(str::to_owned)
            .with_context(|| format!("{command}: found {answer:?}, wanted a result"))
    }

    /// Runs a command that must have this result.
    pub(super) fn gives(&self, command: &str, expected: &str) -> Result<()> {
        expect_eq(command, self.ok(command)?, expected.to_owned())
    }

    /// Runs a command that must have no result, without being an error.
    pub(super) fn gives_null(&self, command: &str) -> Result<()> {
        let answer = self.ask(&format!("RUN {command}"))?;
        expect_eq(command, answer, "null".to_owned())
    }

    /// Runs a command that must fail with a status and a text that contains `part`.
    pub(super) fn fails(&self, command: &str, status: i32, part: &str) -> Result<()> {
        let answer = self.ask(&format!("RUN {command}"))?;
        ensure!(
            answer.starts_with(&format!("error {status} ")) && answer.contains(part),
            "{command}: found {answer:?}, wanted error {status} with {part:?}"
        );
        Ok(())
    }

    /// The messages that have come, once there are so many.
    fn seen(&self, count: usize) -> Result<Vec<String>> {
        let seen = self.ask(&format!("SEEN {count}"))?;
        Ok(seen.lines().map(str::to_owned).collect())
    }

    /// As the commands give it: `:a`.
    fn short(&self) -> String {
        let digits = self.handle.trim_start_matches(':').trim_start_matches('0');
        format!(":{digits}")
    }
}

/// `:a`, `:A` or `:0000000a` as `:0000000a`.
fn padded(handle: &str) -> Result<String> {
    let number = u32::from_str_radix(handle.trim_start_matches(':'), 16)
        .with_context(|| format!("{handle:?} is no handle"))?;
    Ok(format!(":{number:08x}"))
}

fn names(stage: &Stage, probe: &Probe, one: &Service<'_>, two: &Service<'_>) -> Result<()> {
    stage.step("REG, QUERY, NAME: a name belongs to one service, and goes with it");
    one.gives("REG", &one.short())?;
    one.gives("REG .alias", "alias")?;
    two.fails("REG .alias", STATUS_EXISTS, "belongs to")?;
    two.fails("REG alias", STATUS_FAILED, "Can't register global name")?;
    two.gives("QUERY .alias", &one.short())?;
    two.gives("QUERY .one", &one.short())?;
    two.gives_null("QUERY .nobody")?;
    two.gives_null("QUERY alias")?;
    one.gives(&format!("NAME .second {}", two.short()), "second")?;
    one.gives("QUERY .second", &two.short())?;
    one.fails(
        &format!("NAME .second {}", one.short()),
        STATUS_EXISTS,
        "belongs to",
    )?;
    one.fails("NAME .third :ffffff", STATUS_NOT_FOUND, ":00ffffff")?;
    one.fails("NAME .third", STATUS_INVALID, "NAME")?;

    let third = Service::launched(probe, "test_commands third")?;
    one.gives(&format!("NAME .more {}", third.handle), "more")?;
    probe.kill(".more")?;
    one.gives_null("QUERY .third")?;
    one.gives_null("QUERY .more")
}

fn time(stage: &Stage, one: &Service<'_>) -> Result<()> {
    stage.step(
        "TIMEOUT: answers come with their sessions, in order, and never early; STARTTIME and NOW",
    );
    let begin = Instant::now();
    one.ask("FORGET")?;
    let [late, soon, now, past] =
        ["TIMEOUT 20", "TIMEOUT 5", "TIMEOUT 0", "TIMEOUT -3"].map(|command| one.ok(command));
    let sessions = [now?, past?, soon?, late?];
    let wanted: Vec<_> = sessions
        .iter()
        .map(|session| format!("{KIND_RESPONSE} :00000000 {session} {REASON_NONE} "))
        .collect();
    expect_eq(
        "the first three answers",
        one.seen(3)?,
        wanted[..3].to_vec(),
    )?;
    ensure!(
        begin.elapsed() >= Duration::from_millis(50),
        "TIMEOUT 5 was early"
    );
    expect_eq("all answers", one.seen(4)?, wanted)?;
    ensure!(
        begin.elapsed() >= Duration::from_millis(200),
        "TIMEOUT 20 was early"
    );
    one.fails("TIMEOUT soon", STATUS_INVALID, "\"soon\"")?;

    let started: u64 = one.ok("STARTTIME")?.parse()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    ensure!(
        (now.saturating_sub(120)..=now).contains(&started),
        "the node says that it was started at {started}; it is {now}"
    );
    let earlier: u64 = one.ok("NOW")?.parse()?;
    let later: u64 = one.ok("NOW")?.parse()?;
    ensure!(earlier <= later, "NOW went back from {earlier} to {later}");
    Ok(())
}

fn environment(stage: &Stage, node: &Node, one: &Service<'_>) -> Result<()> {
    stage.step("GETENV, SETENV: an existing key is an error and stays as it is");
    one.gives("GETENV thread", "2")?;
    one.gives("GETENV own.key", "a value of its own")?;
    one.gives("GETENV name", node.name())?;
    one.gives_null("GETENV nothing")?;
    one.gives_null("SETENV greeting hello you  all ")?;
    one.gives("GETENV greeting", "hello you  all ")?;
    one.fails("SETENV greeting again", STATUS_EXISTS, "greeting")?;
    one.fails("SETENV thread 100", STATUS_EXISTS, "thread")?;
    one.gives("GETENV greeting", "hello you  all ")?;
    one.fails("SETENV alone", STATUS_INVALID, "SETENV")
}

fn launches(stage: &Stage, node: &Node, probe: &Probe, one: &Service<'_>) -> Result<()> {
    stage.step(
        "LAUNCH: the arguments end at the first line feed; a handle in capitals, or the reason",
    );
    let handle = one.ok("LAUNCH test_commands four\\nKILL .one")?;
    ensure!(
        handle.len() == 9 && handle == handle.to_uppercase(),
        "LAUNCH gave {handle:?}, wanted 8 capital digits behind a colon"
    );
    let four = Service::named(probe, ".four")?;
    expect_eq(
        "the launched service",
        padded(&handle)?,
        four.handle.clone(),
    )?;
    probe.kill(".four")?;
    let mark = node.log().mark();
    one.fails(
        "LAUNCH nothing at all",
        STATUS_FAILED,
        "no module `nothing`",
    )?;
    one.fails(
        "LAUNCH broken-create-fails",
        STATUS_FAILED,
        "the moon is full",
    )?;
    one.fails("LAUNCH ", STATUS_FAILED, "no module named")?;
    node.log()
        .wait(mark, "launch nothing at all FAILED", PATIENCE)?;
    Ok(())
}

fn ends(stage: &Stage, probe: &Probe, one: &Service<'_>) -> Result<()> {
    stage.step("EXIT, KILL: by handle and by name; what is none is an error");
    let leaver = Service::launched(probe, "test_commands leaver")?;
    leaver.gives_null("EXIT")?;
    probe.wait_gone(&leaver.handle)?;
    one.gives_null("QUERY .leaver")?;
    for address in ["handle", "name"] {
        let victim = Service::launched(probe, "test_commands victim")?;
        let address = if address == "name" {
            ".victim"
        } else {
            &victim.handle
        };
        one.gives_null(&format!("KILL {address}"))?;
        probe.wait_gone(&victim.handle)?;
    }
    one.fails("KILL .victim", STATUS_NOT_FOUND, ".victim")?;
    one.fails("KILL :ffffff", STATUS_NOT_FOUND, ":00ffffff")?;
    one.fails(
        "KILL somebody",
        STATUS_NOT_FOUND,
        "Can't convert somebody to handle",
    )
}

fn figures(stage: &Stage, probe: &Probe, one: &Service<'_>) -> Result<()> {
    stage.step("STAT: after load the figures have grown");
    const LOAD: u32 = 1000;
    let messages: u64 = one.ok("STAT message")?.parse()?;
    one.ask("FORGET")?;
    let sent = probe.call(".caller", &format!("SEND .one {LOAD} load"))?;
    ensure!(sent.contains(&format!("ok={LOAD} ")), "sent: {sent}");
    expect_eq(
        "what has come",
        one.seen(LOAD as usize)?.len(),
        LOAD as usize,
    )?;
    let now: u64 = one.ok("STAT message")?.parse()?;
    ensure!(
        now >= messages + u64::from(LOAD),
        "STAT message was {messages}, and is {now} after {LOAD} more"
    );
    let cpu: f64 = one.ok("STAT cpu")?.parse()?;
    ensure!(cpu > 0.0 && cpu < 60.0, "STAT cpu is {cpu}");
    let time: f64 = one.ok("STAT time")?.parse()?;
    ensure!((0.0..60.0).contains(&time), "STAT time is {time}");
    one.gives("STAT endless", "0")?;
    let _: u64 = one.ok("STAT mqlen")?.parse()?;
    one.gives("STAT nothing", "")?;
    let all = one.ok(&format!("STAT all {}", one.handle))?;
    let counted = figure(&all, "message", ':')?;
    ensure!(counted >= f64::from(LOAD), "STAT all: {all}");
    one.ask("FORGET").map(|_| ())
}

fn monitor(stage: &Stage, probe: &Probe, one: &Service<'_>) -> Result<()> {
    stage.step("MONITOR: hears of every end, with its reason");
    one.gives_null("MONITOR")?;
    one.fails("MONITOR .nobody", STATUS_NOT_FOUND, ".nobody")?;
    one.gives("MONITOR .one", &one.short())?;
    one.gives("MONITOR", &one.short())?;
    one.ask("FORGET")?;
    let killed = Service::launched(probe, "test_commands")?;
    probe.kill(&killed.handle)?;
    let exit =
        |service: &Service<'_>, reason| format!("{KIND_EXIT} {} 0 {reason} ", service.handle);
    let mut wanted = vec![exit(&killed, REASON_KILLED)];
    expect_eq("the end of the first", one.seen(1)?, wanted.clone())?;
    let left = Service::launched(probe, "test_commands")?;
    left.gives_null("EXIT")?;
    wanted.push(exit(&left, REASON_NONE));
    expect_eq("the ends of both", one.seen(2)?, wanted)
}

fn signals(stage: &Stage, probe: &Probe, one: &Service<'_>, two: &Service<'_>) -> Result<()> {
    stage.step("SIGNAL: reaches a service while it does not leave its turn, and ends its loop");
    one.gives_null(&format!("SIGNAL {} 3", two.handle))?;
    one.gives_null("SIGNAL .two")?;
    expect_eq("the signals", two.ask("SIGNALS")?, "[3, 0]".to_owned())?;
    let spinning = probe.begin(&two.handle, "SPIN")?;
    let spins = || Ok::<_, anyhow::Error>(probe.stat(&two.handle, "time")? > 0.0);
    crate::deadline::eventually("two to spin", PATIENCE, || Ok(spins()?.then_some(())))?;
    one.gives_null("SIGNAL .two 7")?;
    expect_eq(
        "the loop's end",
        spinning.reply(PATIENCE)?,
        "signalled 7".to_owned(),
    )?;
    one.fails("SIGNAL .two many", STATUS_INVALID, "many")?;
    one.fails("SIGNAL .nobody 1", STATUS_NOT_FOUND, ".nobody")
}

fn ours(stage: &Stage, one: &Service<'_>) -> Result<()> {
    stage.step("LIST, LOGLEVEL, SOCKETS, NODE, and commands that do not exist");
    let list = one.ok("LIST")?;
    for line in [
        format!("{}\t.alias,.one\ttest_commands one", one.handle),
        ":00000001\t.logger\t".to_owned(),
    ] {
        ensure!(list.contains(&line), "LIST lacks {line:?}: {list}");
    }
    one.gives("LOGLEVEL", "info")?;
    one.gives("LOGLEVEL debug", "debug")?;
    one.gives("LOGLEVEL info", "info")?;
    one.fails("LOGLEVEL loud", STATUS_INVALID, "loud")?;
    ensure!(
        one.ok("SOCKETS")?.contains("local:127.0.0.1:"),
        "SOCKETS lacks the probe's"
    );
    ensure!(
        figure(&one.ok("NODE")?, "services", ':')? >= 5.0,
        "NODE counts too few"
    );
    one.fails("FLY away", STATUS_UNSUPPORTED, "\"FLY\"")?;
    one.fails("reg", STATUS_UNSUPPORTED, "\"reg\"")
}

fn launcher(stage: &Stage, probe: &Probe, one: &Service<'_>) -> Result<()> {
    stage.step("the launcher keeps track of what it has launched");
    let ask = |words: &str| one.ask(&format!("PACKED .launcher {words}"));
    let number: u32 = ask("LAUNCH test_commands five")?.parse()?;
    let handle = format!(":{number:08x}");
    expect_eq(
        "the handle",
        Service::named(probe, ".five")?.handle,
        handle.clone(),
    )?;
    let list = ask("LIST")?;
    for entry in [
        format!("{handle}=test_commands five"),
        format!("{}=test_commands one", one.handle),
    ] {
        ensure!(list.contains(&entry), "LIST lacks {entry:?}: {list}");
    }
    let stat = ask("STAT")?;
    ensure!(
        stat.contains(&format!("{handle}={{calls=0, cpu=")),
        "STAT lacks {handle}: {stat}"
    );
    expect_eq(
        "KILL",
        ask("KILL .five")?,
        format!("{{{handle}=test_commands five}}"),
    )?;
    ensure!(
        !ask("LIST")?.contains(&handle),
        "LIST has one that was killed"
    );
    let fails = |words: &str, part: &str| {
        let answer = ask(words)?;
        ensure!(
            answer.starts_with("error ") && answer.contains(part),
            "{words}: found {answer:?}, wanted an error with {part:?}"
        );
        Ok(())
    };
    fails("KILL .five", ".five")?;
    fails("LAUNCH nothing", "no module `nothing`")?;
    fails("LAUNCH broken-never-ready fail", "could not start")?;
    fails("FLY", "FLY")
}

fn database(stage: &Stage, one: &Service<'_>) -> Result<()> {
    stage.step("simpledb keeps values, and says when it is full");
    let check = |words: &str, expected: &str| {
        expect_eq(
            words,
            one.ask(&format!("PACKED .simpledb {words}"))?,
            expected.to_owned(),
        )
    };
    check("GET a", "nil")?;
    check("SET a 1", "nil")?;
    check("SET a 2", "1")?;
    check("SET b 3", "nil")?;
    check("GET a", "2")?;
    check("KEYS", "{a, b}")?;
    let full = one.ask("PACKED .simpledb SET c 4")?;
    ensure!(
        full.contains("full: it holds 2 keys"),
        "a full store says {full:?}"
    );
    check("DEL a", "2")?;
    check("SET c 4", "nil")?;
    check("KEYS", "{b, c}")
}

fn aborts(stage: &Stage) -> Result<()> {
    stage.step("ABORT: ends the node, with a text as a failure");
    for (parameter, code, told) in [
        ("", 0, "a service asked for it"),
        ("the reactor leaks", 1, "the reactor leaks"),
    ] {
        let name = format!("aborted-{code}");
        let (mut node, probe) = Probe::start(stage, stage.spec(&name).start("test_commands one"))?;
        // The answer may be lost with the node.
        drop(
            probe
                .begin(".one", &format!("RUN ABORT {parameter}"))?
                .answer(PATIENCE),
        );
        expect_eq(
            "the exit code",
            node.wait_exit(PATIENCE)?.code(),
            Some(code),
        )?;
        node.wait_for_log(&format!("node {name} stops: {told}"), PATIENCE)?;
        node.wait_for_log(&format!("node {name} has stopped"), PATIENCE)?;
    }
    Ok(())
}
