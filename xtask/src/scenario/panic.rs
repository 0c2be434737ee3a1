//! Services that end in every way while others wait on them: each open call gets exactly one error, with a reason.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Stage;
use super::probe::{Asked, Probe, count};
use crate::deadline::{eventually, expect_eq, within};
use crate::node::{Node, PATIENCE};
use crate::say;

/// Who waits: so many callers with so many calls each.
const CALLERS: usize = 8;
const CALLS: u64 = 50;
const ALL: u64 = CALLERS as u64 * CALLS;

const FAILED: u32 = 1;
const PANICKED: u32 = 2;
const DEAD: u32 = 3;
const KILLED: u32 = 4;
const REFUSED: u32 = 6;
const TIMED_OUT: u32 = 7;
const DROPPED: u32 = 9;

/// How soon callers must learn that a killed service does not leave its callback.
const ABANDONED: Duration = Duration::from_secs(1);

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    let (node, probe) = Probe::start(stage, stage.spec("panic"))?;
    let crowd = Crowd::launch(&probe)?;
    panics(stage, &node, &crowd)?;
    silent(stage, &crowd)?;
    killed(stage, &crowd)?;
    chains(stage, &crowd)?;
    handlers(stage, &crowd)?;
    timeouts(stage, &crowd)?;
    requests_only(stage, &crowd)?;
    callers_killed(stage, &crowd)?;
    node.stop()?;
    killed_in_a_loop(stage)
}

/// Many callers.
struct Crowd<'a> {
    probe: &'a Probe,
    callers: Vec<String>,
}

/// Their calls, which have not ended.
struct Waiting(Vec<Asked>);

impl<'a> Crowd<'a> {
    fn launch(probe: &'a Probe) -> Result<Self> {
        let launch = |_| probe.launch("test-caller");
        Ok(Self {
            probe,
            callers: (0..CALLERS).map(launch).collect::<Result<_>>()?,
        })
    }

    /// Everybody calls.
    fn call(&self, callee: &str, timeout: u64, text: &str) -> Result<Waiting> {
        let line = format!("CALL {callee} {CALLS} {timeout} {text}");
        let begin = |caller: &String| self.probe.begin(caller, &line);
        Ok(Waiting(
            self.callers.iter().map(begin).collect::<Result<_>>()?,
        ))
    }

    /// Waits until so many calls are open.
    fn wait_open(&self, wanted: u64) -> Result<()> {
        eventually("the calls to be open", PATIENCE, || {
            let open = self
                .callers
                .iter()
                .map(|caller| self.probe.stat(caller, "calls"));
            let open: f64 = open.sum::<Result<f64>>()?;
            Ok((open as u64 == wanted).then_some(()))
        })
    }

    /// Waits until the callee has seen so many messages.
    fn wait_seen(&self, callee: &str, wanted: u64) -> Result<()> {
        eventually("the requests to be handled", PATIENCE, || {
            Ok((self.probe.stat(callee, "message")? as u64 >= wanted).then_some(()))
        })
    }

    /// Everybody calls `line`, which is launched for it and waits for all of them; then something happens to it.
    fn befalls(
        &self,
        line: &str,
        text: &str,
        happens: impl FnOnce(&str) -> Result<()>,
    ) -> Result<Waiting> {
        let callee = self.probe.launch(line)?;
        let waiting = self.call(&callee, 0, text)?;
        self.wait_seen(&callee, ALL)?;
        self.wait_open(ALL)?;
        happens(&callee)?;
        Ok(waiting)
    }
}

