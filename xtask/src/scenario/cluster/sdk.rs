//! What the SDK offers of a cluster, with its typed errors.

use anyhow::{Result, ensure};

use crate::client::fixed_address;
use crate::deadline::{eventually, expect_eq};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Site, expect_counts, expect_error};

/// Messages of one source, before it knows the sender.
const MESSAGES: u64 = 1000;

pub(super) fn run(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    stage.step("the same by the SDK, with its errors");
    requests(one, two)?;
    errors(one, two)?;
    names(one, two)?;
    nodes(one, two)?;
    order(stage, one, two)
}

fn sdk(site: &Site, words: &str) -> Result<String> {
    site.tell(&format!("SDK {words}"))
}

fn requests(one: &Site, two: &Site) -> Result<()> {
    sdk(two, "EXPORT .cl")?;
    for service in ["@svc", ".cl", &two.driver] {
        let answer = sdk(one, &format!("CALL two {service} 0 ECHO 1 two true nil"))?;
        expect_eq(service, answer.as_str(), "1 two true nil")?;
    }
    sdk(two, "UNEXPORT .cl")?;
    let answer = sdk(one, "CALL two @svc 5000 ECHO in time")?;
    expect_eq("a call with a limit", answer.as_str(), "in time")?;
    sdk(one, "ACK two @svc acknowledged by the SDK")?;
    ensure!(
        two.tell("LAST")?.contains("acknowledged by the SDK"),
        "it was not there"
    );
    sdk(one, "SEND two @svc sent by the SDK")?;
    eventually("the message to come", PATIENCE, || {
        Ok(two.tell("LAST")?.contains("sent by the SDK").then_some(()))
    })?;
    expect_eq("a query", sdk(one, "QUERY two svc")?, two.driver.clone())?;
    let proxy = sdk(one, "PROXY two @svc")?;
    let answer = one.tell(&format!("LUA {proxy} 0 ECHO by proxy"))?;
    expect_eq("a proxy", answer.as_str(), "by proxy")?;
    let traced = sdk(one, "TRACED 7f CALL two @svc 0 TRACE")?;
    ensure!(traced != "0", "the trace was lost");
    Ok(())
}

fn errors(one: &Site, two: &Site) -> Result<()> {
    use skynet_abi as abi;
    two.wait_held(0)?;
    for (words, reason, variant) in [
        (
            "CALL two @svc 0 FAIL on_purpose",
            abi::REASON_FAILED,
            "Failed: ",
        ),
        (
            "CALL two @svc 200 HOLD",
            abi::REASON_TIMED_OUT,
            "TimedOut: ",
        ),
        (
            "CALL two @nobody 0 ECHO",
            abi::REASON_UNKNOWN,
            "UnknownService: ",
        ),
        (
            "ACK two @nobody hello",
            abi::REASON_UNKNOWN,
            "UnknownService: ",
        ),
        ("QUERY two nobody", abi::REASON_UNKNOWN, "UnknownService: "),
        (
            "CALL two .launcher 0 LIST",
            abi::REASON_REFUSED,
            "Refused: ",
        ),
        (
            "CALL nowhere @svc 200 ECHO",
            abi::REASON_TIMED_OUT,
            "TimedOut: ",
        ),
        ("OPEN nowhere", abi::REASON_UNKNOWN, ""),
    ] {
        let answer = one.ask(&format!("SDK {words}"))?;
        expect_error(words, &answer, reason, &[variant])?;
    }
    two.tell("RELEASE")?;
    let doomed = two.probe.launch("test_cluster -")?;
    sdk(two, &format!("REGISTER doomed {doomed}"))?;
    let held = one.begin("SDK CALL two @doomed 0 HOLD")?;
    eventually("the call to be held", PATIENCE, || {
        Ok((two.probe.call(&doomed, "HELD")? == "1").then_some(()))
    })?;
    two.probe.kill(&doomed)?;
    let answer = held.answer(PATIENCE)?;
    expect_error("a dead service", &answer, abi::REASON_DEAD, &["Dead: "])
}

fn names(one: &Site, two: &Site) -> Result<()> {
    let other = two.probe.launch("test_cluster -")?;
    sdk(two, &format!("REGISTER sdk {other}"))?;
    sdk(one, "CALL two @sdk 0 ECHO")?;
    let taken = two.ask(&format!("SDK REGISTER sdk {}", two.driver))?;
    let parts = ["Taken: ", other.as_str()];
    expect_error("a taken name", &taken, skynet_abi::REASON_REFUSED, &parts)?;
    sdk(two, "UNREGISTER sdk")?;
    let gone = one.ask("SDK CALL two @sdk 0 ECHO")?;
    expect_error(
        "no name",
        &gone,
        skynet_abi::REASON_UNKNOWN,
        &["UnknownService: "],
    )?;
    two.probe.kill(&other)
}

fn nodes(one: &Site, two: &Site) -> Result<()> {
    // A second door.
    let more = fixed_address()?;
    sdk(two, &format!("OPEN {more}"))?;
    sdk(one, &format!("UPDATE {{door={more}}}"))?;
    sdk(one, "CALL door @svc 0 ECHO")?;
    let nodes = sdk(one, "NODES")?;
    for part in [
        format!("door={more},Up,ours=true"),
        format!("two={},Up", two.address),
    ] {
        ensure!(nodes.contains(&part), "{part} is not in {nodes}");
    }
    // Who has come in stays; nobody else comes in.
    sdk(two, &format!("CLOSE {more}"))?;
    sdk(one, "CALL door @svc 0 ECHO")?;
    sdk(one, "UPDATE {door=false}")?;
    let down = one.ask("SDK CALL door @svc 0 ECHO")?;
    let lost = skynet_abi::REASON_NODE_LOST;
    expect_error("a node that is down", &down, lost, &["NodeLost: "])?;
    sdk(one, &format!("UPDATE {{door={more}}}"))?;
    let closed = one.ask("SDK CALL door @svc 0 ECHO")?;
    expect_error("a closed door", &closed, lost, &["NodeLost: "])?;
    let opened = sdk(two, "OPEN 0")?;
    let port = opened.rsplit(' ').next().unwrap_or_default();
    sdk(one, &format!("UPDATE {{door==127.0.0.1:{port}}}"))?;
    sdk(one, "CALL door @svc 0 ECHO").map(|_| ())
}

/// Sources that have never sent anything, so that all of it begins while the sender is not known yet.
fn order(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    for stream in ["sdk_first", "sdk_second"] {
        let source = one.probe.launch("test_cluster -")?;
        let order = format!("SDK ORDER two @svc {stream} {MESSAGES}");
        expect_eq("lost", one.probe.call(&source, &order)?, "0".to_owned())?;
        let seen = two.tell(&format!("SEEN {stream}"))?;
        let wanted = [("wrong", 0), ("missed", 0), ("count", MESSAGES)];
        expect_counts(&seen, &wanted)?;
    }
    stage.detail(format!(
        "{MESSAGES} futures of one service kept their order"
    ));
    Ok(())
}
