//! Every interleaving of small cases, with `RUSTFLAGS="--cfg loom"`.

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::sleepers::Sleepers;

/// Ends when the monitor has looked at a worker that is awake, which it does not while it sleeps.
fn is_looked_at(be_awake: fn(&Sleepers)) {
    loom::model(move || {
        let monitor = Arc::new(Monitor::default());
        let sleepers = Arc::new(Sleepers::new(1));
        let looks = {
            let (monitor, sleepers) = (Arc::clone(&monitor), Arc::clone(&sleepers));
            thread::spawn(move || {
                while !sleepers.is_anybody_awake() {
                    monitor.wait(|| sleepers.is_anybody_awake());
                }
            })
        };
        be_awake(&sleepers);
        monitor.poke();
        // The worker is in a callback that does not end.
        looks.join().expect("joined");
    });
}

#[test]
fn a_worker_that_begins_is_looked_at() {
    is_looked_at(Sleepers::join);
}

#[test]
fn a_worker_that_wakes_up_is_looked_at() {
    is_looked_at(|sleepers| {
        sleepers.join();
        assert!(sleepers.sleep(0, || false, || {}));
    });
}

#[test]
fn the_stop_is_not_slept_through() {
    loom::model(|| {
        let monitor = Arc::new(Monitor::default());
        let thread = {
            let monitor = Arc::clone(&monitor);
            thread::spawn(move || {
                while !monitor.stopping.load(Ordering::SeqCst) {
                    monitor.wait(|| false);
                }
            })
        };
        monitor.stop();
        thread.join().expect("joined");
    });
}