impl Waiting {
    /// Each call has ended with one error of that reason.
    fn all_fail(
        self,
        stage: &Stage,
        crowd: &Crowd<'_>,
        what: &str,
        reason: u32,
        part: &str,
    ) -> Result<()> {
        let (mut errors, mut example) = (0, String::new());
        for asked in self.0 {
            let outcome = asked.reply(PATIENCE)?;
            let refused = count(&outcome, "refused")?;
            errors += count(&outcome, "errors")?;
            ensure!(
                count(&outcome, "replies")? == 0 && count(&outcome, "twice")? == 0,
                "{what}: not each call ended with just an error: {outcome}"
            );
            ensure!(
                count(&outcome, "errors")? + refused == CALLS,
                "{what}: calls got lost: {outcome}"
            );
            // Calls that were made after it had ended are refused to begin with.
            errors += refused;
            let got_reason = refused == CALLS
                || outcome.contains(&format!("reasons={reason}:{} ", CALLS - refused));
            ensure!(got_reason, "{what}: wanted reason {reason}: {outcome}");
            let text = outcome.split_once("text=").map_or("", |(_, text)| text);
            ensure!(
                refused == CALLS || text.contains(part),
                "{what}: wanted {part:?}: {outcome}"
            );
            example = text.to_owned();
        }
        expect_eq(what, errors, ALL)?;
        crowd.wait_open(0)?;
        stage.detail(format!("{what}: {CALLERS} callers x {CALLS} calls, {errors} errors of reason {reason} {example:?}"));
        crowd.probe.call(".caller", "COMMAND NOW").map(|_| ())
    }

    /// Each call has been answered.
    fn all_succeed(self, what: &str) -> Result<()> {
        for asked in self.0 {
            let outcome = asked.reply(PATIENCE)?;
            expect_eq(what, count(&outcome, "replies")?, CALLS)?;
        }
        Ok(())
    }
}

fn panics(stage: &Stage, node: &Node, crowd: &Crowd<'_>) -> Result<()> {
    stage.step("a Rust service panics in the middle of a call");
    for (module, text, words) in [
        ("broken_panic_deliver", "PANIC", "panic in deliver"),
        ("broken_panic_deliver", "LATER", "panic in deliver, later"),
        ("broken_panic_deliver", "BOMB", ""),
        ("broken_panic_raw", "PANIC", "panic in raw deliver"),
    ] {
        let mark = node.log().mark();
        let callee = crowd.probe.launch(module)?;
        let waiting = crowd.call(&callee, 0, text)?;
        waiting.all_fail(stage, crowd, &format!("{module} {text}"), PANICKED, "")?;
        crowd.probe.wait_gone(&callee)?;
        if words.is_empty() {
            continue;
        }
        let line = node.log().wait(mark, words, PATIENCE)?;
        stage.detail(line.trim());
        node.log().wait(mark, "panics/src/lib.rs", PATIENCE)?;
        let frame = node.log().wait_for(mark, "a backtrace", PATIENCE, |line| {
            line.contains("broken_panics::")
                || line.contains("panic_or_echo")
                || line.contains("on_message")
        })?;
        stage.detail(format!("in its backtrace: {}", frame.trim()));
    }
    let stopping = crowd.probe.launch("broken_panic_release")?;
    crowd
        .call(&stopping, 0, "x")?
        .all_succeed("the calls of a service that will panic in its release")?;
    let mark = node.log().mark();
    crowd.probe.kill(&stopping)?;
    node.log()
        .wait(mark, "panic in release", PATIENCE)
        .map(|_| ())
}

fn silent(stage: &Stage, crowd: &Crowd<'_>) -> Result<()> {
    stage.step("a service ends without answering");
    for (text, reason, part) in [("EXIT", DEAD, ""), ("FAIL", FAILED, "gave up")] {
        let callee = crowd.probe.launch("broken-no-answer")?;
        let waiting = crowd.call(&callee, 0, text)?;
        waiting.all_fail(
            stage,
            crowd,
            &format!("a C service upon {text}"),
            reason,
            part,
        )?;
        crowd.probe.wait_gone(&callee)?;
    }
    let callee = crowd.probe.launch("test_handlers")?;
    crowd
        .call(&callee, 0, "EXIT")?
        .all_fail(stage, crowd, "a Rust service upon EXIT", DEAD, "")
}

