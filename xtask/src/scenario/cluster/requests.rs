//! Calls, messages, proxies and errors between two nodes.

use anyhow::{Result, ensure};

use crate::deadline::{eventually, expect_eq};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Site, expect_counts, expect_error};
use crate::scenario::net::as_handle;

pub(super) fn run(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    stage.step("two nodes: calls, messages, proxies and errors, both ways");
    for (from, node, to) in [(one, "two", two), (two, "one", one)] {
        addresses(from, node, to)?;
        sends(from, node, to)?;
        fails(from, node, to)?;
        proxies(from, node, to)?;
    }
    channels(stage, one, two)
}

/// Every kind of name. What is no name is exported first.
fn addresses(from: &Site, node: &str, to: &Site) -> Result<()> {
    to.clusterd("export .cl")?;
    let values = "1 two true nil -1 4294967296";
    let text = format!("={}", to.driver);
    for service in ["@svc", ".cl", &to.driver, &text] {
        let answer = from.call(node, service, &format!("ECHO {values}"))?;
        expect_eq(service, answer.as_str(), values)?;
    }
    let found = from.tell(&format!(
        "LUA {} 0 query svc",
        as_handle(&from.clusterd(&format!("sender {node}"))?)?
    ))?;
    expect_eq("a query", as_handle(&found)?, to.driver.clone())?;
    let found = from.clusterd(&format!("query {node} svc"))?;
    expect_eq("a query by clusterd", as_handle(&found)?, to.driver.clone())?;
    to.clusterd("unexport .cl").map(|_| ())
}

fn sends(from: &Site, node: &str, to: &Site) -> Result<()> {
    let sender = as_handle(&from.clusterd(&format!("sender {node}"))?)?;
    for (what, word) in [("PUSH", "pushed"), ("ACK", "acknowledged")] {
        let answer = from.tell(&format!("{what} {node} @svc 0 {word} by {}", from.driver))?;
        expect_eq("an answer of the sender", answer.as_str(), "")?;
        if what == "ACK" {
            // It was in the mailbox before this question was.
            ensure!(to.tell("LAST")?.contains(word), "{word}");
        }
        eventually("the message to come", PATIENCE, || {
            Ok(to.tell("LAST")?.contains(word).then_some(()))
        })?;
    }
    // As services would that have no SDK, and one that does not want to know.
    from.clusterd(&format!("push {node} @svc [early]"))?;
    let answer = from.clusterd(&format!("req {node} @svc [ECHO,in_between]"))?;
    expect_eq("a call by clusterd", answer.as_str(), "in_between")?;
    ensure!(to.tell("LAST")?.contains("in_between"), "the order");
    from.tell(&format!("POST {sender} push @svc [late]"))?;
    eventually("a message that nobody waits for to come", PATIENCE, || {
        Ok(to.tell("LAST")?.contains("late").then_some(()))
    })
}

fn fails(from: &Site, node: &str, to: &Site) -> Result<()> {
    let ask = |service: &str, words: &str| from.try_call(node, service, words);
    let answer = ask("@svc", "FAIL for_good_reasons")?;
    let text = ["for_good_reasons"];
    expect_error(
        "a handler that fails",
        &answer,
        skynet_abi::REASON_FAILED,
        &text,
    )?;
    let unknown = skynet_abi::REASON_UNKNOWN;
    expect_error(
        "a name of nobody",
        &ask("@nobody", "ECHO")?,
        unknown,
        &["nobody"],
    )?;
    let answer = from.ask(&format!("ACK {node} @nobody 0 hello"))?;
    expect_error("a message to nobody", &answer, unknown, &["nobody"])?;
    let answer = from.ask(&format!("CLUSTERD query {node} nobody"))?;
    expect_error("a query for nobody", &answer, unknown, &["name not found"])?;

    let doomed = to.probe.launch("test_cluster -")?;
    to.clusterd(&format!("register doomed {doomed}"))?;
    let held = from.begin_call(node, "@doomed", "HOLD")?;
    eventually("the request to be held", PATIENCE, || {
        Ok((to.probe.call(&doomed, "HELD")? == "1").then_some(()))
    })?;
    to.probe.kill(&doomed)?;
    let answer = held.answer(PATIENCE)?;
    expect_error(
        "a service that is killed",
        &answer,
        skynet_abi::REASON_KILLED,
        &[],
    )?;
    to.probe.wait_gone(&doomed)?;
    // With its name.
    eventually("the name of a dead service to be free", PATIENCE, || {
        let found = to.clusterd("queryname doomed")?;
        Ok((found == "nil").then_some(()))
    })?;
    expect_error("its name", &ask("@doomed", "ECHO")?, unknown, &["doomed"])
}

/// Local services that stand for remote ones.
fn proxies(from: &Site, node: &str, to: &Site) -> Result<()> {
    let whole = from.clusterd(&format!("proxy {node}@svc"))?;
    let parts = from.clusterd(&format!("proxy {node} @svc"))?;
    expect_eq("one proxy", &whole, &parts)?;
    let proxy = as_handle(&whole)?;
    let answer = from.tell(&format!("LUA {proxy} 0 ECHO by proxy"))?;
    expect_eq("a call to a proxy", answer.as_str(), "by proxy")?;
    let failed = from.ask(&format!("LUA {proxy} 0 FAIL by_proxy"))?;
    expect_error("a proxy", &failed, skynet_abi::REASON_FAILED, &["by_proxy"])?;
    from.tell(&format!("POST {proxy} sent by proxy"))?;
    eventually("the message to come", PATIENCE, || {
        Ok(to.tell("LAST")?.contains("sent by proxy").then_some(()))
    })?;
    // Other services may use it as well.
    let other = from.probe.launch("test_cluster -")?;
    let answer = from
        .probe
        .call(&other, &format!("LUA {proxy} 0 ECHO me too"))?;
    expect_eq("a call of another one", answer.as_str(), "me too")?;

    to.clusterd("export .cl")?;
    let local = as_handle(&from.clusterd(&format!("proxy {node}.cl"))?)?;
    ensure!(local != proxy, "one proxy for two services");
    let answer = from.tell(&format!("LUA {local} 0 ECHO dot"))?;
    expect_eq("a proxy for a local name", answer.as_str(), "dot")?;
    to.clusterd("unexport .cl").map(|_| ())
}

/// Two names for one process: two connections.
fn channels(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    let before = two.services("clusteragent")?;
    let tokens = ["two", "two_too"].map(|node| one.begin(&format!("TOKENS {node} @svc 500 20")));
    for tokens in tokens {
        let report = tokens?.reply(PATIENCE)?;
        expect_counts(&report, &[("right", 500), ("failed", 0), ("wrong", 0)])?;
    }
    let agents = two.services("clusteragent")?;
    ensure!(
        one.clusterd("sender two")? != one.clusterd("sender two_too")?,
        "one sender for two names"
    );
    expect_eq("agents of two channels", agents, before + 1)?;
    stage.detail(format!("two names of one process: {agents} connections"));
    Ok(())
}
