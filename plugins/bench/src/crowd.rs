//! Very many services: how fast they are launched and killed, and how much memory they take:
//! `bench_crowd MODULE NUMBER MILLISECONDS`, with the time for which they exchange messages; with 0 they rest.

use std::time::{Duration, Instant};

use skynet_service::{
    Context, Error, Handle, KIND_SYSTEM, KIND_TIMER, KIND_WAKE, RawMessage, RawService, Result,
};

use crate::report::{self, Report};
use crate::{board, members, node};

const NAME: &str = "crowd";
/// Services launched or killed in one turn.
const BATCH: usize = 10_000;
/// After so many launches the time of some is taken, and that of as many at the end: the node has then long touched for
/// the first time what it has only once.
const FIRST: usize = 10_000;
/// The launches whose time is taken.
const COMPARED: usize = 50_000;
/// How often it is looked whether every member has had a message, and how long that may take.
const LOOK: Duration = Duration::from_millis(10);
const WARM_UP: Duration = Duration::from_secs(20);
/// How long the node may take to give memory back after the last service has ended.
const REST: Duration = Duration::from_secs(1);

/// Launches the members, watches and kills them.
pub(crate) struct Crowd {
    module: String,
    number: usize,
    exchange: Duration,
    members: Vec<Handle>,
    phase: Phase,
    /// When the phase began.
    begin: Instant,
    /// Services of the node besides the members.
    others: u64,
    /// How long the first and the last of the compared launches took.
    first: Duration,
    last: Duration,
    /// Messages before counting began.
    counted: u64,
    report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Launching,
    Settling,
    WarmUp,
    Exchanging,
    Killing,
    Ending,
    Resting,
}

impl RawService for Crowd {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let mut words = args.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        let (module, number) = (next().to_owned(), next().parse()?);
        // Memory of this service's own, touched now: it is not that of the members.
        let mut members = vec![Handle(u32::MAX); number];
        members.clear();
        cx.wake(0);
        Ok(Self {
            module,
            number,
            exchange: Duration::from_millis(next().parse()?),
            members,
            phase: Phase::Launching,
            begin: Instant::now(),
            others: 0,
            first: Duration::ZERO,
            last: Duration::ZERO,
            counted: 0,
            report: Report::new(NAME),
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let kind = message.kind();
        if !matches!(kind, KIND_WAKE | KIND_TIMER) {
            return Err(Error::msg(format_args!("unexpected: {message:?}")));
        }
        // A crowd that cannot go on must not leave anybody waiting.
        self.step(cx).inspect_err(|error| report::fail(NAME, error))
    }
}

impl Crowd {
    fn step(&mut self, cx: &Context) -> Result<()> {
        match self.phase {
            Phase::Launching => self.launch(cx)?,
            Phase::Settling => self.settle(cx)?,
            Phase::WarmUp => self.warm_up(cx)?,
            Phase::Exchanging => {
                let count = board::counted_anywhere() - self.counted;
                self.report.add("count", count);
                self.report.add_time("time", self.begin.elapsed());
                self.report.add("busy", node::memory()?);
                self.begin_to_kill(cx);
            }
            Phase::Killing => self.kill(cx)?,
            Phase::Ending => self.end(cx)?,
            Phase::Resting => {
                self.report.add("after", node::memory()?);
                self.report.send();
            }
        }
        Ok(())
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.begin = Instant::now();
    }

    fn launch(&mut self, cx: &Context) -> Result<()> {
        if self.members.is_empty() {
            self.others = node::figure(cx, "services")?;
            self.report.add("before", node::memory()?);
            self.begin = Instant::now();
        }
        let so_far = self.members.len();
        let begin = Instant::now();
        for _ in 0..BATCH.min(self.number - so_far) {
            self.members.push(cx.launch_now(&self.module)?);
        }
        let time = begin.elapsed();
        if (FIRST..FIRST + COMPARED).contains(&so_far) {
            self.first += time;
        }
        if so_far + COMPARED >= self.number {
            self.last += time;
        }
        if self.members.len() == self.number {
            self.enter_settling();
        }
        cx.wake(0);
        Ok(())
    }

    fn enter_settling(&mut self) {
        self.report.add_time("launched", self.begin.elapsed());
        self.report.add_time("first", self.first);
        self.report.add_time("last", self.last);
        self.enter(Phase::Settling);
    }

    /// Waits until all members have had their first turns.
    fn settle(&mut self, cx: &Context) -> Result<()> {
        if node::figure(cx, "queued")? != 0 {
            cx.wake(0);
            return Ok(());
        }
        self.report.add("alive", node::memory()?);
        if self.exchange.is_zero() {
            self.begin_to_kill(cx);
            return Ok(());
        }
        if !self.number.is_multiple_of(2) {
            return Err(Error::msg("members that exchange messages come in pairs"));
        }
        for pair in self.members.chunks_exact(2) {
            cx.send(pair[0], KIND_SYSTEM, &pair[1].0.to_le_bytes())?;
        }
        self.enter(Phase::WarmUp);
        cx.timer_set(LOOK, 0)?;
        Ok(())
    }

    /// Waits until every member has had a message from another.
    fn warm_up(&mut self, cx: &Context) -> Result<()> {
        let (heard, number) = (members::heard(), self.number);
        if heard == number as u64 {
            self.counted = board::counted_anywhere();
            self.enter(Phase::Exchanging);
            cx.timer_set(self.exchange, 0)?;
        } else if self.begin.elapsed() < WARM_UP {
            cx.timer_set(LOOK, 0)?;
        } else {
            return Err(Error::msg(format_args!(
                "only {heard} of {number} members have had a message"
            )));
        }
        Ok(())
    }

    fn begin_to_kill(&mut self, cx: &Context) {
        self.enter(Phase::Killing);
        cx.wake(0);
    }

    fn kill(&mut self, cx: &Context) -> Result<()> {
        let rest = self.members.len().saturating_sub(BATCH);
        for member in self.members.drain(rest..) {
            cx.kill(member)?;
        }
        if self.members.is_empty() {
            // The time of the killing goes on.
            self.phase = Phase::Ending;
        }
        cx.wake(0);
        Ok(())
    }

    /// Waits until all members have been released.
    fn end(&mut self, cx: &Context) -> Result<()> {
        if node::figure(cx, "services")? > self.others {
            cx.wake(0);
            return Ok(());
        }
        self.report.add_time("killed", self.begin.elapsed());
        self.enter(Phase::Resting);
        cx.timer_set(REST, 0)?;
        Ok(())
    }
}
