mod layout;
mod model;

use super::slab::CHUNK;
use super::*;
use std::collections::BTreeMap;

const HOUR: u64 = 3_600_000;

impl<T> Wheel<T> {
    /// Every timer is in a queue that its deadline and the present time allow, all queues are sound,
    /// and the bitmaps tell the truth.
    fn assert_sound(&self) {
        let mut seen = 0;
        let mut deadlines = |list| {
            let nodes = self.lists.walk(&self.slab, list);
            let deadlines: Vec<_> = nodes.iter().map(|at| self.slab[*at].deadline).collect();
            assert!(deadlines.iter().all(|deadline| *deadline >= self.elapsed));
            seen += deadlines.len();
            deadlines
        };
        // What is in a slot that counts as empty is missed in the sum.
        for slot in (0..near::SLOTS).filter(|slot| self.near.is_occupied(*slot)) {
            let timers = [deadlines(carried(slot)), deadlines(direct(slot))].concat();
            assert!(!timers.is_empty());
            for deadline in timers {
                assert_eq!(near::slot(deadline), slot);
                assert!(deadline - self.elapsed < near::WINDOW);
            }
        }
        for slot in 0..far::SLOTS {
            self.far.assert_sound(slot, &deadlines(FAR_LISTS + slot));
        }
        assert_eq!(seen, self.len());
    }

    /// The queue of each timer, by its index.
    fn homes(&self) -> BTreeMap<Index, usize> {
        (0..LISTS)
            .flat_map(|list| {
                self.lists
                    .walk(&self.slab, list)
                    .into_iter()
                    .map(move |at| (at, list))
            })
            .collect()
    }

    /// How many timers wait beyond the window.
    fn far_len(&self) -> usize {
        self.homes()
            .into_values()
            .filter(|list| *list >= FAR_LISTS)
            .count()
    }
}

fn fired<T>(wheel: &mut Wheel<T>, now: u64) -> Vec<T> {
    let mut out = Vec::new();
    let count = wheel.advance(now, &mut |value| out.push(value));
    assert_eq!(count, out.len());
    wheel.assert_sound();
    out
}

/// Inserts the deadlines in order, advances to each time in turn, and compares the deadlines fired.
fn check(deadlines: &[u64], steps: &[(u64, &[u64])]) {
    let mut wheel = Wheel::new();
    for &deadline in deadlines {
        wheel.insert(deadline, deadline);
    }
    for &(now, expected) in steps {
        assert_eq!(fired(&mut wheel, now), expected, "advancing to {now}");
    }
}

#[test]
fn fires_what_is_due_in_order_and_nothing_early() {
    check(&[], &[(0, &[]), (u64::MAX, &[])]);
    check(&[0], &[(0, &[0]), (0, &[])]);
    check(&[5, 3, 4], &[(2, &[]), (3, &[3]), (9, &[4, 5])]);
    check(
        &[63, 64, 65],
        &[(62, &[]), (63, &[63]), (64, &[64]), (65, &[65])],
    );
    check(
        &[4095, 4096, 4097],
        &[(4094, &[]), (4096, &[4095, 4096]), (4097, &[4097])],
    );
    check(
        &[HOUR, 1, 70 * HOUR],
        &[(HOUR - 1, &[1]), (HOUR, &[HOUR]), (71 * HOUR, &[70 * HOUR])],
    );
    check(
        &[u64::MAX, u64::MAX - 1],
        &[(u64::MAX - 1, &[u64::MAX - 1]), (u64::MAX, &[u64::MAX])],
    );
}

#[test]
fn equal_deadlines_fire_in_order_of_insertion_from_whatever_distance() {
    let mut wheel = Wheel::new();
    let mut order = 0;
    for now in [0, 100, 5_000, 9_000, 9_990, 9_999, 10_000] {
        assert_eq!(fired(&mut wheel, now.min(9_999)), []);
        for _ in 0..3 {
            wheel.insert(10_000, order);
            order += 1;
        }
    }
    assert_eq!(fired(&mut wheel, 10_000), (0..order).collect::<Vec<_>>());
}

#[test]
fn a_deadline_in_the_past_is_due_now() {
    let mut wheel = Wheel::new();
    assert_eq!(fired(&mut wheel, 1_000), []);
    wheel.insert(1_000, 'a');
    wheel.insert(7, 'b');
    wheel.insert(0, 'c');
    assert_eq!(wheel.next_deadline(), Some(1_000));
    assert_eq!(fired(&mut wheel, 3), ['a', 'b', 'c']);
}

