//! Links that are cut, with and without a word, under load.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::SILENT;
use super::kill::{PENDING, begin_calls, expect_lost, wait_held};
use super::wires::{self, Wires};
use crate::client::PATIENCE as SHORT;
use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::proxy::{Cut, Proxy, Traffic, Way};
use crate::scenario::Stage;
use crate::scenario::net::{NET, NODE_LOST, Net, SLAVE, Site, all_up, expect_reason};
use crate::scenario::probe::{Asked, count};

/// How soon a link that was cut between two that live is there again.
const RELINKED: Duration = Duration::from_secs(1);
/// Cuts under load.
const CUTS: u64 = 12;
/// Messages of each pair between two cuts.
const SHARE: u64 = 2000;
/// Bytes of the largest.
const MOST: u64 = 65_536;
/// Messages that the first node keeps for another one at most.
const QUEUE: i64 = 10_000;
/// Messages that do not all fit in there.
const FLOOD: u64 = 4 * QUEUE as u64;
/// Calls of each node beside them.
const CALLS: u64 = 300;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let net = Net::new(stage)?;
    let one = net.plan_standalone("c1", 1)?.set("harbor_queue", QUEUE);
    let one = net.start(&one)?;
    let (two, wire) = wires::start(&net, net.plan("c2", 2)?)?;
    let (three, other_wire) = wires::start(&net, net.plan("c3", 3)?)?;
    let sites = [&one, &two, &three];
    all_up(&sites)?;
    ensure!(
        wire.peers.traffic()?.open == 1,
        "the link is not where it should be"
    );
    under_load(stage, sites, [&wire, &other_wire])?;
    silent(stage, sites, &wire)?;
    slow(stage, &one, &two, &wire)?;
    full(stage, &one, &two, &wire)
}

/// Numbered messages from one service to another, in rounds.
struct Stream<'a> {
    from: &'a Site,
    source: String,
    /// Where the source sends them.
    address: String,
    to: &'a Site,
    sink: String,
    seed: u64,
}

impl<'a> Stream<'a> {
    /// Through a relay on another site, if there is one.
    fn new(from: &'a Site, over: Option<&Site>, to: &'a Site, seed: u64) -> Result<Self> {
        let (source, sink) = (from.launch("test_source")?, to.launch("test_sink")?);
        let address = match over {
            Some(over) => over.launch(&format!("test_relay {sink}"))?,
            None => sink.clone(),
        };
        let expect = format!("EXPECT {source} {seed} {MOST}");
        to.probe.call(&sink, &expect)?;
        Ok(Self {
            from,
            source,
            address,
            to,
            sink,
            seed,
        })
    }

    fn begin(&self, count: u64) -> Result<Asked> {
        let Self { address, seed, .. } = self;
        let run = format!("RUN {address} {count} {seed} {MOST}");
        self.from.probe.begin(&self.source, &run)
    }

    /// All that was sent has come, once and in order.
    fn check(&self, count_sent: u64) -> Result<()> {
        let seen = eventually("everything to come", PATIENCE, || {
            let seen = self.to.probe.call(&self.sink, "SEEN")?;
            ensure!(count(&seen, "wrong")? == 0, "a sink saw {seen}");
            Ok((count(&seen, "count")? >= count_sent).then_some(seen))
        })?;
        expect_eq("messages", count(&seen, "count")?, count_sent)
    }
}

/// Links are cut again and again, each time in the midst of a frame.
fn under_load(stage: &Stage, [one, two, three]: [&Site; 3], wires: [&Wires; 2]) -> Result<()> {
    stage.step(format!("links are cut {CUTS} times under load"));
    let mut streams = Vec::new();
    for (seed, (from, over, to)) in [
        (one, None, two),
        (two, None, one),
        (two, None, three),
        (three, None, one),
        (one, Some(two), three),
        (three, Some(two), one),
    ]
    .into_iter()
    .enumerate()
    {
        streams.push(Stream::new(from, over, to, seed as u64)?);
    }
    let mut worst = Duration::ZERO;
    for cut in 0..CUTS {
        let proxy = &wires[(cut % 2) as usize].peers;
        let before = prepare(proxy, cut)?;
        let runs = streams
            .iter()
            .map(|stream| stream.begin(SHARE))
            .collect::<Result<Vec<_>>>()?;
        let tokens = [(one, two, three), (three, two, one), (two, one, three)];
        let tokens = tokens.map(|(from, to, last)| {
            let request = format!("TOKENS {} {CALLS} 50 PASS {}", to.net, last.net);
            from.probe.begin(NET, &request)
        });
        worst = worst.max(see_cut(proxy, before)?);
        for run in runs {
            let sent = run.reply(PATIENCE).context("a source")?;
            expect_eq("messages refused", count(&sent, "refused")?, 0)?;
        }
        for tokens in tokens {
            let answer = tokens?.reply(PATIENCE)?;
            let all = format!("right={CALLS} failed=0 wrong=0");
            ensure!(
                answer.starts_with(&all),
                "calls that are passed on: {answer}"
            );
        }
    }
    within("a link was there again, the longest", RELINKED, worst)?;
    for stream in &streams {
        stream.check(CUTS * SHARE)?;
    }
    for site in [one, two, three] {
        for (id, line) in site.nodes()? {
            let dropped = line.get("dropped").map(String::as_str);
            ensure!(
                matches!(dropped, None | Some("0")),
                "{id} of {}: {line:?}",
                site.id
            );
        }
    }
    let reconnects = one.figure(2, "reconnects")?
        + one.figure(3, "reconnects")?
        + two.figure(3, "reconnects")?;
    ensure!(reconnects >= CUTS, "only {reconnects} reconnects");
    stage.detail(format!(
        "{} messages and {} calls came once each and in order; {reconnects} reconnects",
        streams.len() as u64 * CUTS * SHARE,
        3 * CUTS * CALLS,
    ));
    Ok(())
}

