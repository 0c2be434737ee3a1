//! Parts to messages.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_cluster_wire::{Limits, Reassembler, Refused, Sink, Wrong};

const LIMITS: Limits = Limits {
    message: 1 << 20,
    open: 3,
    bytes: 1 << 21,
};

/// The headers are texts.
type Messages = Reassembler<Vec<u8>, &'static str>;

fn messages() -> Messages {
    Reassembler::new(LIMITS)
}

#[test]
fn parts_of_several_messages_come_in_any_mix() {
    let mut messages = messages();
    messages.begin(8, 5, "first").unwrap();
    messages.begin(9, 4, "second").unwrap();
    messages.part(8, b"he").unwrap();
    messages.part(9, b"wor").unwrap();
    messages.part(8, b"ll").unwrap();
    assert_eq!(messages.finish(9, b"d"), Ok(("second", b"word".to_vec())));
    assert_eq!(messages.finish(8, b"o"), Ok(("first", b"hello".to_vec())));
    messages.begin(8, 0, "empty").unwrap();
    assert_eq!(messages.finish(8, b""), Ok(("empty", vec![])));
    assert_eq!((messages.open(), messages.bytes()), (0, 0));
}

#[test]
fn what_was_not_begun_is_unknown() {
    let mut messages = messages();
    assert_eq!(messages.part(1, b"a"), Err(Wrong::Unknown));
    assert_eq!(messages.finish(1, b"a"), Err(Wrong::Unknown));
    assert_eq!(messages.remove(1), None);
    assert_eq!(messages.open(), 0, "and leaves nothing");
}

#[test]
fn the_sum_of_the_parts_is_the_total() {
    let mut messages = messages();
    messages.begin(1, 3, "short").unwrap();
    messages.part(1, b"a").unwrap();
    assert_eq!(messages.finish(1, b"b"), Err(Wrong::Mismatch("short")));
    assert_eq!(messages.finish(1, b"c"), Err(Wrong::Unknown));

    messages.begin(2, 3, "long").unwrap();
    assert_eq!(messages.finish(2, b"abcd"), Err(Wrong::Mismatch("long")));

    messages.begin(3, 3, "longer").unwrap();
    assert_eq!(messages.part(3, b"abcd"), Err(Wrong::Mismatch("longer")));
    assert_eq!(messages.part(3, b"efgh"), Ok(()), "it is told once");
    assert_eq!(messages.finish(3, b"i"), Err(Wrong::Dropped));
    assert_eq!((messages.open(), messages.bytes()), (0, 0));
}

#[test]
fn a_message_that_is_too_large_is_swallowed() {
    let mut messages = messages();
    let (found, limit) = (u32::MAX as usize, LIMITS.message);
    let refused = Err(Refused::TooLarge { found, limit });
    assert_eq!(messages.begin(1, u32::MAX, "4 GiB"), refused);
    messages.part(1, &[1; 0x8000]).unwrap();
    assert_eq!((messages.open(), messages.bytes()), (1, 0));
    assert_eq!(messages.finish(1, b"a"), Err(Wrong::Dropped));
    assert_eq!(messages.begin(1, limit as u32, "fits"), Ok(()));
}

#[test]
fn only_so_many_are_under_way() {
    let mut messages = messages();
    for session in 1..=3 {
        messages.begin(session, 2, "").unwrap();
    }
    let refused = Err(Refused::TooMany { limit: 3 });
    assert_eq!(messages.begin(4, 2, "one more"), refused);
    assert_eq!(messages.begin(5, u32::MAX, "and a large one"), refused);
    assert_eq!(messages.finish(4, b"ab"), Err(Wrong::Unknown));
    messages.finish(1, b"ab").unwrap();
    assert_eq!(messages.begin(4, 2, "now"), Ok(()));
}