#[test]
fn an_id_cancels_its_own_timer_once() {
    let mut wheel = Wheel::new();
    let first = wheel.insert(10, 1);
    assert_eq!(wheel.cancel(first), Some(1));
    assert_eq!(wheel.cancel(first), None);
    let second = wheel.insert(10, 2);
    assert_eq!(first.index(), second.index());
    assert_eq!(wheel.cancel(first), None);
    assert_eq!(fired(&mut wheel, 10), [2]);
    assert_eq!(wheel.cancel(second), None);
    for bits in [
        0,
        1,
        u64::MAX,
        second.to_bits() + 1,
        second.to_bits() + (1 << 28),
    ] {
        assert_eq!(wheel.cancel(TimerId::from_bits(bits)), None);
    }
}

#[test]
fn ids_survive_numbers_and_are_never_zero() {
    let mut wheel = Wheel::new();
    wheel.generation = TimerId::LAST_GENERATION - 1;
    for value in 0..3 {
        let bits = wheel.insert(1, value).to_bits();
        assert_ne!(bits, 0);
        assert_eq!(wheel.cancel(TimerId::from_bits(bits)), Some(value));
    }
    assert_eq!(wheel.generation, 2);
}

#[test]
fn a_far_timer_wakes_its_owner_once() {
    for start in [0, 1, 63, 4_095, 262_143, 262_144, 12_345_678] {
        for delay in [1, 64, 300, 5_000, HOUR, 24 * HOUR, 365 * 24 * HOUR] {
            let mut wheel = Wheel::new();
            fired(&mut wheel, start);
            wheel.insert(start + delay, ());
            assert_eq!(wheel.next_deadline(), Some(start + delay));
            assert_eq!(fired(&mut wheel, start + delay), [()]);
        }
    }
}

#[test]
fn a_cancelled_timer_costs_at_most_one_wake_in_vain() {
    let mut wheel = Wheel::new();
    let early = wheel.insert(HOUR, 1);
    wheel.insert(HOUR + 1_000, 2);
    wheel.cancel(early);
    let wake = wheel.next_deadline().unwrap();
    assert!(wake <= HOUR + 1_000);
    assert_eq!(fired(&mut wheel, wake), []);
    assert_eq!(wheel.next_deadline(), Some(HOUR + 1_000));
}

#[test]
fn pop_lets_its_owner_insert_in_between() {
    let mut wheel = Wheel::new();
    wheel.insert(10, 'a');
    wheel.insert(30, 'c');
    assert_eq!(wheel.pop(100), Some('a'));
    wheel.insert(20, 'b');
    assert_eq!(wheel.pop(100), Some('b'));
    assert_eq!(wheel.pop(100), Some('c'));
    assert_eq!(wheel.pop(100), None);
    wheel.insert(50, 'd');
    assert_eq!(wheel.next_deadline(), Some(100));
}

#[test]
fn memory_follows_the_number_of_timers() {
    const PEAK: usize = 100_000;
    let mut wheel = Wheel::new();
    let ids: Vec<_> = (0..PEAK)
        .map(|n| wheel.insert(n as u64 % 5_000, n))
        .collect();
    assert!(wheel.capacity() < PEAK + CHUNK);
    for id in &ids[1_000..] {
        wheel.cancel(*id);
    }
    assert!(
        wheel.capacity() <= 1_000 + 2 * CHUNK,
        "{} places are kept",
        wheel.capacity()
    );
    assert_eq!(fired(&mut wheel, 5_000).len(), 1_000);
    assert_eq!(wheel.capacity(), CHUNK);
    // An id from a chunk that is gone names nothing, and the chunk can come back.
    assert_eq!(wheel.cancel(ids[PEAK - 1]), None);
    let ids: Vec<_> = (0..PEAK).map(|n| wheel.insert(6_000, n)).collect();
    assert_eq!(wheel.cancel(ids[PEAK - 1]), Some(PEAK - 1));
    assert_eq!(fired(&mut wheel, 6_000), (0..PEAK - 1).collect::<Vec<_>>());
    assert_eq!(wheel.capacity(), CHUNK);
}

#[test]
fn a_panic_in_one_timer_leaves_the_others() {
    let mut wheel = Wheel::new();
    for value in 0..3 {
        wheel.insert(5, value);
    }
    let wheel = std::sync::Mutex::new(wheel);
    let ended = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, || {
            let mut held = wheel.lock().unwrap();
            held.advance(5, &mut |value| assert_ne!(value, 1, "a panic on purpose"));
        });
        thread.unwrap().join()
    });
    assert!(ended.is_err());
    let mut wheel = wheel.into_inner().unwrap_err().into_inner();
    assert_eq!(fired(&mut wheel, 5), [2]);
}
