//! A node is killed while very many wait for it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::DEAD;
use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{NODE_LOST, Net, SLAVE, Site, all_up, expect_reason};
use crate::scenario::probe::{Answer, Asked, count};

/// Calls that wait.
pub(super) const PENDING: u64 = 1000;
/// How soon a call fails to a node that is known to be gone.
const AT_ONCE: Duration = Duration::from_millis(100);
/// How long a new node waits for others: `harbor_wait`.
const WAIT: Duration = Duration::from_secs(5);
/// Long enough to see that a name is nobody's.
const MOMENT: Duration = Duration::from_millis(200);

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step(format!("a node is killed with {PENDING} calls pending"));
    let net = Net::new(stage)?;
    let mut sites = net.of(3)?;
    let [one, two, three] = sites.as_mut_slice() else {
        anyhow::bail!("three nodes");
    };
    all_up(&[one, two, three])?;
    three.register("DOOMED")?;
    ensure!(one.call("DOOMED", "hello")? == "hello", "by name");

    let pending = begin_calls(one, three)?;
    // Others wait for it behind somebody else, or by its name.
    let relay = one.launch(&format!("test_relay {}", three.net))?;
    let behind = two.begin_call(&relay, "HOLD")?;
    let by_name = two.begin_call("DOOMED", "HOLD")?;
    let link = two.begin_lua(SLAVE, None, "LINK 3")?;
    wait_held(three, PENDING + 2)?;

    let begin = Instant::now();
    three.node.kill_hard()?;
    expect_lost(&pending.reply(PATIENCE)?)?;
    within(&format!("{PENDING} calls failed"), DEAD, begin.elapsed())?;
    for (what, asked) in [("behind another", behind), ("by name", by_name)] {
        expect_reason(what, &asked.answer(PATIENCE)?, NODE_LOST)?;
    }
    link.reply(PATIENCE)?;
    within("all of it was told everywhere", DEAD, begin.elapsed())?;

    let begin = Instant::now();
    for site in [&*one, &*two] {
        let answer = site.begin_call(&three.net, "hello")?.answer(PATIENCE)?;
        expect_reason("a call to the dead node", &answer, NODE_LOST)?;
    }
    within("calls to a dead node failed", AT_ONCE, begin.elapsed())?;
    names(one, two)?;
    nobody(one)
}

/// The names of a dead node are free.
fn names(one: &Site, two: &Site) -> Result<()> {
    for site in [one, two] {
        eventually("DOOMED to be nobody's", PATIENCE, || {
            let answer = site.ask(SLAVE, Some(MOMENT), "QUERYNAME DOOMED")?;
            let is_free = matches!(answer, Answer::Error { reason, .. } if reason == skynet_abi::REASON_TIMED_OUT);
            Ok(is_free.then_some(()))
        })?;
    }
    two.register("DOOMED")?;
    expect_eq("the new holder", one.query("DOOMED")?, two.net.clone())
}

/// An id that nobody holds. At first somebody might still come.
fn nobody(one: &Site) -> Result<()> {
    for (what, promised) in [("the first", WAIT), ("another", AT_ONCE)] {
        let begin = Instant::now();
        let answer = one.begin_call(":c8000001", "hello")?.answer(PATIENCE)?;
        expect_reason("a call to an id of nobody", &answer, NODE_LOST)?;
        within(
            &format!("{what} call to an id of nobody failed"),
            promised,
            begin.elapsed(),
        )?;
    }
    Ok(())
}

/// Calls that are not answered.
pub(super) fn begin_calls(from: &Site, to: &Site) -> Result<Asked> {
    from.probe
        .begin(".caller", &format!("CALL {} {PENDING} 0 HOLD", to.net))
}

/// Waits until so many requests have come to a site and are held there.
pub(super) fn wait_held(site: &Site, count: u64) -> Result<()> {
    eventually("requests to be held", PATIENCE, || {
        let held: u64 = site.probe.call(".net", "HELD")?.parse()?;
        Ok((held >= count).then_some(()))
    })
}

/// All of them failed, once, because a node was lost.
pub(super) fn expect_lost(line: &str) -> Result<()> {
    expect_eq("errors", count(line, "errors")?, PENDING)?;
    expect_eq("answers that came twice", count(line, "twice")?, 0)?;
    let reasons = format!("reasons={NODE_LOST}:{PENDING} ");
    ensure!(line.contains(&reasons), "for other reasons: {line}");
    Ok(())
}
