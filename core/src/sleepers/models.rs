//! Every interleaving of small cases, with `RUSTFLAGS="--cfg loom"`. A reason to run that is slept through shows as a
//! deadlock: loom reports threads that can never go on.

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::*;

/// Work in a queue that all may take from, a poller, and workers that have nothing else.
#[derive(Debug)]
struct Node {
    sleepers: Sleepers,
    /// Services in the injector. Relaxed: the fences under test must be enough.
    work: AtomicUsize,
    stopping: AtomicBool,
    /// Stands for the system's poller: a notification is kept until somebody polls.
    poller: Parker,
    is_driven: AtomicBool,
    events: AtomicUsize,
    /// Wake-ups that reached somebody.
    woken: AtomicUsize,
}

impl Node {
    fn new(seats: usize) -> Arc<Self> {
        Arc::new(Self {
            sleepers: Sleepers::new(seats),
            work: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            poller: Parker::default(),
            is_driven: AtomicBool::new(false),
            events: AtomicUsize::new(0),
            woken: AtomicUsize::new(0),
        })
    }

    /// As `node::Node::inject` does.
    fn inject(&self) {
        self.work.fetch_add(1, Ordering::Relaxed);
        self.wake_one();
    }

    fn wake_one(&self) {
        match self.sleepers.wake_one() {
            Woken::Nobody => return,
            Woken::Unparked => {}
            Woken::NotifyPoller => self.poller.unpark(),
        }
        self.woken.fetch_add(1, Ordering::Relaxed);
    }

    /// As `shutdown::stop_workers` does.
    fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.sleepers.wake_all();
        self.poller.unpark();
    }

    fn take_work(&self) -> bool {
        let one_less = |work: usize| work.checked_sub(1);
        self.work
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn is_needed(&self) -> bool {
        self.work.load(Ordering::Relaxed) != 0 || self.is_stopping()
    }

    fn sleep(&self, seat: usize) -> bool {
        self.sleepers
            .sleep(seat, || self.is_needed(), || self.drive())
    }

    /// Until the poller is notified.
    fn drive(&self) {
        self.use_driver(|| self.poller.park());
    }

    fn use_driver(&self, wait: impl FnOnce()) {
        // One at a time, and it sees what the one before did: Relaxed may give an older number otherwise.
        assert!(!self.is_driven.load(Ordering::Relaxed));
        self.is_driven.store(true, Ordering::Relaxed);
        wait();
        self.is_driven.store(false, Ordering::Relaxed);
    }

    /// Sleeps until there is something to take.
    fn work_once(&self, seat: usize) {
        while !self.take_work() {
            self.sleep(seat);
        }
    }
}

fn spawn(node: &Arc<Node>, run: impl FnOnce(&Node) + 'static) -> thread::JoinHandle<()> {
    let node = Arc::clone(node);
    thread::spawn(move || run(&node))
}

fn join(thread: thread::JoinHandle<()>) {
    thread.join().expect("joined");
}

/// Four threads are too many for every interleaving: these many switches between runnable threads are tried.
fn model_bounded(switches: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(switches);
    builder.check(run);
}

#[test]
fn work_is_not_missed_by_the_last_worker_on_its_way_into_the_poller() {
    loom::model(|| {
        let node = Node::new(1);
        let worker = spawn(&node, |node| node.work_once(0));
        node.inject();
        join(worker);
        assert_eq!(node.sleepers.wake_one(), Woken::Nobody);
    });
}

#[test]
fn work_is_not_missed_by_a_worker_on_its_way_into_its_parker() {
    loom::model(|| {
        let node = Node::new(2);
        assert!(node.sleepers.take_poller(), "somebody else drives it");
        let worker = spawn(&node, |node| node.work_once(1));
        node.inject();
        join(worker);
        assert_eq!(node.sleepers.wake_one(), Woken::Nobody);
    });
}

/// Each worker does one piece of work only, so both must get up.
#[test]
fn two_wakes_for_two_sleepers_wake_both() {
    model_bounded(2, || {
        let node = Node::new(2);
        let workers = [0, 1].map(|seat| spawn(&node, move |node| node.work_once(seat)));
        node.inject();
        node.inject();
        workers.into_iter().for_each(join);
        assert_eq!(node.sleepers.wake_one(), Woken::Nobody);
    });
}

