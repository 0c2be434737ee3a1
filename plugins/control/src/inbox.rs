//! The way of requests from the clients' threads to the service.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::line::Answer;
use crate::request::Request;

/// Work for the service.
#[derive(Debug)]
pub(crate) enum Job {
    /// To be answered to a client that waits.
    Ask(Request, SyncSender<Answer>),
    /// The client that asked for it knows: the node stops.
    Stop,
}

/// A queue with many threads at one end and the service's task at the other.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    taker: Option<Waker>,
    is_closed: bool,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job. False: the service has ended.
    pub(crate) fn put(&self, job: Job) -> bool {
        let taker = {
            let mut state = self.state();
            if state.is_closed {
                return false;
            }
            state.jobs.push_back(job);
            state.taker.take()
        };
        if let Some(taker) = taker {
            taker.wake();
        }
        true
    }

    /// The oldest job, once there is one.
    pub(crate) async fn take(&self) -> Job {
        std::future::poll_fn(|task| {
            let mut state = self.state();
            match state.jobs.pop_front() {
                Some(job) => Poll::Ready(job),
                None => {
                    state.taker = Some(task.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Takes no more jobs. Clients that wait for an answer learn that there will be none.
    pub(crate) fn close(&self) {
        let (jobs, taker) = {
            let mut state = self.state();
            state.is_closed = true;
            (std::mem::take(&mut state.jobs), state.taker.take())
        };
        drop((jobs, taker));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().is_closed
    }
}