fn killed(stage: &Stage, crowd: &Crowd<'_>) -> Result<()> {
    stage.step("a service is killed with requests open");
    let kill = |callee: &str| crowd.probe.kill(callee);
    let waiting = crowd.befalls("broken-no-answer", "?", kill)?;
    waiting.all_fail(stage, crowd, "a C service, killed", KILLED, "")?;
    let waiting = crowd.befalls("test_handlers", "HOLD", kill)?;
    waiting.all_fail(
        stage,
        crowd,
        "a Rust service with waiting tasks, killed",
        KILLED,
        "",
    )?;
    let waiting = crowd.befalls("test_handlers", "KEEP", kill)?;
    waiting.all_fail(
        stage,
        crowd,
        "a Rust service that keeps its requests, killed",
        KILLED,
        "",
    )?;
    let waiting = crowd.befalls("test_handlers", "FORGET", kill)?;
    waiting.all_fail(
        stage,
        crowd,
        "a Rust service that forgets its requests, killed",
        KILLED,
        "",
    )
}

fn killed_in_a_loop(stage: &Stage) -> Result<()> {
    stage.step("a service is killed while it loops for ever, with requests open");
    let spec = stage
        .spec("loop")
        .set("shutdown_grace", 1)
        .set("endless_limit", 30);
    let (mut node, probe) = Probe::start(stage, spec)?;
    let crowd = Crowd::launch(&probe)?;
    let stray = probe.node("stray_replies")?;
    for (what, first) in [
        ("a looping service", None),
        ("a chain that ends in a loop", Some("test-redirect")),
    ] {
        let callee = probe.launch("broken-endless")?;
        let door = match first {
            Some(_) => probe.launch(&format!("test_redirect {callee}"))?,
            None => callee.clone(),
        };
        let waiting = crowd.call(&door, 0, "LOOP")?;
        crowd.wait_open(ALL)?;
        eventually("the loop", PATIENCE, || {
            Ok((probe.stat(&callee, "time")? > 0.0).then_some(()))
        })?;
        if first.is_some() {
            crowd.wait_seen(&door, ALL)?;
        }
        let begin = Instant::now();
        probe.kill(&callee)?;
        waiting.all_fail(stage, &crowd, &format!("{what}, killed"), KILLED, "")?;
        within("until all of its callers knew", ABANDONED, begin.elapsed())?;
    }
    expect_eq("errors too many", probe.node("stray_replies")?, stray)?;
    let status = node.terminate(PATIENCE)?;
    say::detail(format!(
        "  the node with two endless loops ended with {status}"
    ));
    ensure!(
        status.code().is_some(),
        "the node did not end by itself: {status}"
    );
    Ok(())
}

fn chains(stage: &Stage, crowd: &Crowd<'_>) -> Result<()> {
    stage.step("requests are passed on from service to service, and the last one dies");
    let probe = crowd.probe;
    let last = probe.launch("broken-no-answer")?;
    let relay = probe.launch(&format!("test-relay {last}"))?;
    let forward = probe.launch(&format!("hello-forward {relay}"))?;
    let first = probe.launch(&format!("test_redirect {forward}"))?;
    let waiting = crowd.call(&first, 0, "?")?;
    crowd.wait_seen(&last, ALL)?;
    // Those in between may end: they owe nothing any more.
    for service in [&relay, &forward, &first] {
        probe.kill(service)?;
        probe.wait_gone(service)?;
    }
    crowd.wait_open(ALL)?;
    probe.kill(&last)?;
    waiting.all_fail(stage, crowd, "the last of four, killed", KILLED, "")?;

    let last = probe.launch("hello-c")?;
    let relay = probe.launch(&format!("test-relay {last}"))?;
    let first = probe.launch(&format!("test_redirect {relay}"))?;
    crowd
        .call(&first, 0, "?")?
        .all_succeed("calls through a chain")?;
    probe.kill(&last)?;
    probe.wait_gone(&last)?;
    let waiting = crowd.call(&first, 0, "?")?;
    waiting.all_fail(
        stage,
        crowd,
        "a chain whose last one was dead before",
        5,
        "",
    )?;

    let held = probe.launch("test_handlers")?;
    let first = probe.launch(&format!("test_redirect {held}"))?;
    let waiting = crowd.call(&first, 0, "PANIC")?;
    waiting.all_fail(
        stage,
        crowd,
        "a chain whose last one panics at each request",
        PANICKED,
        "",
    )
}

