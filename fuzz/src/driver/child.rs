//! One target in this process.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::options::Options;
use super::shrink::shrink;
use super::{say, stock};
use crate::Target;
use crate::mutate::Mutator;

/// The stack of a worker: what is too deep for it would end a node.
const STACK: usize = 2 << 20;
/// Processor time that any input may take.
const TIME: Duration = Duration::from_millis(50);
/// Processor time more for each byte.
const TIME_PER_BYTE: Duration = Duration::from_micros(3);
/// How often an input that took longer is fed again before it is said to.
const AGAIN: usize = 4;
/// An input that has not been dealt with after this hangs.
const HANG: Duration = Duration::from_secs(20);
/// How often somebody looks.
const LOOK: Duration = Duration::from_millis(100);
/// For how long a smaller input that shows the same is looked for.
const SHRINK: Duration = Duration::from_secs(3);
/// Bytes of an input that are shown.
const SHOWN: usize = 512;

/// What the last panic said.
static SAID: Mutex<String> = Mutex::new(String::new());
/// Panics are told at once, because this process may not live to tell later.
static IS_LOUD: AtomicBool = AtomicBool::new(false);

/// The file that says how far the target has come, for who finds this process dead.
pub(super) fn progress_file(folder: &Path, target: &Target) -> PathBuf {
    folder.join(format!("{}.progress", target.name))
}

/// The file of the input that a careful process is about to feed.
pub(super) fn current_file(folder: &Path, target: &Target) -> PathBuf {
    folder.join(format!("{}.current", target.name))
}

/// The file of a smaller input that shows the same as the one in `file`.
pub(super) fn small_file(file: &Path) -> PathBuf {
    file.with_extension("small.bin")
}

/// Feeds inputs until the time is over or something is wrong.
pub(super) fn fuzz(
    options: &Options,
    target: &'static Target,
    from: u64,
    careful: bool,
) -> Result<ExitCode, String> {
    IS_LOUD.store(careful, Ordering::Relaxed);
    let stock = stock(target)?;
    let mutator = Mutator::new(stock, target.tokens, target.max_len, options.seed);
    let number = AtomicU64::new(from);
    let feed = || -> Result<Summary, Failure> {
        let begin = Instant::now();
        let mut most = Cost::default();
        loop {
            let at = number.load(Ordering::Relaxed);
            if at >= options.runs || begin.elapsed() >= options.time {
                let runs = at - from;
                return Ok(Summary {
                    runs,
                    most,
                    time: begin.elapsed(),
                });
            }
            let input = mutator.input(at);
            if careful {
                let file = current_file(&options.folder, target);
                fs::write(file, &input).map_err(|error| Failure {
                    input: Vec::new(),
                    reason: error.to_string(),
                })?;
            }
            let cost = attempt(target, &input).map_err(|reason| Failure { input, reason })?;
            most = most.max(cost);
            number.store(at + 1, Ordering::Relaxed);
        }
    };
    let hangs = |at| {
        let input = mutator.input(at);
        let failure = Failure {
            input,
            reason: hung(),
        };
        let _ = report(options, target, &failure);
        std::process::abort()
    };
    let progress = progress_file(&options.folder, target);
    match watched(&number, &progress, feed, hangs).map_err(|error| error.to_string())? {
        Ok(summary) => {
            let Summary { runs, most, time } = summary;
            let (name, time) = (target.name, time.as_secs_f64());
            say(&format!(
                "{name:<16} ok     {runs:>9} inputs in {time:.1} s, {most}"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            let at = number.load(Ordering::Relaxed);
            say(&format!("{:<16} FAILED at input {at}", target.name));
            report(options, target, &failure).map_err(|error| error.to_string())?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Feeds the one input in `file`.
pub(super) fn repeat(
    options: &Options,
    target: &'static Target,
    file: &Path,
) -> Result<ExitCode, String> {
    let input = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    IS_LOUD.store(true, Ordering::Relaxed);
    let feed = || attempt(target, &input);
    let hangs = |_| {
        say(&format!("{}: FAILED: {}", target.name, hung()));
        std::process::abort()
    };
    let progress = progress_file(&options.folder, target);
    let outcome = watched(&AtomicU64::new(0), &progress, feed, hangs);
    let outcome = outcome.map_err(|error| error.to_string())?;
    match outcome {
        Ok(most) => {
            say(&format!("{}: ok, {most}", target.name));
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            say(&format!("{}: FAILED: {reason}", target.name));
            Ok(ExitCode::FAILURE)
        }
    }
}

struct Summary {
    runs: u64,
    most: Cost,
    time: Duration,
}

/// What an input used up.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// Bytes of memory that were held at a time.
    held: usize,
    /// Hundredths of the processor time that it may take.
    time: u128,
}

impl Cost {
    /// The greater of each.
    fn max(self, other: Self) -> Self {
        Self {
            held: self.held.max(other.held),
            time: self.time.max(other.time),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { held, time } = self;
        write!(f, "at most {held} bytes held and {time} % of the time used")
    }
}

/// Something is wrong.
struct Failure {
    input: Vec<u8>,
    reason: String,
}

/// What is wrong with an input that hangs.
fn hung() -> String {
    format!("not done after {} s", HANG.as_secs())
}

/// Feeds one input; what it used up, or what is wrong.
fn attempt(target: &Target, input: &[u8]) -> Result<Cost, String> {
    let bound = TIME + TIME_PER_BYTE * u32::try_from(input.len()).unwrap_or(u32::MAX);
    let (mut held, mut time) = timed(target, input)?;
    // The machine may have had something else to do, and caches to fill.
    for _ in 0..AGAIN {
        if time > bound {
            let again = timed(target, input)?;
            (held, time) = (again.0, time.min(again.1));
        }
    }
    if time > bound {
        return Err(format!("took {time:?} for {} bytes", input.len()));
    }
    let time = 100 * time.as_nanos() / bound.as_nanos();
    Ok(Cost { held, time })
}

fn timed(target: &Target, input: &[u8]) -> Result<(usize, Duration), String> {
    let before = processor_time();
    #[allow(
        clippy::disallowed_methods,
        reason = "a panic is what is looked for, and no service's"
    )]
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| target.check(input)));
    let time = processor_time().saturating_sub(before);
    match outcome {
        Ok(held) => Ok((held, time)),
        Err(_) => Err(SAID.lock().unwrap_or_else(PoisonError::into_inner).clone()),
    }
}

/// What the current thread has used up.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .unwrap_or_default()
}