/// Has the next bytes bring a cut about: before they are sent, so that there are enough of them.
fn prepare(proxy: &Proxy, number: u64) -> Result<Traffic> {
    let how = if number.is_multiple_of(3) {
        Cut::Fin
    } else {
        Cut::Reset
    };
    let way = if number % 4 < 2 {
        Way::Forth
    } else {
        Way::Back
    };
    proxy.chop(number.is_multiple_of(4).then_some(number))?;
    proxy.cut_after(way, 10_007 * (number + 1), how)?;
    proxy.traffic()
}

/// Returns how long there was no link.
fn see_cut(proxy: &Proxy, before: Traffic) -> Result<Duration> {
    eventually("the cut", PATIENCE, || {
        let now = proxy.traffic()?;
        // Or it is there again already.
        Ok((now.open < before.open || now.accepted > before.accepted).then_some(()))
    })?;
    let begin = Instant::now();
    proxy.wait_open(before.open, SHORT)?;
    proxy.chop(None)?;
    Ok(begin.elapsed())
}

/// Nothing passes any more, and nobody is told.
fn silent(stage: &Stage, [one, two, three]: [&Site; 3], wire: &Wires) -> Result<()> {
    stage.step(format!(
        "a link is cut without a word, with {PENDING} calls pending each way"
    ));
    let pending = [begin_calls(one, two)?, begin_calls(two, one)?];
    wait_held(one, PENDING)?;
    wait_held(two, PENDING)?;
    let links = [
        one.begin_lua(SLAVE, None, "LINK 2")?,
        two.begin_lua(SLAVE, None, "LINK 1")?,
    ];
    let begin = Instant::now();
    wire.peers.silence()?;
    for pending in pending {
        expect_lost(&pending.reply(PATIENCE)?)?;
    }
    for link in links {
        link.reply(PATIENCE)?;
    }
    within("both sides knew", SILENT, begin.elapsed())?;
    for (from, to) in [(one, two), (two, one)] {
        let answer = from.begin_call(&to.net, "hello")?.answer(PATIENCE)?;
        expect_reason("a call over the cut link", &answer, NODE_LOST)?;
    }
    for site in [one, two] {
        ensure!(
            site.call(&three.net, "others")? == "others",
            "the other links"
        );
    }
    let begin = Instant::now();
    wire.peers.resume()?;
    all_up(&[one, two])?;
    within("the link was there again", SILENT, begin.elapsed())?;
    for (from, to) in [(one, two), (two, one)] {
        ensure!(from.call(&to.net, "again")? == "again", "the new link");
    }
    Ok(())
}

/// A link may be slow, and come in the smallest pieces.
fn slow(stage: &Stage, one: &Site, two: &Site, wire: &Wires) -> Result<()> {
    stage.step("a link that is slow and torn to pieces");
    let reconnects = one.figure(2, "reconnects")?;
    wire.peers.delay(Duration::from_millis(30))?;
    let tokens = one
        .probe
        .call(NET, &format!("TOKENS {} 100 20 slowly", two.net))?;
    ensure!(tokens.starts_with("right=100 failed=0 wrong=0"), "{tokens}");
    wire.peers.delay(Duration::ZERO)?;
    wire.peers.chop(Some(3))?;
    let block = one
        .probe
        .call(NET, &format!("BLOCK {} 300000 5", two.net))?;
    expect_eq("a block", block.as_str(), "300000")?;
    wire.peers.chop(None)?;
    expect_eq("reconnects", one.figure(2, "reconnects")?, reconnects)
}

/// What cannot be sent waits, up to a limit; then senders are refused, until there is room again. Nothing is lost by that.
fn full(stage: &Stage, one: &Site, two: &Site, wire: &Wires) -> Result<()> {
    stage.step("more messages than may wait for a link that is silent for a while");
    let stream = Stream::new(one, None, two, 99)?;
    wire.peers.silence()?;
    let run = stream.begin(FLOOD)?;
    eventually("the queue to be full", PATIENCE, || {
        Ok((one.figure(2, "queued")? >= QUEUE as u64).then_some(()))
    })?;
    let more = one.probe.ask(NET, &format!("SEND {} more", two.net))?;
    more.expect_error("one more", skynet_abi::REASON_FAILED, "full")?;
    wire.peers.resume()?;
    let sent = run.reply(PATIENCE).context("a source")?;
    expect_eq("messages refused", count(&sent, "refused")?, 0)?;
    let full = count(&sent, "full")?;
    stream.check(FLOOD)?;
    stage.detail(format!(
        "{FLOOD} messages; the sender found no room {full} times"
    ));
    Ok(())
}
