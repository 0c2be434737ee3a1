//! Every interleaving of small cases, with `RUSTFLAGS="--cfg loom"`: of the real table, slots, heads and mailboxes, only that
//! chunks, pages and spare memory are small. Memory that is given back checks that it may be: see `pages/models.rs`.

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::buffer::Letter;
use crate::service::{Ending, Pushed};

/// More messages than any model has: so all of a head is to become 0.
const LIMIT: u32 = 9;

fn registry() -> Arc<Registry> {
    Arc::new(Registry::new(HarborId::Fixed(0)).expect("memory"))
}

/// As `launch::launch` does. The service is in its first turn, which is the caller's.
fn launch(registry: &Registry) -> &'static Service {
    registry.insert(LIMIT).expect("room")
}

/// What lies in the mailbox, by destination, in the turn of the service.
fn take(service: &Service) -> Vec<u32> {
    let batch = service.mailbox().take();
    batch.map(|letter| letter.destination).collect()
}

/// As `end::end` does, for whoever holds the turn; returns the destinations of what was left in the mailbox.
fn end(registry: &Registry, service: &'static Service) -> Vec<u32> {
    service.set_ending(service.context(), Ending::default());
    registry.remove(service, service.handle());
    let left = service.mailbox().close();
    let left = left.map(|letter| letter.destination).collect();
    service.finish();
    registry.recycle(service);
    left
}

/// As turns do while the service is scheduled; returns the destinations of its messages, and whether it ended.
fn run(registry: &Registry, service: &'static Service) -> (Vec<u32>, bool) {
    let mut taken = Vec::new();
    loop {
        taken.extend(take(service));
        if service.is_ending() {
            taken.extend(end(registry, service));
            return (taken, true);
        }
        // As `turn::settle` does.
        if service.mailbox().rest() && !(service.is_ending() && service.mailbox().schedule()) {
            return (taken, false);
        }
    }
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// There is no such service, or it has ended.
    Refused,
    /// It lies in a mailbox.
    Delivered,
    /// And somebody must run its service.
    Scheduled,
}

/// As `send::push` does.
fn send(registry: &Registry, handle: u32) -> Sent {
    let Some(found) = registry.find(handle) else {
        return Sent::Refused;
    };
    let mut letter = Letter::empty().expect("memory");
    letter.destination = handle;
    match found.push(letter, true) {
        Pushed::Delivered => Sent::Delivered,
        Pushed::Schedule(_) => Sent::Scheduled,
        Pushed::Closed(_) => Sent::Refused,
        Pushed::Full(_) => panic!("the limit is not reached"),
    }
}

/// As `end::kill` does. True: the killer's word counts, and it took the service out of the table.
fn kill(registry: &Registry, handle: u32) -> Option<(bool, bool)> {
    let service = registry.visit(handle)?;
    let context = service.context();
    if context.handle != handle || !service.set_ending(context, Ending::default()) {
        return None;
    }
    let was_first = registry.remove(&service, handle);
    let must_run = service.found().schedule().is_some();
    Some((was_first, must_run))
}

#[test]
fn a_service_is_found_whole_or_not_at_all() {
    loom::model(|| {
        let registry = registry();
        let sender = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                if let Some(service) = registry.visit(1) {
                    assert_eq!(service.context().generation, 1);
                    assert!(service.shared().ending.is_none());
                }
                send(&registry, 1)
            })
        };
        let service = launch(&registry);
        assert_eq!(service.handle(), 1);
        let rests = service.mailbox().rest();
        let sent = sender.join().expect("joined");
        let taken = take(service);
        assert_eq!(taken.len(), usize::from(sent != Sent::Refused));
        assert_eq!(sent == Sent::Scheduled, rests && !taken.is_empty());
    });
}

#[test]
fn a_message_for_a_former_life_is_refused_or_bounced() {
    loom::model(|| {
        let registry = registry();
        let first = launch(&registry);
        let sender = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || send(&registry, 1))
        };
        let left = end(&registry, first);
        let second = launch(&registry);
        assert!(ptr::eq(first, second), "the slot is used again");
        assert_eq!(second.handle(), 2);
        let own = send(&registry, 2);
        assert_eq!(own, Sent::Delivered);
        let mut taken = take(second);
        let rests = second.mailbox().rest();
        let sent = sender.join().expect("joined");
        let late = take(second);
        assert_eq!(sent == Sent::Scheduled, rests && !late.is_empty());
        taken.extend(late);
        // By their destinations a turn tells its own from those to be bounced.
        let bounced = taken.iter().filter(|&&handle| handle == 1).count();
        assert_eq!(taken.len() - bounced, 1);
        assert_eq!(left.len() + bounced, usize::from(sent != Sent::Refused));
    });
}

#[test]
fn who_comes_late_writes_nothing_to_memory_that_was_given_back() {
    loom::model(|| {
        let registry = registry();
        let service = launch(&registry);
        let late = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                let found = registry.find(1);
                let sent = send(&registry, 1);
                // A service that is in its turn needs no other.
                if let Some(found) = found {
                    assert!(found.schedule().is_none());
                }
                sent
            })
        };
        let left = end(&registry, service);
        assert_eq!(registry.lock().slots.chunks(), (0, 0), "all is given back");
        let sent = late.join().expect("joined");
        assert_eq!(left.len(), usize::from(sent != Sent::Refused));
        assert_eq!(registry.live(), 0);
        service.lose();
    });
}

