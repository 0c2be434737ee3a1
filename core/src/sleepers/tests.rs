use super::*;

fn listed(sleepers: &Sleepers, seat: usize, in_poller: bool) {
    assert!(sleepers.announce(Sleeper { seat, in_poller }, || false));
}

#[test]
fn whoever_drives_the_poller_is_woken_last() {
    let sleepers = Sleepers::new(3);
    assert!(sleepers.take_poller());
    listed(&sleepers, 0, false);
    listed(&sleepers, 1, true);
    listed(&sleepers, 2, false);
    assert_eq!(sleepers.wake_one(), Woken::Unparked);
    sleepers.beds[2].parker.park();
    assert_eq!(sleepers.wake_one(), Woken::Unparked);
    sleepers.beds[0].parker.park();
    assert_eq!(sleepers.wake_one(), Woken::NotifyPoller);
    assert_eq!(sleepers.wake_one(), Woken::Nobody);
}

#[test]
fn one_worker_at_a_time_drives_the_poller() {
    let sleepers = Sleepers::new(2);
    assert!(sleepers.take_poller());
    assert!(!sleepers.take_poller());
    assert!(sleepers.is_polled());
    sleepers.release_poller();
    assert!(!sleepers.is_polled());
    sleepers.join();
    let mut has_driven = false;
    let slept = sleepers.sleep(
        1,
        || false,
        || {
            has_driven = true;
            assert!(sleepers.is_polled());
            assert!(!sleepers.is_anybody_awake());
            assert!(sleepers.has_any());
        },
    );
    assert!(slept && has_driven);
    assert!(!sleepers.is_polled());
    assert!(!sleepers.has_any());
}

#[test]
fn a_worker_that_is_needed_does_not_sleep() {
    let sleepers = Sleepers::new(1);
    sleepers.join();
    assert!(!sleepers.sleep(0, || true, || panic!("it must not sleep")));
    assert!(sleepers.is_anybody_awake());
    assert!(!sleepers.has_any());
    assert!(!sleepers.is_polled());
    sleepers.part();
    assert!(!sleepers.is_anybody_awake());
}