#[test]
fn two_wakers_at_once_wake_both_sleepers() {
    model_bounded(2, || {
        let node = Node::new(2);
        let workers = [0, 1].map(|seat| spawn(&node, move |node| node.work_once(seat)));
        let waker = spawn(&node, Node::inject);
        node.inject();
        join(waker);
        workers.into_iter().for_each(join);
    });
}

/// One sleep, two wakers: the second one is told that nobody sleeps, and does not wake in vain.
#[test]
fn a_sleeper_is_woken_once() {
    model_bounded(3, || {
        let node = Node::new(1);
        let worker = spawn(&node, |node| {
            node.sleep(0);
        });
        let waker = spawn(&node, Node::inject);
        node.inject();
        join(waker);
        join(worker);
        assert!(node.woken.load(Ordering::Relaxed) <= 1);
        assert!(!node.sleepers.has_any());
        assert_eq!(node.sleepers.wake_one(), Woken::Nobody);
    });
}

/// A wake-up for a sleeper that had stayed awake by itself does not cut its next sleep short.
#[test]
fn a_wake_up_that_came_too_late_is_forgotten() {
    loom::model(|| {
        let node = Node::new(2);
        assert!(node.sleepers.take_poller(), "somebody else drives it");
        let early = spawn(&node, Node::inject);
        node.work_once(1);
        join(early);
        let late = spawn(&node, Node::inject);
        if node.sleep(1) {
            assert!(node.take_work(), "nothing else may wake it");
        }
        join(late);
    });
}

/// Busy workers look into the poller between their turns.
#[test]
fn the_poller_is_handed_over_with_all_that_was_done_there() {
    loom::model(|| {
        let node = Node::new(2);
        let poll = |node: &Node| {
            if node.sleepers.take_poller() {
                node.use_driver(|| {});
                node.sleepers.release_poller();
            }
        };
        let other = spawn(&node, poll);
        poll(&node);
        join(other);
        assert!(!node.sleepers.is_polled());
    });
}

/// A worker that drove the poller leaves for good: the other one, on its way to sleep, must take over.
#[test]
fn the_poller_is_not_left_alone_by_a_worker_that_leaves() {
    loom::model(|| {
        let node = Node::new(2);
        assert!(node.sleepers.take_poller());
        let other = spawn(&node, |node| {
            // Ends when it has driven the poller.
            while !node.is_stopping() {
                let drive = || node.stopping.store(true, Ordering::Relaxed);
                node.sleepers.sleep(1, || false, drive);
            }
        });
        // As `Worker::leave` does.
        node.sleepers.release_poller();
        if !node.sleepers.is_polled() {
            node.wake_one();
        }
        join(other);
    });
}

/// Two events, the second one after the first was handled: each finds somebody in the poller.
#[test]
fn when_all_sleep_one_of_them_sleeps_in_the_poller() {
    model_bounded(3, || {
        let node = Node::new(2);
        node.work.store(1, Ordering::Relaxed);
        let run = |node: &Node, seat| {
            let _ = node.take_work();
            let handle_event = || {
                node.drive();
                if node.events.fetch_add(1, Ordering::Relaxed) == 0 {
                    node.poller.unpark();
                } else {
                    node.stop();
                }
            };
            node.sleepers.sleep(seat, || node.is_needed(), handle_event);
        };
        let workers = [0, 1].map(|seat| {
            spawn(&node, move |node| {
                while !node.is_stopping() {
                    run(node, seat);
                }
            })
        });
        node.poller.unpark();
        workers.into_iter().for_each(join);
    });
}

#[test]
fn nobody_sleeps_through_the_stop() {
    model_bounded(3, || {
        let node = Node::new(2);
        let workers = [0, 1].map(|seat| {
            spawn(&node, move |node| {
                while !node.is_stopping() {
                    node.sleep(seat);
                }
            })
        });
        node.stop();
        workers.into_iter().for_each(join);
    });
}
