//! The signals by which an operator speaks to a node: SIGTERM and SIGINT (stop), SIGHUP (open the
//! log files anew).
//!
//! No handler and no polling: the signals are blocked in every thread, and one thread of the node's
//! choice sleeps in [`Signals::wait`] until one arrives. A thread that sleeps there makes no
//! wake-ups.

mod unix;

#[cfg(test)]
mod tests;

use std::io;

/// What [`Signals::wait`] woke up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: open the log files anew.
    Hangup,
    /// SIGINT, what a terminal sends for Ctrl-C: stop.
    Interrupt,
    /// SIGTERM: stop.
    Terminate,
    /// No operator, but [`Waker::wake`]: what the thread waits for besides may have happened.
    Wake,
}

/// The signals of this process, blocked and waiting to be taken.
#[derive(Debug)]
pub struct Signals {
    set: unix::Set,
}

/// Ends the wait of the thread in [`Signals::wait`]. Any thread may have one.
#[derive(Clone, Debug)]
pub struct Waker(());

impl Signals {
    /// Blocks the signals, and ignores SIGPIPE: writing to a connection that its peer has closed is
    /// an error for the writer, not the end of the node.
    ///
    /// To be called by the main function before any thread exists, since threads inherit what is
    /// blocked from the one that starts them: a thread that was there before would still be ended
    /// by the signals, and the node with it. SIGUSR2 is blocked too; it is how [`Waker::wake`]
    /// works. Programs that a service starts with [`std::process::Command`] have nothing blocked;
    /// those started by other means inherit it.
    ///
    /// # Errors
    ///
    /// The system's, when it refuses.
    pub fn block() -> io::Result<Self> {
        unix::ignore_broken_pipes()?;
        let set = unix::Set::new()?;
        set.block()?;
        Ok(Self { set })
    }

    /// Sleeps until a signal arrives, and takes it. Signals that arrive between two calls are kept
    /// for the next one, several of the same kind as one.
    ///
    /// Whoever stops the node calls it again while stopping: a second SIGTERM or SIGINT is then
    /// reported like the first, and may be taken for impatience.
    ///
    /// # Errors
    ///
    /// The system's; none is known to occur.
    pub fn wait(&self) -> io::Result<Signal> {
        self.set.wait()
    }

    /// What wakes the thread in [`Signals::wait`].
    #[must_use]
    pub fn waker(&self) -> Waker {
        // Only made where the signal is known to be blocked: elsewhere it would end the process.
        Waker(())
    }
}

impl Waker {
    /// Has [`Signals::wait`] return [`Signal::Wake`]: at once when a thread sleeps in it, else when
    /// it is called next. Several wakes in between count as one.
    ///
    /// # Errors
    ///
    /// The system's; none is known to occur.
    pub fn wake(&self) -> io::Result<()> {
        unix::wake()
    }
}