fn handlers(stage: &Stage, crowd: &Crowd<'_>) -> Result<()> {
    stage.step("handlers end without an answer");
    let callee = crowd.probe.launch("test_handlers")?;
    for (text, reason, part) in [
        ("DROP", DROPPED, ""),
        ("FAIL", FAILED, "it cannot be done"),
        ("REFUSE", REFUSED, "not for you"),
    ] {
        let waiting = crowd.call(&callee, 0, text)?;
        waiting.all_fail(
            stage,
            crowd,
            &format!("a handler upon {text}"),
            reason,
            part,
        )?;
    }
    crowd
        .call(&callee, 0, "hello")?
        .all_succeed("calls of a service whose handlers failed")
}

fn timeouts(stage: &Stage, crowd: &Crowd<'_>) -> Result<()> {
    stage.step("calls with time-outs");
    let probe = crowd.probe;
    let callee = probe.launch("test_handlers")?;
    let begin = Instant::now();
    let limit = Duration::from_millis(200);
    for text in ["HOLD", "FORGET"] {
        let waiting = crowd.call(&callee, 200, text)?;
        waiting.all_fail(
            stage,
            crowd,
            &format!("time-outs of a handler upon {text}"),
            TIMED_OUT,
            "",
        )?;
    }
    let taken = begin.elapsed() / 2;
    ensure!(
        taken >= limit,
        "the time-out of {limit:?} came after {taken:?}"
    );
    within("a time-out of 200 ms", Duration::from_millis(300), taken)?;

    // The answer comes all the same, and reaches nobody.
    let stray = probe.node("stray_replies")?;
    let hello = probe.launch("hello-c")?;
    let waiting = crowd.call(&hello, 50, "SLEEP 150")?;
    waiting.all_fail(
        stage,
        crowd,
        "answers that come after the time-out",
        TIMED_OUT,
        "",
    )?;
    eventually("the late answers", PATIENCE, || {
        Ok((probe.node("stray_replies")? == stray + ALL as f64).then_some(()))
    })?;
    // The time-out of a call that the caller's own handler makes becomes its own error.
    let asking = probe.launch("test_handlers")?;
    let waiting = crowd.call(&asking, 0, &format!("ASK {callee} 100 HOLD"))?;
    waiting.all_fail(
        stage,
        crowd,
        "callers of a handler whose own call times out",
        FAILED,
        "",
    )?;
    crowd
        .call(&callee, 1000, "hello")?
        .all_succeed("calls that are answered in time")
}

fn requests_only(stage: &Stage, crowd: &Crowd<'_>) -> Result<()> {
    stage.step("a service that ends its request only, when it panics, goes on");
    for module in ["broken_panic_request", "test_handlers"] {
        let callee = crowd.probe.launch(module)?;
        let waiting = crowd.call(&callee, 0, "PANIC")?;
        waiting.all_fail(
            stage,
            crowd,
            &format!("requests of {module} that panic"),
            PANICKED,
            "",
        )?;
        crowd
            .call(&callee, 0, "hello")?
            .all_succeed("requests after the panics")?;
        if module == "test_handlers" {
            expect_eq(
                "panics that it counted",
                crowd.probe.call(&callee, "COUNT")?,
                ALL.to_string(),
            )?;
        }
    }
    Ok(())
}

fn callers_killed(stage: &Stage, crowd: &Crowd<'_>) -> Result<()> {
    stage.step("callers are killed while they wait");
    let probe = crowd.probe;
    let callee = probe.launch("hello-c")?;
    let stray = probe.node("stray_replies")?;
    let other = Crowd::launch(probe)?;
    let waiting = other.call(&callee, 0, "SLEEP 200")?;
    other.wait_open(ALL)?;
    for caller in &other.callers {
        probe.kill(caller)?;
    }
    for asked in waiting.0 {
        asked
            .answer(PATIENCE)?
            .expect_error("who waits on a killed caller", KILLED, "")?;
    }
    // Its answers go nowhere, and it does not mind.
    expect_eq(
        "the callee",
        probe.call(&callee, "SLEEP 300")?,
        "slept".to_owned(),
    )?;
    expect_eq(
        "replies that reached somebody else",
        probe.node("stray_replies")?,
        stray,
    )
}
