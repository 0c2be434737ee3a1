//! Threads of the plugin's own, which wake, send and answer on behalf of services that may be gone by then.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use skynet_service::{Buffer, Context, Handle, Outgoing, Responder, log};

use crate::figures;
use crate::payloads::KIND_BLOCK;

/// How many threads there are.
const THREADS: usize = 2;

/// What to do, on whose behalf.
pub(crate) enum Job {
    Wake(Context, u64),
    Send(Context, Handle, Buffer),
    Answer(Responder, u64),
}

static JOBS: LazyLock<Option<Sender<(Duration, Job)>>> = LazyLock::new(|| {
    let (sender, receiver) = channel();
    start(receiver).ok().map(|()| sender)
});

/// Has a thread do it after `delay`. False: there are no threads.
pub(crate) fn give(delay: Duration, job: Job) -> bool {
    match &*JOBS {
        Some(jobs) => jobs.send((delay, job)).is_ok(),
        None => false,
    }
}

fn start(jobs: Receiver<(Duration, Job)>) -> std::io::Result<()> {
    // They live as long as the process, as plugins do.
    let jobs: &'static Mutex<Receiver<(Duration, Job)>> = Box::leak(Box::new(Mutex::new(jobs)));
    for number in 0..THREADS {
        std::thread::Builder::new()
            .name(format!("ghost {number}"))
            .spawn(move || work(jobs))?;
    }
    Ok(())
}

fn work(jobs: &Mutex<Receiver<(Duration, Job)>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((delay, job)) = job else { return };
        // So that the service may be gone: nobody waits for this in order.
        std::thread::sleep(delay);
        work_on(job);
    }
}

fn work_on(job: Job) {
    match job {
        Job::Wake(cx, value) => {
            if cx.wake(value) {
                figures::WAKES_SENT.count();
            }
        }
        Job::Send(cx, to, block) => {
            if cx
                .send_message(Outgoing::new(to, KIND_BLOCK, block))
                .is_ok()
            {
                figures::BLOCKS_SENT.count();
            }
            if cx.call_raw(Outgoing::new(to, KIND_BLOCK, "")).is_ok() {
                log::error!("stress violation [turns] a call was sent from a foreign thread");
            }
        }
        Job::Answer(responder, token) => {
            // A caller that is gone is no error, and neither is an end of the one who should have answered.
            if responder.reply(&token.to_le_bytes()[..]).is_ok() {
                figures::FOREIGN_REPLIES.count();
            }
        }
    }
}
