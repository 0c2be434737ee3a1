//! Names, and who outside may reach what.

use anyhow::Result;

use crate::deadline::{eventually, expect_eq};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Site, expect_error};
use crate::scenario::net::as_handle;

/// The longest name, without its `@`.
const LONGEST: usize = 254;

pub(super) fn run(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    stage.step("names have one holder, and services one name");
    registers(one, two)?;
    stage.step("what is not exported is out of reach, unless everything is");
    exposed(one, two)?;
    everything(one, two)
}

fn registers(one: &Site, two: &Site) -> Result<()> {
    let other = two.probe.launch("test_cluster -")?;
    two.clusterd(&format!("register first {other}"))?;
    one.call("two", "@first", "ECHO 1")?;
    let taken = two.ask(&format!("CLUSTERD register svc {other}"))?;
    let text = [two.driver.as_str()];
    expect_error("a taken name", &taken, skynet_abi::REASON_REFUSED, &text)?;
    // The same again is no conflict.
    two.clusterd(&format!("register first {other}"))?;

    two.clusterd(&format!("register second {other}"))?;
    expect_eq(
        "the new name",
        one.call("two", "@second", "ECHO 2")?,
        "2".to_owned(),
    )?;
    let unknown = skynet_abi::REASON_UNKNOWN;
    expect_error(
        "the former name",
        &one.try_call("two", "@first", "ECHO")?,
        unknown,
        &[],
    )?;
    let found = two.clusterd("queryname second")?;
    expect_eq("the holder", as_handle(&found)?, other.clone())?;

    two.clusterd("unregister second")?;
    expect_error(
        "no name",
        &one.try_call("two", "@second", "ECHO")?,
        unknown,
        &[],
    )?;
    two.clusterd("unregister never")?;
    two.clusterd(&format!("register second {}", two.driver))?;
    expect_eq(
        "another holder",
        one.call("two", "@second", "SOURCE").map(|_| ())?,
        (),
    )?;
    two.clusterd(&format!("register svc {}", two.driver))?;

    let longest = "n".repeat(LONGEST);
    two.clusterd(&format!("register {longest} {other}"))?;
    let answer = one.call("two", &format!("@{longest}"), "ECHO long")?;
    expect_eq("a service with a long name", answer.as_str(), "long")?;
    let longer = "n".repeat(LONGEST + 1);
    let (failed, refused) = (skynet_abi::REASON_FAILED, skynet_abi::REASON_REFUSED);
    for (site, words, reason, most) in [
        (
            two,
            format!("CLUSTERD register {longer} {other}"),
            refused,
            "254",
        ),
        (one, format!("REQ two @{longer} 0 ECHO"), failed, "255"),
    ] {
        let answer = site.ask(&words)?;
        expect_error("a name that is too long", &answer, reason, &[most])?;
    }
    two.probe.kill(&other)
}

fn exposed(one: &Site, two: &Site) -> Result<()> {
    let hidden = two.probe.launch("test_cluster .hidden")?;
    let refused = |service: &str| -> Result<()> {
        let answer = one.try_call("two", service, "ECHO")?;
        let (reason, text) = (skynet_abi::REASON_REFUSED, ["cluster_expose"]);
        expect_error(service, &answer, reason, &text)
    };
    for service in [
        ".hidden",
        &hidden,
        &format!("={hidden}"),
        ".launcher",
        ".clusterd",
        "GLOBAL",
    ] {
        refused(service)?;
    }
    let (reason, text) = (skynet_abi::REASON_REFUSED, ["cluster_expose"]);
    let answer = one.ask("ACK two .hidden 0 hello")?;
    expect_error("a message", &answer, reason, &text)?;

    two.clusterd("export .hidden")?;
    one.call("two", ".hidden", "ECHO")?;
    two.clusterd("unexport .hidden")?;
    refused(".hidden")?;
    two.clusterd(&format!("export {hidden}"))?;
    one.call("two", &hidden, "ECHO")?;
    two.clusterd(&format!("unexport {hidden}"))?;
    refused(&hidden)?;
    two.clusterd(&format!("register shown {hidden}"))?;
    one.call("two", &hidden, "ECHO")?;
    two.probe.kill(&hidden)?;
    eventually("its name to be free", PATIENCE, || {
        Ok((two.clusterd("queryname shown")? == "nil").then_some(()))
    })
}

/// A second listener that keeps nothing back.
fn everything(one: &Site, two: &Site) -> Result<()> {
    let answer = two.clusterd("listen 0 {expose=all}")?;
    let (_, port) = answer.split_once(' ').unwrap_or_default();
    one.clusterd(&format!("reload {{open_two==127.0.0.1:{port}}}"))?;
    let hidden = two.probe.launch("test_cluster .hidden")?;
    for service in [".hidden", &hidden, &format!("={hidden}"), "@svc"] {
        one.call("open_two", service, "ECHO")?;
    }
    let unknown = skynet_abi::REASON_UNKNOWN;
    let answer = one.try_call("open_two", ".nobody", "ECHO")?;
    expect_error("a local name of nobody", &answer, unknown, &[])?;
    two.probe.kill(&hidden)?;
    two.probe.wait_gone(&hidden)?;
    let answer = one.try_call("open_two", &hidden, "ECHO")?;
    expect_error("a handle of nobody", &answer, unknown, &[])?;
    let answer = one.try_call("two", ".hidden", "ECHO")?;
    expect_error(
        "the other listener",
        &answer,
        skynet_abi::REASON_REFUSED,
        &[],
    )
}
