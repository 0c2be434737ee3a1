//! The node's clocks: an exact one for timers and deadlines, and a cheap one for accounting.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

struct Start {
    instant: Instant,
    wall: SystemTime,
    ticks: Ticks,
}

static START: OnceLock<Start> = OnceLock::new();

fn start() -> &'static Start {
    START.get_or_init(|| Start {
        instant: Instant::now(),
        wall: SystemTime::now(),
        ticks: Ticks::calibrate(),
    })
}

/// Nanoseconds since the clock was first asked; never goes back.
pub(crate) fn now_ns() -> u64 {
    start().instant.elapsed().as_nanos() as u64
}

/// Nanoseconds of a clock of its own that is cheap enough to be read at the end of each turn: for durations of turns,
/// accurate to about one part in a thousand.
pub(crate) fn turn_ns() -> u64 {
    let start = start();
    match start.ticks {
        Ticks::Counter { first, scale } => {
            let ticks = counter().wrapping_sub(first);
            ((u128::from(ticks) * u128::from(scale)) >> SCALE_SHIFT) as u64
        }
        Ticks::Monotonic => start.instant.elapsed().as_nanos() as u64,
    }
}

const SCALE_SHIFT: u32 = 32;
/// How long the counter is compared with the exact clock, once per process.
const CALIBRATION: Duration = Duration::from_millis(1);

/// Where the cheap clock's time comes from.
enum Ticks {
    /// The processor's counter runs evenly: nanoseconds are ticks times `scale` / 2^32.
    Counter { first: u64, scale: u64 },
    /// There is no such counter.
    Monotonic,
}

impl Ticks {
    fn calibrate() -> Self {
        if !counter_is_even() {
            return Self::Monotonic;
        }
        let (began, first) = (Instant::now(), counter());
        while began.elapsed() < CALIBRATION {
            std::hint::spin_loop();
        }
        let (ticks, ns) = (counter().wrapping_sub(first), began.elapsed().as_nanos());
        match u64::try_from((ns << SCALE_SHIFT) / u128::from(ticks.max(1))) {
            Ok(scale) if ticks > 1000 => Self::Counter { first, scale },
            _ => Self::Monotonic,
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Whether the counter's rate does not depend on the processor's frequency or sleep.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn counter_is_even() -> bool {
    const POWER: u32 = 0x8000_0007;
    let highest = std::arch::x86_64::__cpuid(0x8000_0000).eax;
    highest >= POWER && std::arch::x86_64::__cpuid(POWER).edx & 1 << 8 != 0
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn counter() -> u64 {
    0
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn counter_is_even() -> bool {
    false
}

/// Whole milliseconds that have passed: what timers compare their deadlines with.
pub(crate) fn elapsed_ms() -> u64 {
    now_ns() / 1_000_000
}

/// The first millisecond that is not before `delay_ms` from now.
pub(crate) fn deadline_ms(delay_ms: u64) -> u64 {
    now_ns().div_ceil(1_000_000).saturating_add(delay_ms)
}

/// Seconds between the Unix epoch and the node's start.
pub(crate) fn start_time() -> u64 {
    start()
        .wall
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Date and time of day, as `ctime` writes them, in the local zone.
pub(crate) fn date() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let now = libc::time_t::try_from(now).unwrap_or_default();
    let mut text = [0; 64];
    // SAFETY: the function writes at most 26 bytes, with a zero at the end, or returns null.
    let written = unsafe { libc::ctime_r(&raw const now, text.as_mut_ptr()) };
    if written.is_null() {
        return String::new();
    }
    let bytes = text
        .iter()
        .take_while(|&&byte| byte != 0)
        .map(|&byte| byte as u8)
        .collect();
    String::from_utf8(bytes)
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

/// Centiseconds since the node's start: what `now` is in Skynet.
pub(crate) fn centiseconds() -> u64 {
    now_ns() / 10_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_go_forward_and_agree() {
        let (exact, cheap) = (now_ns(), turn_ns());
        let until = Instant::now() + Duration::from_millis(20);
        let mut last = cheap;
        while Instant::now() < until {
            let now = turn_ns();
            assert!(now >= last);
            last = now;
        }
        let (exact, cheap) = (now_ns() - exact, turn_ns() - cheap);
        let difference = exact.abs_diff(cheap);
        assert!(difference < exact / 20, "{exact} and {cheap} ns");
    }
}
