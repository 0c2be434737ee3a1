//! Global names.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::deadline::{eventually, expect_eq};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{SLAVE, Site, as_handle, expect_reason};
use crate::scenario::probe::Answer;

/// A time that a question is given to find that there is no answer.
const MOMENT: Duration = Duration::from_millis(200);

/// `EARLY` was registered by the first one before the last one came.
pub(super) fn run(stage: &Stage, [one, two, three]: [&Site; 3]) -> Result<()> {
    stage.step("names from before and after joining, and those that are waited for");
    for site in [one, two, three] {
        expect_eq("EARLY", site.query("EARLY")?, one.net.clone())?;
        expect_eq("by name", site.call("EARLY", "hello")?, "hello".to_owned())?;
    }
    three.register("LATE")?;
    for site in [one, two, three] {
        expect_eq("LATE", site.query("LATE")?, three.net.clone())?;
    }
    waits(one, two, three)?;
    stage.step("a name has one holder, and can be given up and moved");
    conflicts(one, two, three)?;
    moves(one, two, three)?;
    local(one)
}

/// Questions and calls that wait until somebody registers.
fn waits(one: &Site, two: &Site, three: &Site) -> Result<()> {
    let asked = [one, two, three].map(|site| site.begin_lua(SLAVE, None, "QUERYNAME SOON"));
    let called = [one, two, three].map(|site| site.begin_call("SOON", "was it long?"));
    let never = one.ask(SLAVE, Some(MOMENT), "QUERYNAME NEVER")?;
    expect_reason(
        "a name that nobody has",
        &never,
        skynet_abi::REASON_TIMED_OUT,
    )?;
    two.register("SOON")?;
    for asked in asked {
        let handle = as_handle(&asked?.reply(PATIENCE)?)?;
        expect_eq("SOON", handle, two.net.clone())?;
    }
    for called in called {
        let answer = called?.reply(PATIENCE)?;
        expect_eq("a call that waited", answer.as_str(), "was it long?")?;
    }
    Ok(())
}

fn conflicts(one: &Site, two: &Site, three: &Site) -> Result<()> {
    // The same again is no conflict.
    one.register("EARLY")?;
    for site in [two, three] {
        let words = format!("REGISTER EARLY {}", site.net);
        let answer = site.ask(SLAVE, None, &words)?;
        let Answer::Error { text, .. } = &answer else {
            anyhow::bail!("a second holder: {answer:?}");
        };
        ensure!(text.contains(&one.net), "the holder is not told: {text}");
    }
    for site in [one, two, three] {
        expect_eq("EARLY", site.query("EARLY")?, one.net.clone())?;
    }
    Ok(())
}

fn moves(one: &Site, two: &Site, three: &Site) -> Result<()> {
    two.lua(SLAVE, &format!("MOVE EARLY {}", two.net))?;
    for site in [one, two, three] {
        eventually("EARLY to be moved", PATIENCE, || {
            Ok((site.query("EARLY")? == two.net).then_some(()))
        })?;
    }
    two.lua(SLAVE, "UNREGISTER EARLY")?;
    for site in [one, two, three] {
        eventually("EARLY to be nobody's", PATIENCE, || {
            let answer = site.ask(SLAVE, Some(MOMENT), "QUERYNAME EARLY")?;
            Ok(matches!(answer, Answer::Error { reason, .. } if reason == skynet_abi::REASON_TIMED_OUT).then_some(()))
        })?;
    }
    three.register("EARLY")?;
    expect_eq("EARLY", one.query("EARLY")?, three.net.clone())
}

/// Names with a dot are the node's own.
fn local(one: &Site) -> Result<()> {
    expect_eq("a local name", one.query(".net")?, one.net.clone())?;
    expect_eq(
        "a local name of nobody",
        one.lua(SLAVE, "QUERYNAME .nobody")?,
        "nil".to_owned(),
    )
}
