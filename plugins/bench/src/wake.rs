//! A service that goes on working after it has sent: `bench_wake SAMPLES`. Whoever it sent to should not have to wait for
//! it while another worker sleeps.

use std::time::{Duration, Instant};

use skynet_service::{Context, Error, Handle, KIND_TEXT, RawMessage, RawService, Result};

use crate::latencies::{self, Latencies};
use crate::pairs::SIZE;
use crate::report::{self, Report};

/// How long it works after each message. Then it goes on with the next, so that its processor stays awake, as that of
/// `cal_wake` does; the other worker has slept nearly as long.
const WORK: Duration = Duration::from_millis(10);
/// The first messages, which do not count.
const WARM_UP: u32 = 5;

/// Sends and stays in its callback, again and again.
pub(crate) struct Waker {
    woken: Handle,
    left: u32,
}

impl RawService for Waker {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let samples: u32 = args.trim().parse()?;
        let woken = cx.launch_now("bench_woken")?;
        cx.send(cx.handle(), KIND_TEXT, &[])?;
        Ok(Self {
            woken,
            left: samples + WARM_UP,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.source() != cx.handle() {
            return Err(Error::msg(format_args!("unexpected: {message:?}")));
        }
        if self.left == 0 {
            latencies::report(Report::new("wake")).send();
            return Ok(());
        }
        self.left -= 1;
        cx.send(cx.handle(), KIND_TEXT, &[])
            .inspect_err(|error| report::fail("wake", error))?;
        let mut payload = [0; SIZE];
        payload[..8].copy_from_slice(&latencies::stamp().to_le_bytes());
        cx.send(self.woken, KIND_TEXT, &payload)?;
        let sent = Instant::now();
        while sent.elapsed() < WORK {
            std::hint::spin_loop();
        }
        Ok(())
    }
}

/// Notes how long each message took.
pub(crate) struct Woken {
    latencies: &'static Latencies,
    seen: u32,
}

impl RawService for Woken {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self {
            latencies: Latencies::new(),
            seen: 0,
        })
    }

    fn on_message(&mut self, _cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let stamp = message.bytes().first_chunk().copied();
        let time = latencies::since(stamp.map_or(0, u64::from_le_bytes));
        self.seen += 1;
        latencies::measure(self.seen > WARM_UP);
        self.latencies.record(time);
        Ok(())
    }
}
