//! Calls, messages, errors and requests that are passed on, between nodes.

use anyhow::{Context, Result, ensure};

use crate::deadline::{eventually, expect_eq};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{NET, Site, expect_reason};
use crate::scenario::probe::Answer;

/// Everything that `from` can do with `to`, and with `to` passing on to `third`.
pub(super) fn between(stage: &Stage, from: &Site, to: &Site, third: &Site) -> Result<()> {
    stage.detail(format!("{} with {} and {}", from.id, to.id, third.id));
    expect_eq("a call", from.call(&to.net, "hello")?, "hello".to_owned())?;
    expect_eq("an empty call", from.call(&to.net, "")?, String::new())?;
    let values = from.lua(&to.net, "ECHO 1 two true nil -1 4294967296")?;
    expect_eq("values", values.as_str(), "1 two true nil -1 4294967296")?;
    sends(from, to)?;
    fails(from, to)?;
    passes_on(from, to, third)?;
    let tokens = from
        .probe
        .call(NET, &format!("TOKENS {} 500 100 many", to.net))?;
    ensure!(tokens.starts_with("right=500 failed=0 wrong=0"), "{tokens}");
    Ok(())
}

fn sends(from: &Site, to: &Site) -> Result<()> {
    let text = format!("a word from {}", from.id);
    from.probe.call(NET, &format!("POST {} {text}", to.net))?;
    eventually("the message to come", PATIENCE, || {
        let last = to.probe.call(NET, "LAST 10")?;
        Ok(last.starts_with(&format!("{} 0 ", from.net)).then_some(()))
    })
}

fn fails(from: &Site, to: &Site) -> Result<()> {
    let ask = |address: &str, text: &str| from.probe.ask(NET, &format!("CALL {address} 0 {text}"));
    ask(&to.net, "FAIL for good reasons")?.expect_error(
        "a handler that fails",
        skynet_abi::REASON_FAILED,
        "for good reasons",
    )?;
    let nobody = format!("{}ffffff", &to.net[..3]);
    expect_reason(
        "a service that is not there",
        &ask(&nobody, "hello")?,
        skynet_abi::REASON_UNKNOWN,
    )?;
    let doomed = to.launch("test_net -")?;
    let held = from.begin_call(&doomed, "HOLD")?;
    eventually("the request to be held", PATIENCE, || {
        Ok((to.call(&doomed, "HELD")? == "1").then_some(()))
    })?;
    to.probe.kill(&doomed)?;
    expect_reason(
        "a service that is killed",
        &held.answer(PATIENCE)?,
        skynet_abi::REASON_KILLED,
    )
}

/// The third one answers what it got from the second one, to the first one.
fn passes_on(from: &Site, to: &Site, third: &Site) -> Result<()> {
    let text = format!("PASS {} further", third.net);
    expect_eq("a call that is passed on", from.call(&to.net, &text)?, text)?;
    let text = format!("PASS {} FAIL", third.net);
    expect_eq("another", from.call(&to.net, &text)?, text)?;

    let doomed = third.launch("test_net -")?;
    let relay = to.launch(&format!("test_relay {doomed}"))?;
    let held = from.begin_call(&relay, "HOLD")?;
    eventually("the request to be held", PATIENCE, || {
        Ok((third.call(&doomed, "HELD")? == "1").then_some(()))
    })?;
    third.probe.kill(&doomed)?;
    let answer = held.answer(PATIENCE)?;
    expect_reason(
        "a service behind another",
        &answer,
        skynet_abi::REASON_KILLED,
    )?;
    let gone = from.probe.ask(NET, &format!("CALL {relay} 0 hello"))?;
    ensure!(
        matches!(gone, Answer::Error { .. }),
        "a service behind another that is gone: {gone:?}"
    );
    to.probe.kill(&relay).context("the relay")
}