/// Runs `work` on a thread like a node's workers, and keeps what panics say instead of printing it.
fn on_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    panic::set_hook(Box::new(|info| {
        if IS_LOUD.load(Ordering::Relaxed) {
            let _ = writeln!(io::stderr().lock(), "{info}");
        }
        *SAID.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(STACK);
        let worker = worker.spawn_scoped(scope, work)?;
        worker
            .join()
            .map_err(|_| io::Error::other("the driver itself panicked"))
    })
}

/// Runs `work`; meanwhile notes how far it has come, and calls `hangs` when it comes no further.
fn watched<T: Send>(
    number: &AtomicU64,
    progress: &Path,
    work: impl FnOnce() -> T + Send,
    hangs: impl Fn(u64) -> std::convert::Infallible + Send,
) -> io::Result<T> {
    let (done, over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watch = move || {
            let (mut seen, mut since) = (number.load(Ordering::Relaxed), Instant::now());
            while let Err(mpsc::RecvTimeoutError::Timeout) = over.recv_timeout(LOOK) {
                let at = number.load(Ordering::Relaxed);
                // Without it a dead process is gone over from the start.
                let _ = fs::write(progress, at.to_string());
                if at != seen {
                    (seen, since) = (at, Instant::now());
                } else if since.elapsed() > HANG {
                    hangs(at);
                }
            }
        };
        thread::Builder::new().spawn_scoped(scope, watch)?;
        let result = on_small_stack(work);
        drop(done);
        result
    })
}

/// Puts the input on the disk, a smaller one beside it, and says how to repeat it.
fn report(options: &Options, target: &Target, failure: &Failure) -> io::Result<()> {
    let Failure { input, reason } = failure;
    let file = options.folder.join(format!("{}.bin", target.name));
    fs::write(&file, input)?;
    say(reason);
    let mut shown = (file.clone(), input.clone());
    if !reason.starts_with("not done") {
        let smaller = on_small_stack(|| {
            shrink(input, Instant::now() + SHRINK, |input| {
                attempt(target, input).is_err()
            })
        })?;
        if smaller.len() < input.len() {
            shown = (small_file(&file), smaller);
            fs::write(&shown.0, &shown.1)?;
        }
    }
    say_how(options, target, &shown.0, &shown.1, input.len());
    Ok(())
}

/// Shows an input, the least of those that show the same, and how to feed it again.
pub(super) fn say_how(options: &Options, target: &Target, file: &Path, input: &[u8], whole: usize) {
    say(&format!(
        "input ({} bytes, from one of {whole}): {}\nrepeat it with: cargo xtask fuzz {} --input {}   (seed {})",
        input.len(),
        hex(input),
        target.name,
        file.display(),
        options.seed
    ));
}

fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes
        .iter()
        .take(SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if bytes.len() > SHOWN {
        text.push('…');
    }
    text
}
