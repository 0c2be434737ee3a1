//! The window, the slots beyond it, and the way from there.

use super::*;

/// Deadlines that wait, seen from tick 0, on the far levels 0, 0, 1 and 2.
const DISTANCES: [u64; 4] = [4_096, 10_000, 100_000, 5 * HOUR];

#[test]
fn the_window_rolls_on() {
    let mut wheel = Wheel::new();
    let mut model = BTreeMap::<u64, Vec<u64>>::new();
    for now in 0..5 * near::WINDOW {
        for distance in [1, 63, 64, 1_000, 4_032, 4_095, 4_096, 4_097, 9_000] {
            if (now + distance) % 7 < 2 {
                let value = now << 16 | distance;
                wheel.insert(now + distance, value);
                model.entry(now + distance).or_default().push(value);
            }
        }
        let mut out = Vec::new();
        wheel.advance(now, &mut |value| out.push(value));
        assert_eq!(out, model.remove(&now).unwrap_or_default(), "at {now}");
        assert_eq!(wheel.next_deadline(), model.keys().next().copied());
    }
    wheel.assert_sound();
}

#[test]
fn a_timer_inside_the_window_stays_where_it_is_put() {
    for start in [0, 1, 63, 1_023, 4_095, 4_096, 1_000_000_007] {
        let mut wheel = Wheel::new();
        fired(&mut wheel, start);
        for delay in 0..near::WINDOW {
            wheel.insert(start + delay, ());
        }
        assert_eq!(wheel.far_len(), 0);
        let homes = wheel.homes();
        fired(&mut wheel, start + 3_000);
        assert!(wheel.homes().iter().all(|(at, list)| homes[at] == *list));
        wheel.insert(start + 3_000 + near::WINDOW, ());
        assert_eq!(wheel.far_len(), 1);
    }
}

#[test]
fn a_far_timer_is_carried_in_portions() {
    const TIMERS: u64 = 100;
    for distance in DISTANCES {
        let mut wheel = Wheel::new();
        let first = (distance >> 10 << 10) + 1_024;
        for value in 0..TIMERS {
            wheel.insert(first + value, value);
        }
        let mut carried_ahead = 0;
        for now in (first - 3_500..first).step_by(25) {
            let before = wheel.homes();
            assert_eq!(wheel.advance(now, &mut |_| unreachable!("early")), 0);
            let after = wheel.homes();
            let moved = after
                .iter()
                .filter(|(at, list)| before[at] != **list)
                .count();
            assert!(moved <= PORTION, "{moved} were carried in one call");
            carried_ahead += moved;
            // Carrying needs no wake.
            assert_eq!(wheel.next_deadline(), Some(first));
        }
        assert!(carried_ahead as u64 >= TIMERS && wheel.far_len() == 0);
        for value in 0..TIMERS {
            assert_eq!(fired(&mut wheel, first + value), [value]);
        }
    }
}

#[test]
fn what_is_due_is_carried_at_once() {
    for distance in DISTANCES {
        for ahead in [0, 1, 2, 3, 30] {
            let mut wheel = Wheel::new();
            let values: Vec<_> = (0..100).collect();
            for value in &values {
                // The other way round, in pairs.
                wheel.insert(distance + (99 - value) / 2, *value);
            }
            for _ in 0..ahead {
                assert_eq!(fired(&mut wheel, distance - 1), []);
            }
            let due: Vec<_> = (0..50)
                .rev()
                .flat_map(|pair| [2 * pair, 2 * pair + 1])
                .collect();
            assert_eq!(fired(&mut wheel, distance), due[..2]);
            assert_eq!(fired(&mut wheel, 100 * HOUR), due[2..]);
        }
    }
}

