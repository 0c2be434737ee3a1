//! One id lives and dies again and again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::deadline::{expect_eq, within};
use crate::node::PATIENCE;
use crate::say;
use crate::scenario::Stage;
use crate::scenario::net::{NET, Net, SLAVE, Site, all_up, as_handle};
use crate::scenario::probe::Answer;

/// Lives.
const ROUNDS: u32 = 200;
/// Handles of former lives that are still used.
const KEPT: usize = 5;
/// How soon a node that died and came back is ready, and linked: from the start of its process.
const JOINED: Duration = Duration::from_secs(1);
/// Messages that are on their way when a life ends.
const ON_THE_WAY: u32 = 50;

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step(format!(
        "{ROUNDS} lives of one id, each killed; handles and names of the former ones are used"
    ));
    let net = Net::new(stage)?;
    let one = net.start(&net.plan_standalone("l1", 1)?)?;
    let base = net.plan("l2", 2)?;
    let mut former: Vec<(u32, String)> = Vec::new();
    let mut waiting = None;
    let mut joins = Vec::new();
    for round in 1..=ROUNDS {
        let begin = Instant::now();
        let plan = base.clone().start(&format!("test_net .life {round}"));
        let two = net.start(&plan).with_context(|| format!("life {round}"))?;
        all_up(&[&one, &two])?;
        joins.push(begin.elapsed());
        let result = live(&one, &two, round, &mut former, waiting.take());
        result.with_context(|| format!("life {round}"))?;
        waiting = Some(die(&one, two, round)?);
    }
    joins.sort_unstable();
    let (half, most) = (joins[joins.len() / 2], joins[joins.len() - 1]);
    stage.detail(format!(
        "from start to linked: at most {}",
        say::duration(most)
    ));
    // A machine that is busy with other things starts some of so many processes late.
    within("half of the lives were linked", JOINED, half)
}

/// Everybody talks to this life, and nobody of a former one is mistaken for it.
fn live(
    one: &Site,
    two: &Site,
    round: u32,
    former: &mut Vec<(u32, String)>,
    waiting: Option<crate::scenario::probe::Asked>,
) -> Result<()> {
    let handle = as_handle(&two.lua(SLAVE, "QUERYNAME .life")?)?;
    // The same name in each life, and one of its own.
    for name in ["LIFE", &format!("LIFE{round}")] {
        two.lua(SLAVE, &format!("REGISTER {name} {handle}"))?;
    }
    let tag = format!("LIFE {round}");
    expect_eq("by handle", one.call(&handle, &tag)?, round.to_string())?;
    expect_eq("by name", one.call("LIFE", &tag)?, round.to_string())?;
    // What was asked by name when nobody had it is this life's to answer.
    if let Some(waiting) = waiting {
        match waiting.answer(PATIENCE)? {
            Answer::Reply(text) => {
                expect_eq("what waited for the name", text.as_str(), "who are you?")?
            }
            Answer::Error { .. } => {}
            other => anyhow::bail!("what waited for the name: {other:?}"),
        }
    }
    for (life, old) in former.iter().rev().take(KEPT) {
        ensure!(*old != handle, "life {life} had the same handle");
        one.probe.call(NET, &format!("SEND {old} LIFE {life}"))?;
        let answer = one
            .begin_call(old, &format!("LIFE {life}"))?
            .answer(PATIENCE)?;
        ensure!(
            matches!(answer, Answer::Error { .. }),
            "a call to life {life} was answered: {answer:?}"
        );
    }
    expect_eq("strays", two.call(&handle, "STRAYS")?, "0".to_owned())?;
    former.push((round, handle));
    Ok(())
}

/// The life ends in the midst of things. Returns a question to whoever has the name next.
fn die(one: &Site, mut two: Site, round: u32) -> Result<crate::scenario::probe::Asked> {
    let name = format!("LIFE{round}");
    for _ in 0..ON_THE_WAY {
        // As fast as they can be sent: some come, some do not.
        let _ = one.probe.begin(NET, &format!("SEND {name} LIFE {round}"))?;
    }
    let held = one.begin_call(&name, "HOLD")?;
    two.node.kill_hard()?;
    match held.answer(PATIENCE)? {
        Answer::Error { .. } => {}
        other => anyhow::bail!("a call to a life that has ended: {other:?}"),
    }
    one.begin_call("LIFE", "who are you?")
}
