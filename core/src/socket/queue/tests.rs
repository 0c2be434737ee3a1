//! The queue against a model that keeps whole writes.

use std::collections::VecDeque;

use proptest::prelude::*;
use smallvec::SmallVec;

use super::{Lane, Queue};
use crate::socket::part::{OwnedPart, Part, Parts};

#[derive(Clone, Debug)]
enum Step {
    /// Sizes of parts, and whether each is owned.
    Push {
        parts: Vec<(u16, bool)>,
        is_low: bool,
    },
    /// How much the kernel takes, in 256ths of what waits.
    Send(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![0..50u16, 0..3000u16];
    let parts = prop::collection::vec((size, any::<bool>()), 1..4);
    prop_oneof![
        (parts, any::<bool>()).prop_map(|(parts, is_low)| Step::Push { parts, is_low }),
        any::<u8>().prop_map(Step::Send),
    ]
}

/// Whole writes in two lanes; the one that has been sent in part comes first.
#[derive(Default)]
struct Model {
    begun: VecDeque<u8>,
    high: VecDeque<Vec<u8>>,
    low: VecDeque<Vec<u8>>,
}

impl Model {
    fn next_byte(&mut self) -> u8 {
        if self.begun.is_empty() {
            let write = self.high.pop_front().or_else(|| self.low.pop_front());
            self.begun = write.expect("something waits").into();
        }
        self.begun.pop_front().expect("no write is empty")
    }
}

fn owned(bytes: &[u8]) -> Part<'static> {
    Part::Owned(OwnedPart::copy_of(bytes, 1))
}

proptest! {
    #[test]
    fn behaves_like_two_lists_of_whole_writes(steps in prop::collection::vec(step(), 0..60)) {
        let (mut queue, mut model) = (Queue::default(), Model::default());
        let mut counter = 0u8;
        let mut waiting = 0;
        for step in steps {
            match step {
                Step::Push { parts, is_low } => {
                    let bytes: Vec<Vec<u8>> = parts
                        .iter()
                        .map(|&(size, _)| {
                            counter = counter.wrapping_add(1);
                            vec![counter; size.into()]
                        })
                        .collect();
                    let whole = bytes.concat();
                    if whole.is_empty() {
                        continue;
                    }
                    let parts: Parts<'_> = bytes
                        .iter()
                        .zip(&parts)
                        .map(|(bytes, &(_, is_owned))| match is_owned {
                            true => owned(bytes),
                            false => Part::Borrowed(bytes),
                        })
                        .collect();
                    waiting += whole.len();
                    match is_low {
                        true => model.low.push_back(whole),
                        false => model.high.push_back(whole),
                    }
                    queue.push(parts, 0, if is_low { Lane::Low } else { Lane::High });
                }
                Step::Send(share) => {
                    let offered: Vec<u8> =
                        queue.slices().iter().flat_map(|slice| slice.to_vec()).collect();
                    prop_assert_eq!(offered.is_empty(), waiting == 0);
                    let count = offered.len() * usize::from(share) / 255;
                    for &byte in &offered[..count] {
                        prop_assert_eq!(byte, model.next_byte());
                    }
                    queue.advance(count);
                    waiting -= count;
                }
            }
            prop_assert_eq!(queue.bytes(), waiting);
        }
    }

    #[test]
    fn the_part_that_is_sent_already_is_left_out(
        sizes in prop::collection::vec(0..100usize, 1..5),
        share in 0..100usize,
    ) {
        let whole: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|at| at as u8).collect();
        let skip = whole.len() * share / 100;
        prop_assume!(skip < whole.len());
        let mut rest = &whole[..];
        let mut parts: Parts<'_> = SmallVec::new();
        for (at, &size) in sizes.iter().enumerate() {
            let (bytes, more) = rest.split_at(size);
            parts.push(if at % 2 == 0 { owned(bytes) } else { Part::Borrowed(bytes) });
            rest = more;
        }
        let mut queue = Queue::default();
        queue.push(parts, skip, Lane::High);
        let queued: Vec<u8> = queue.slices().iter().flat_map(|slice| slice.to_vec()).collect();
        prop_assert_eq!(&queued, &whole[skip..]);
    }
}

#[test]
fn marks_double_and_the_limit_counts_once() {
    let mut queue = Queue::default();
    let mut check = |bytes: usize, limit: usize, expected: Option<u64>| {
        let bytes = vec![0; bytes];
        let parts = SmallVec::from_iter([Part::Borrowed(&bytes[..])]);
        queue.push(parts, 0, Lane::High);
        assert_eq!(queue.passed_mark(bytes.len(), limit), expected);
    };
    const MIB: usize = 1 << 20;
    check(1000, 1001, None);
    check(1, 1001, Some(1));
    check(1000, 1001, None);
    check(MIB, usize::MAX, Some(1026));
    check(MIB, usize::MAX, Some(2050));
    check(MIB, usize::MAX, None);
    check(16 * MIB, usize::MAX, Some(19 * 1024 + 2));
    check(MIB, usize::MAX, None);
}