#[test]
fn nothing_is_given_back_while_somebody_looks() {
    loom::model(|| {
        let registry = registry();
        let service = launch(&registry);
        let visitor = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                let Some(visit) = registry.visit(1) else {
                    return;
                };
                visit.shared().command.push('x');
                let shared = visit.shared();
                assert!(shared.calls.len() == 0);
            })
        };
        end(&registry, service);
        visitor.join().expect("joined");
        registry.tidy();
        assert_eq!(registry.lock().slots.chunks(), (0, 0));
    });
}

#[test]
fn of_two_killers_one_counts_and_the_service_runs_once_more() {
    loom::model(|| {
        let registry = registry();
        let service = launch(&registry);
        assert!(service.mailbox().rest());
        let other = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || kill(&registry, 1))
        };
        let kills = [kill(&registry, 1), other.join().expect("joined")];
        let mut counted = kills.iter().flatten();
        assert_eq!(counted.next(), Some(&(true, true)));
        assert_eq!(counted.next(), None);
        assert!(!registry.remove(service, 1), "it was taken out before");
        assert!(service.is_ending());
        assert_eq!(end(&registry, service), []);
    });
}

#[test]
fn a_service_that_is_sent_to_and_killed_ends_once() {
    loom::model(|| {
        let registry = registry();
        let service = launch(&registry);
        assert!(service.mailbox().rest());
        let sender = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                let sent = send(&registry, 1);
                // Whoever must run the service is its worker here.
                let ran = (sent == Sent::Scheduled).then(|| run(&registry, service));
                (sent, ran)
            })
        };
        let (_, must_run) = kill(&registry, 1).expect("nobody else ends it");
        let mine = must_run.then(|| run(&registry, service));
        let (sent, theirs) = sender.join().expect("joined");
        let turns = || mine.iter().chain(&theirs);
        assert_eq!(turns().filter(|(_, ended)| *ended).count(), 1);
        let taken: usize = turns().map(|(taken, _)| taken.len()).sum();
        assert_eq!(taken, usize::from(sent != Sent::Refused));
        assert_eq!(registry.live(), 0);
        // The killer may have been there still when the service ended.
        registry.tidy();
        assert_eq!(registry.lock().slots.chunks(), (0, 0), "all is given back");
    });
}

#[test]
fn a_late_killer_does_not_end_the_next_life() {
    loom::model(|| {
        let registry = registry();
        let first = launch(&registry);
        let killer = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || kill(&registry, 1))
        };
        // It ends by itself, in its turn.
        end(&registry, first);
        let second = launch(&registry);
        assert!(ptr::eq(first, second), "the slot is used again");
        assert!(second.mailbox().rest());
        let killed = killer.join().expect("joined");
        assert!(!second.is_ending());
        assert!(second.shared().ending.is_none());
        assert!(registry.find(2).is_some());
        // The killer may have taken the second life for the first and given it a turn, in vain.
        let has_turn = matches!(killed, Some((_, true)));
        assert_eq!(second.mailbox().schedule(), !has_turn);
    });
}

/// Pages are of two ids, and two are given back at a time.
#[test]
fn a_page_of_ids_is_given_back_and_used_again_while_somebody_looks_into_it() {
    loom::model(|| {
        let registry = registry();
        let launch_as = |id| {
            registry.lock().ids.next = id;
            launch(&registry)
        };
        let (second, fourth) = (launch_as(2), launch_as(4));
        registry.lock().ids.next = 6;
        let sender = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || send(&registry, 2))
        };
        assert_eq!(end(&registry, fourth), []);
        let left = end(&registry, second).len();
        // All other ids were used meanwhile.
        let third = launch_as(3);
        let sent = sender.join().expect("joined");
        let late = take(third);
        assert!(late.iter().all(|&handle| handle == 2));
        assert_eq!(left + late.len(), usize::from(sent != Sent::Refused));
        assert!(registry.find(2).is_none());
        // A page that was left and is used again is not given back with the next one.
        let fifth = launch_as(5);
        registry.lock().ids.next = 6;
        end(&registry, third);
        let third = launch_as(3);
        registry.lock().ids.next = 6;
        end(&registry, fifth);
        assert!(
            registry
                .find(3)
                .is_some_and(|found| found.is(third.context()))
        );
    });
}

#[test]
fn services_come_and_go_from_several_threads() {
    loom::model(|| {
        let registry = registry();
        let other = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                let service = launch(&registry);
                let handle = service.handle();
                assert!(
                    registry
                        .visit(handle)
                        .is_some_and(|found| ptr::eq(&*found, service))
                );
                assert_eq!(end(&registry, service), []);
                handle
            })
        };
        let service = launch(&registry);
        let handle = service.handle();
        assert!(registry.find(handle).is_some());
        assert_eq!(end(&registry, service), []);
        assert_eq!(handle + other.join().expect("joined"), 3);
        assert_eq!(registry.live(), 0);
    });
}