#[test]
fn a_session_is_begun_once() {
    let mut messages = messages();
    messages.begin(1, 2, "first").unwrap();
    assert_eq!(messages.begin(1, 9, "again"), Err(Refused::Duplicate));
    assert_eq!(messages.finish(1, b"ab"), Ok(("first", b"ab".to_vec())));
    assert_eq!(messages.begin(1, 9, "again"), Ok(()));
}

#[test]
fn what_nobody_waits_for_is_swallowed() {
    let mut messages = messages();
    messages.begin(1, 100, "late").unwrap();
    messages.part(1, &[1; 50]).unwrap();
    assert_eq!(messages.remove(1), Some("late"));
    assert_eq!(messages.remove(1), None);
    assert_eq!((messages.open(), messages.bytes()), (1, 0));
    messages.part(1, &[1; 50]).unwrap();
    assert_eq!(messages.finish(1, b""), Err(Wrong::Dropped));
}

/// Only what came takes room, so any number may be begun as long as they come one after the other.
#[test]
fn the_room_of_all_is_bounded_and_claims_take_none() {
    let mut messages = messages();
    let part = [7; 0x8000];
    let total = LIMITS.message as u32;
    let limit = LIMITS.bytes;
    for session in 1..=3 {
        messages.begin(session, total, "large").unwrap();
    }
    for session in 1..=2 {
        for _ in 1..LIMITS.message / part.len() {
            messages.part(session, &part).unwrap();
        }
    }
    assert_eq!(messages.bytes(), limit);
    let budget = Err(Wrong::Budget {
        header: "large",
        limit,
    });
    assert_eq!(messages.part(3, &part), budget);
    assert_eq!(messages.finish(3, &part), Err(Wrong::Dropped));
    let (_, body) = messages.finish(1, &part).unwrap();
    assert_eq!(body.len(), LIMITS.message);
    messages.begin(3, total, "again").unwrap();
    assert_eq!(messages.part(3, &part), Ok(()));
}

#[test]
fn the_last_of_the_room_is_used() {
    let limits = Limits {
        bytes: 10,
        ..LIMITS
    };
    let mut messages = Reassembler::<Vec<u8>, ()>::new(limits);
    messages.begin(1, 100, ()).unwrap();
    messages.part(1, b"abcd").unwrap();
    assert_eq!(messages.bytes(), 10, "not four times as much");
    messages.part(1, b"efghij").unwrap();
    let limit = 10;
    let budget = Wrong::Budget { header: (), limit };
    assert_eq!(messages.part(1, b"k"), Err(budget));
    assert_eq!(messages.bytes(), 0);
    messages.begin(2, 11, ()).unwrap();
    let budget = Wrong::Budget { header: (), limit };
    assert_eq!(messages.finish(2, b"abcdefghijk"), Err(budget));
}

/// Remembers how much room was asked for.
#[derive(Debug, Default)]
struct Counted {
    bytes: Vec<u8>,
    room: usize,
    grown: usize,
}

