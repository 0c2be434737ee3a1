//! The signal handler, and the stacks it runs on.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::line::{Crash, Line};

/// The signals that end a process by its own doing.
const FATAL: [libc::c_int; 5] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGABRT,
];

/// Enough for the handler and for the largest set of registers that a kernel saves (some 11 KiB
/// on today's largest processors).
const STACK_SIZE: usize = 64 << 10;

thread_local! {
    /// The addresses that are touched when this thread's stack overflows; empty when not known.
    static GUARD_PAGES: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Sets the handler for each of [`FATAL`].
pub(super) fn install() -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fatal;
    // SAFETY: sigaction is a C structure of integers, for which all zeros is a valid value.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // No other signal may come between: the handler never returns to the thread's work.
    // SAFETY: `sa_mask` is a valid place for a signal set, and outlives the call.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    for signal in FATAL {
        // SAFETY: `action` is complete; its handler has the signature that SA_SIGINFO asks for and
        // only does what a signal handler may.
        let result = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Tells what was running, then lets the signal take its default course.
extern "C" fn on_fatal(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    _context: *mut libc::c_void,
) {
    static REPORTING: AtomicBool = AtomicBool::new(false);
    // When several threads crash at once, the first to come here speaks and ends the process; the
    // others must not end it before it has spoken. Nothing is passed between them.
    if REPORTING.swap(true, Ordering::Relaxed) {
        wait_for_the_end();
    }
    // SAFETY: the kernel hands a valid siginfo_t to a handler set with SA_SIGINFO.
    let info = unsafe { &*info };
    // Codes above 0 are the kernel's own: the thread did something. Others mean that the signal was
    // sent, and has no address.
    let address = (info.si_code > 0).then(|| {
        // SAFETY: the signals of FATAL that come from the kernel carry an address.
        unsafe { info.si_addr() as usize }
    });
    let line = Line::about(&Crash {
        signal: name(signal),
        meaning: meaning(signal, address),
        address,
        record: super::running(),
    });
    write(libc::STDERR_FILENO, line.bytes());
    write(super::SECOND_FILE.load(Ordering::Relaxed), line.bytes());
    // SAFETY: `signal` is one of FATAL, whose default action may be set at any time.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: raising is allowed within a handler. The signal is blocked here, and so takes its
    // effect when the handler returns: the core dump shows where the thread was.
    unsafe { libc::raise(signal) };
}

fn wait_for_the_end() -> ! {
    loop {
        // SAFETY: only sleeps; the process ends meanwhile.
        unsafe { libc::pause() };
    }
}

/// Writes to a file number; nothing can be done about an error here. -1 is no file.
fn write(file: libc::c_int, bytes: &[u8]) {
    if file >= 0 {
        // SAFETY: `bytes` is readable for its length; write is allowed within a signal handler.
        unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
    }
}

fn name(signal: libc::c_int) -> &'static str {
    match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGABRT => "SIGABRT",
        _ => "unknown",
    }
}

fn meaning(signal: libc::c_int, address: Option<usize>) -> &'static str {
    let (first, end) = GUARD_PAGES.get();
    if address.is_some_and(|address| (first..end).contains(&address)) {
        return "stack overflow";
    }
    match signal {
        libc::SIGSEGV => "bad memory access",
        libc::SIGBUS => "memory access that the hardware or a file cannot serve",
        libc::SIGILL => "bad instruction",
        libc::SIGFPE => "arithmetic error",
        libc::SIGABRT => "aborted",
        _ => "unexpected",
    }
}

/// The stack of one thread's signal handlers; the thread goes back to the one it had before when
/// this is dropped.
#[derive(Debug)]
#[must_use = "the thread keeps the stack only as long as this lives"]
pub struct SignalStack {
    memory: Memory,
    previous: libc::stack_t,
    /// Stacks belong to threads: this one must be given back by the thread that took it.
    _not_send: PhantomData<*mut ()>,
}

impl SignalStack {
    /// Sets up a stack for the calling thread.
    pub(super) fn new() -> io::Result<Self> {
        let memory = Memory::new()?;
        let stack = libc::stack_t {
            ss_sp: memory.usable().cast(),
            ss_flags: 0,
            ss_size: STACK_SIZE,
        };
        let previous = exchange(&stack)?;
        GUARD_PAGES.set(guard_pages().map_or((0, 0), |pages| (pages.start, pages.end)));
        Ok(Self {
            memory,
            previous,
            _not_send: PhantomData,
        })
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        GUARD_PAGES.set((0, 0));
        if exchange(&self.previous).is_err() {
            // Should the kernel still use the memory, it must stay: a page lost is better than a
            // handler on memory of somebody else.
            self.memory.keep();
        }
    }
}

/// Makes `stack` the thread's signal stack; returns the one it had.
fn exchange(stack: &libc::stack_t) -> io::Result<libc::stack_t> {
    let mut previous = libc::stack_t {
        ss_sp: ptr::null_mut(),
        ss_flags: libc::SS_DISABLE,
        ss_size: 0,
    };
    // SAFETY: `stack` names memory that SignalStack (or whoever set the previous one) keeps until
    // the thread has another stack; `previous` is a valid place for the answer.
    let result = unsafe { libc::sigaltstack(stack, &raw mut previous) };
    if result == 0 {
        Ok(previous)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The memory of a stack, with a page below it that must not be touched.
#[derive(Debug)]
struct Memory {
    start: *mut u8,
    guard: usize,
    kept: bool,
}

impl Memory {
    fn new() -> io::Result<Self> {
        let guard = page_size();
        // SAFETY: asks for new memory of the system's choice; no memory in use is affected.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                guard + STACK_SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = Self {
            start: start.cast(),
            guard,
            kept: false,
        };
        // SAFETY: the first page of the memory just taken, which nobody uses yet.
        let result = unsafe { libc::mprotect(start, guard, libc::PROT_NONE) };
        if result == 0 {
            Ok(memory)
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// The first of the [`STACK_SIZE`] bytes that may be used.
    fn usable(&self) -> *mut u8 {
        self.start.wrapping_add(self.guard)
    }

    fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if !self.kept {
            // SAFETY: the memory that `new` took, of the same size; SignalStack sees to it that no
            // thread has it as its stack any more.
            unsafe { libc::munmap(self.start.cast(), self.guard + STACK_SIZE) };
        }
    }
}

fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// The pages at the end of the calling thread's stack that are touched when it overflows: as many
/// below its lowest address as above, since C libraries do not agree on which side of that address
/// they lie.
#[cfg(target_os = "linux")]
fn guard_pages() -> Option<Range<usize>> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: asks for the calling thread's own identity.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the calling thread exists, and `attributes` is a valid place for the answer.
    let result = unsafe { libc::pthread_getattr_np(thread, attributes.as_mut_ptr()) };
    if result != 0 {
        return None;
    }
    let (mut lowest, mut size, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: `attributes` was filled above; the others are valid places for the answers.
    let stack =
        unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size) };
    // SAFETY: likewise.
    let guards = unsafe { libc::pthread_attr_getguardsize(attributes.as_ptr(), &raw mut guard) };
    // SAFETY: `attributes` was filled above and is not used after this.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    if stack != 0 || guards != 0 {
        return None;
    }
    let lowest = lowest as usize;
    let guard = guard.max(page_size());
    Some(lowest.saturating_sub(guard)..lowest.saturating_add(guard))
}

/// Not known how to ask elsewhere: an overflow is then reported as a bad memory access.
#[cfg(not(target_os = "linux"))]
fn guard_pages() -> Option<Range<usize>> {
    None
}
