//! What other threads ask of a service.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::executor::wake::TaskWake;

/// Something of the service that was dropped outside its turn, to be tidied up in the next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Garbage {
    Session(i32),
    Timer(u64),
    Socket(i32),
    Watch(u32, u64),
    Place(u64),
}

/// What was asked since the last time.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) wakes: Vec<Arc<TaskWake>>,
    pub(crate) garbage: Vec<Garbage>,
}

#[derive(Default)]
struct State {
    asked: Option<Box<Asked>>,
    /// The service has ended: nothing is taken any more.
    closed: bool,
    /// A wake-up message is on its way.
    announced: bool,
}

/// Collects, under a lock, what other threads ask; the service hears of it by a wake-up message.
#[derive(Default)]
pub(crate) struct Remote(Mutex<State>);

impl Remote {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and what it guards is whole at each moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A waker was used. As [`post`](Self::post).
    pub(crate) fn wake(&self, wake: Arc<TaskWake>) -> bool {
        self.post(|asked| asked.wakes.push(wake))
    }

    /// Something was dropped. As [`post`](Self::post).
    pub(crate) fn discard(&self, garbage: Garbage) -> bool {
        self.post(|asked| asked.garbage.push(garbage))
    }

    /// Adds something; returns whether the service must be sent a wake-up message.
    fn post(&self, add: impl FnOnce(&mut Asked)) -> bool {
        let mut state = self.state();
        if state.closed {
            // The lock is given up before whatever `add` holds is dropped: that may be a waker.
            drop(state);
            return false;
        }
        add(state.asked.get_or_insert_default());
        !std::mem::replace(&mut state.announced, true)
    }

    /// Takes what was asked. From now on a wake-up message is sent for what comes.
    pub(crate) fn collect(&self) -> Option<Box<Asked>> {
        let mut state = self.state();
        state.announced = false;
        state.asked.take()
    }

    /// Takes what was asked, and nothing more in.
    pub(crate) fn close(&self) -> Option<Box<Asked>> {
        let mut state = self.state();
        state.closed = true;
        state.asked.take()
    }
}