#[test]
fn a_timer_carried_down_fires_before_those_inserted_after_it() {
    for distance in DISTANCES {
        let mut wheel = Wheel::new();
        let mut order = 0;
        // At every stage: below and above the slot that is being emptied, and halfway.
        for back in [
            distance,
            distance - 1,
            70_000,
            65_000,
            5_000,
            4_096,
            4_095,
            3_000,
            1,
            1,
            0,
        ] {
            let Some(now) = distance
                .checked_sub(back)
                .filter(|now| *now >= wheel.elapsed)
            else {
                continue;
            };
            assert_eq!(fired(&mut wheel, now.min(distance - 1)), []);
            for _ in 0..2 * PORTION {
                wheel.insert(distance, order);
                order += 1;
            }
            wheel.assert_sound();
        }
        assert_eq!(fired(&mut wheel, distance), (0..order).collect::<Vec<_>>());
    }
}

#[test]
fn a_new_timer_queues_up_behind_those_of_a_slot_that_is_being_emptied() {
    // Units 64 to 127 are one slot of level 1, which the window reaches three units before.
    let (deadline, reached) = (130_000, 61 << 10);
    let mut wheel = Wheel::new();
    let mut order = 0;
    for _ in 0..3 {
        for _ in 0..3 * PORTION {
            wheel.insert(deadline, order);
            order += 1;
        }
        assert_eq!(fired(&mut wheel, reached), []);
        // One that belongs behind the slot does not queue up in it.
        wheel.insert(deadline + 10_000, order + 1_000);
    }
    assert_eq!(fired(&mut wheel, deadline), (0..order).collect::<Vec<_>>());
    assert_eq!(fired(&mut wheel, 2 * deadline).len(), 3);
}

#[test]
fn a_timer_can_be_cancelled_at_every_stage() {
    for distance in DISTANCES {
        for back in [distance, 66_000, 4_096, 3_000, 2_999, 2_998, 2_990, 1] {
            for nth in 0..11 {
                let mut wheel = Wheel::new();
                let insert = |wheel: &mut Wheel<_>, n| wheel.insert(distance + n as u64 % 2, n);
                let mut ids: Vec<_> = (0..10).map(|n| insert(&mut wheel, n)).collect();
                let now = distance.saturating_sub(back);
                for step in (0..4).rev() {
                    wheel.advance(now.saturating_sub(step), &mut |_| unreachable!("early"));
                }
                // In the window it has a queue of its own.
                ids.push(insert(&mut wheel, 10));
                assert_eq!(wheel.cancel(ids[nth]), Some(nth));
                wheel.assert_sound();
                let mut left = vec![0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9];
                left.retain(|n| *n != nth);
                assert_eq!(fired(&mut wheel, distance + 1), left);
            }
        }
    }
}

#[test]
fn the_end_of_time_is_reached() {
    for back in [
        0,
        1,
        1_023,
        1_024,
        3_072,
        4_095,
        4_096,
        5_000,
        70_000,
        HOUR,
        u64::MAX,
    ] {
        let mut wheel = Wheel::new();
        let early = wheel.insert(u64::MAX, 0);
        assert_eq!(fired(&mut wheel, (u64::MAX - 1).min(u64::MAX - back)), []);
        wheel.insert(u64::MAX, 1);
        wheel.insert(u64::MAX - 1, 2);
        wheel.cancel(early);
        assert_eq!(fired(&mut wheel, u64::MAX - 1), [2]);
        assert_eq!(wheel.next_deadline(), Some(u64::MAX));
        assert_eq!(fired(&mut wheel, u64::MAX), [1]);
        wheel.insert(u64::MAX, 3);
        assert_eq!(fired(&mut wheel, 5), [3]);
    }
}

#[test]
fn a_stop_of_hours_loses_nothing() {
    let mut wheel = Wheel::new();
    let mut values: Vec<_> = (0..2_000u64).map(|n| n * n * 17 % (30 * HOUR)).collect();
    for value in &values {
        wheel.insert(*value, *value);
    }
    values.sort_unstable();
    let stopped = values.partition_point(|value| *value <= 7);
    assert_eq!(fired(&mut wheel, 7), values[..stopped]);
    let back = values.partition_point(|value| *value <= 20 * HOUR);
    assert_eq!(fired(&mut wheel, 20 * HOUR), values[stopped..back]);
    assert_eq!(wheel.next_deadline(), values.get(back).copied());
    assert_eq!(fired(&mut wheel, 40 * HOUR), values[back..]);
}
