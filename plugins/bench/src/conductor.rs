//! Measures services that keep themselves busy: lets them warm up, and counts for a while.

use std::time::{Duration, Instant};

use skynet_service::{
    Context, Error, KIND_TIMER, RawMessage, RawService, Result, ResultExt as _, log,
};

use crate::board::Counter;
use crate::report::{self, Report};

/// The part of the time that goes by before counting begins.
const WARM_UP: u32 = 5;

/// Services that keep themselves busy from when they are launched until the node ends.
pub(crate) trait Scene: Sized + Send + 'static {
    /// The name in the report.
    const NAME: &'static str;

    /// Launches the services and gives them what they begin with. `args` is what follows the time in the launch line.
    ///
    /// # Errors
    /// The services cannot be launched, or `args` is wrong.
    fn open(cx: &Context, args: &str) -> Result<Self>;

    /// What the services count: each of these must move, or somebody has stalled.
    fn counters(&self) -> &[&'static Counter];

    /// What one count stands for.
    fn weight(&self) -> u64 {
        1
    }

    /// Counting begins (or is over).
    fn measure(&mut self, _begins: bool) {}

    /// Adds more figures than `count` and `time`.
    fn more(&self, report: Report) -> Report {
        report
    }
}

/// Runs a scene: `MODULE MILLISECONDS ARGS…`.
pub(crate) struct Conductor<S> {
    scene: S,
    time: Duration,
    /// When counting began, and from where.
    begun: Option<(Instant, Vec<u64>)>,
}

impl<S: Scene> RawService for Conductor<S> {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let (time, args) = args.trim().split_once(' ').unwrap_or((args.trim(), ""));
        let time = time
            .parse()
            .context(format_args!("found {time:?}, wanted milliseconds"))?;
        let time = Duration::from_millis(time);
        let scene = S::open(cx, args)?;
        cx.timer_set(time / WARM_UP, 0)?;
        Ok(Self {
            scene,
            time,
            begun: None,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() != KIND_TIMER {
            return Err(Error::msg(format_args!("unexpected: {message:?}")));
        }
        let counts = self.scene.counters().iter().map(|counter| counter.get());
        let counts: Vec<_> = counts.collect();
        match self.begun.take() {
            None => {
                cx.timer_set(self.time, 0)?;
                self.scene.measure(true);
                log::info!("bench {} begins", S::NAME);
                self.begun = Some((Instant::now(), counts));
            }
            Some((begin, before)) => {
                let time = begin.elapsed();
                self.scene.measure(false);
                self.report(&before, &counts, time);
            }
        }
        Ok(())
    }
}

impl<S: Scene> Conductor<S> {
    fn report(&self, before: &[u64], after: &[u64], time: Duration) {
        let moves = before
            .iter()
            .zip(after)
            .map(|(before, after)| after - before);
        if let Some(stalled) = moves.clone().position(|moved| moved == 0) {
            let (number, count) = (stalled + 1, after.len());
            let at = after[stalled];
            return report::fail(
                S::NAME,
                format_args!("counter {number} of {count} has stalled at {at}"),
            );
        }
        let count = moves.sum::<u64>() * self.scene.weight();
        let report = Report::new(S::NAME)
            .with("count", count)
            .with_time("time", time);
        self.scene.more(report).send();
    }
}