impl Sink for Counted {
    fn reserve(&mut self, additional: usize) {
        self.room = self.bytes.len() + additional;
        self.grown += 1;
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        assert!(self.bytes.len() <= self.room, "room is made first");
        assert!(self.room <= 4 * self.bytes.len(), "not for what is claimed");
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}

#[test]
fn room_follows_what_came_in_few_steps() {
    let limits = Limits {
        message: 1 << 24,
        open: 1,
        bytes: 1 << 24,
    };
    let mut messages = Reassembler::<Counted, ()>::new(limits);
    messages.begin(1, 1 << 24, ()).unwrap();
    let parts = (1 << 24) / 0x8000;
    for _ in 1..parts {
        messages.part(1, &[7; 0x8000]).unwrap();
    }
    let ((), body) = messages.finish(1, &[7; 0x8000]).unwrap();
    assert_eq!((body.bytes.len(), body.room), (1 << 24, 1 << 24));
    assert!(body.grown <= 6, "{} steps", body.grown);
}

/// A message of a plain model: what it is to have and what came, or nothing when it is swallowed.
type Model = BTreeMap<u32, Option<(usize, Vec<u8>)>>;

proptest! {
    #[test]
    fn messages_survive_any_interleaving(
        sent in vec((vec(any::<u8>(), 1..300), 1usize..50), 1..6),
        picks in vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let limits = Limits { message: 300, open: 6, bytes: 6 * 300 };
        let mut messages = Reassembler::<Vec<u8>, usize>::new(limits);
        for (index, (body, _)) in sent.iter().enumerate() {
            messages.begin(index as u32, body.len() as u32, index).unwrap();
        }
        let mut offsets = vec![0; sent.len()];
        let mut step = |index: usize| {
            let (body, size) = &sent[index];
            let rest = &body[offsets[index]..];
            if rest.is_empty() {
                return;
            }
            let bytes = &rest[..rest.len().min(*size)];
            offsets[index] += bytes.len();
            if bytes.len() < rest.len() {
                messages.part(index as u32, bytes).unwrap();
            } else {
                let done = messages.finish(index as u32, bytes);
                assert_eq!(done, Ok((index, body.clone())));
            }
        };
        picks.iter().for_each(|pick| step(pick.index(sent.len())));
        for index in 0..sent.len() {
            (0..300).for_each(|_| step(index));
        }
        prop_assert_eq!((messages.open(), messages.bytes()), (0, 0));
    }

    #[test]
    fn any_parts_are_taken_or_refused_as_a_plain_model_does(
        steps in vec((0u8..4, 0u32..4, 0u32..50, vec(any::<u8>(), 0..20)), 0..100),
    ) {
        let limits = Limits { message: 40, open: 3, bytes: 60 };
        let mut messages = Reassembler::<Vec<u8>, ()>::new(limits);
        let mut model = Model::new();
        for (step, session, total, bytes) in steps {
            match step {
                0 => {
                    let taken = messages.begin(session, total, ());
                    let expected = !model.contains_key(&session) && model.len() < 3;
                    prop_assert_eq!(taken.is_ok(), expected && total <= 40);
                    if expected {
                        let fits = total <= 40;
                        model.insert(session, fits.then_some((total as usize, Vec::new())));
                    }
                }
                1 | 2 => {
                    let known = model.get_mut(&session);
                    let taken = messages.part(session, &bytes);
                    let Some(known) = known else {
                        prop_assert_eq!(taken, Err(Wrong::Unknown));
                        continue;
                    };
                    match (taken, known) {
                        (Ok(()), Some((total, came))) => {
                            came.extend_from_slice(&bytes);
                            prop_assert!(came.len() <= *total);
                        }
                        (Ok(()), None) => {}
                        (Err(Wrong::Budget { .. }), known @ Some(_)) => *known = None,
                        (Err(Wrong::Mismatch(())), known @ Some(_)) => {
                            let (total, came) = known.take().unwrap();
                            prop_assert!(came.len() + bytes.len() > total);
                        }
                        other => panic!("{other:?}"),
                    }
                }
                _ => match (messages.finish(session, &bytes), model.remove(&session)) {
                    (Err(Wrong::Unknown), None) | (Err(Wrong::Dropped), Some(None)) => {}
                    (Ok(((), body)), Some(Some((total, came)))) => {
                        prop_assert_eq!(body.len(), total);
                        prop_assert_eq!(body, [came, bytes].concat());
                    }
                    (Err(Wrong::Mismatch(())), Some(Some((total, came)))) => {
                        prop_assert_ne!(came.len() + bytes.len(), total);
                    }
                    (Err(Wrong::Budget { .. }), Some(Some(_))) => {}
                    other => panic!("{other:?}"),
                },
            }
            prop_assert_eq!(messages.open(), model.len());
            let came: usize = model.values().flatten().map(|(_, came)| came.len()).sum();
            prop_assert!((came..=60).contains(&messages.bytes()));
        }
    }
}
