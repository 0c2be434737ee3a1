//! The wheel behaves as a sorted map, whatever is done to it in whatever order.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    Insert(u64),
    InsertAt(u64),
    /// Inserts with the deadline of an earlier one.
    InsertAgain(usize),
    /// Cancels the id at this position (modulo) of all ever handed out.
    Cancel(usize),
    Advance(u64),
    /// Advances to what `next_deadline` says.
    Sleep,
}

/// Spans of every magnitude, near ones more often.
fn span() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..70u64, 4 => 0..5_000u64, 4 => 4_000..7_000u64, 2 => 0..HOUR, 1 => (0..64u32, any::<u64>())
        .prop_map(|(shift, bits)| bits >> shift)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => span().prop_map(Op::Insert),
        1 => any::<u64>().prop_map(Op::InsertAt),
        4 => any::<usize>().prop_map(Op::InsertAgain),
        3 => any::<usize>().prop_map(Op::Cancel),
        3 => span().prop_map(Op::Advance),
        3 => Just(Op::Sleep),
    ]
}

proptest! {
    #[test]
    fn behaves_as_a_sorted_map(ops in prop::collection::vec(op(), 0..300)) {
        let mut wheel = Wheel::new();
        let mut model: BTreeMap<(u64, usize), TimerId> = BTreeMap::new();
        let mut ids: Vec<(TimerId, (u64, usize))> = Vec::new();
        let mut now = 0u64;
        for op in ops {
            match op {
                Op::Insert(_) | Op::InsertAt(_) | Op::InsertAgain(_) => {
                    let deadline = match op {
                        Op::InsertAgain(nth) if !ids.is_empty() => ids[nth % ids.len()].1.0,
                        Op::InsertAgain(_) => now,
                        Op::Insert(span) => now.saturating_add(span),
                        Op::InsertAt(deadline) => deadline,
                        _ => unreachable!(),
                    };
                    let key = (deadline.max(now), ids.len());
                    let id = wheel.insert(deadline, key);
                    model.insert(key, id);
                    ids.push((id, key));
                }
                Op::Cancel(nth) if !ids.is_empty() => {
                    let (id, key) = ids[nth % ids.len()];
                    let expected = model.remove(&key).map(|_| key);
                    prop_assert_eq!(wheel.cancel(id), expected);
                    wheel.assert_sound();
                }
                Op::Cancel(_) => {}
                Op::Advance(_) | Op::Sleep => {
                    now = match op {
                        Op::Advance(span) => now.saturating_add(span),
                        _ => wheel.next_deadline().unwrap_or(now),
                    };
                    let later = model.split_off(&(now, usize::MAX));
                    let due: Vec<_> = std::mem::replace(&mut model, later).into_keys().collect();
                    prop_assert_eq!(fired(&mut wheel, now), due);
                }
            }
            prop_assert_eq!(wheel.len(), model.len());
            let earliest = model.keys().next().map(|key| key.0);
            let next = wheel.next_deadline();
            prop_assert_eq!(next.is_some(), earliest.is_some());
            prop_assert!(next <= earliest && next.is_none_or(|next| next >= now));
        }
        // Sleeping as told reaches every timer, and in vain no more often than timers were cancelled.
        let mut vain = 0;
        while let Some(next) = wheel.next_deadline() {
            let due = fired(&mut wheel, next);
            vain += usize::from(due.is_empty());
            for key in due {
                prop_assert_eq!(model.pop_first().map(|(key, _)| key), Some(key));
                prop_assert_eq!(key.0, next);
            }
        }
        prop_assert!(model.is_empty());
        prop_assert!(vain <= ids.len());
    }
}
