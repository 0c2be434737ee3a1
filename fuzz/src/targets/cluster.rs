//! What both ends of a cluster's connection do with bytes: cut them into frames, and put messages together.

use std::collections::BTreeMap;

use skynet_cluster_wire::{Framer, Limits, MAX_FRAME, Reassembler, Refused, Wrong};

use crate::input::{Input, pieces};
use crate::memory::within;

/// Messages at a time.
const OPEN: usize = 3;

/// The frames of the rest of `input`: whole, torn anywhere and byte by byte the same as for a reader that has all of it
/// before it.
pub(super) fn frames(mut input: Input<'_>) -> Vec<Vec<u8>> {
    let edges = [0, 5, 64, 4096, MAX_FRAME as u64];
    let limit = usize::try_from(input.edge(&edges)).unwrap_or(usize::MAX);
    let cuts = input.bytes(8);
    let stream = input.rest();
    let torn = pieces(stream, cuts);
    let expected = cut(limit, &[stream]);
    assert_eq!(cut(limit, &torn), expected, "torn");
    let single: Vec<_> = stream.chunks(1).collect();
    assert_eq!(cut(limit, &single), expected, "byte by byte");
    assert_eq!(model(limit, stream), expected, "as by the reader of all");
    check_memory(limit, stream, &torn);
    expected.0
}

/// The frames of `chunks`; what is pending then, or nothing after an error.
fn cut(limit: usize, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Option<usize>) {
    let mut framer = Framer::new();
    framer.limit(limit);
    let mut frames = Vec::new();
    for mut chunk in chunks.iter().copied() {
        loop {
            match framer.next(&mut chunk) {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    let again = framer.next(&mut &b"\0\0"[..]);
                    assert_eq!(again, Err(error), "it stays refused");
                    assert!(error.to_string().len() < 80, "an error is too long");
                    return (frames, None);
                }
            }
        }
        assert!(chunk.is_empty(), "a chunk is used up");
    }
    (frames, Some(framer.pending()))
}

fn model(limit: usize, mut stream: &[u8]) -> (Vec<Vec<u8>>, Option<usize>) {
    let mut frames = Vec::new();
    while let [a, b, rest @ ..] = stream {
        let len = usize::from(*a) << 8 | usize::from(*b);
        if len > limit {
            return (frames, None);
        }
        let Some(frame) = rest.get(..len) else { break };
        frames.push(frame.to_vec());
        stream = &rest[len..];
    }
    (frames, Some(stream.len()))
}

/// Room follows what came: twice that, and as much again for the moment in which it grows.
fn check_memory(limit: usize, stream: &[u8], chunks: &[&[u8]]) {
    let most = (2 * stream.len()).min(limit.saturating_add(2));
    within(2 * most + 64, "the framer", || {
        let mut framer = Framer::new();
        framer.limit(limit);
        for mut chunk in chunks.iter().copied() {
            while let Ok(Some(_)) = framer.next(&mut chunk) {}
        }
    });
}

/// The messages of a peer, beside a plain list of what came.
pub(super) struct Messages {
    limits: Limits,
    real: Reassembler<Vec<u8>, u32>,
    /// The total and what came; nothing of what is swallowed.
    model: BTreeMap<u32, Option<(usize, Vec<u8>)>>,
    /// Bytes of all parts.
    came: usize,
}

impl Messages {
    /// With limits that `input` chooses.
    pub(super) fn new(input: &mut Input<'_>) -> Self {
        let mut limit = |edges: &[u64]| input.edge(edges).min(1 << 40) as usize;
        let limits = Limits {
            message: limit(&[0, 100, 1 << 16, u64::from(u32::MAX)]),
            open: OPEN,
            bytes: limit(&[0, 100, 1 << 15, 1 << 27]),
        };
        Self {
            limits,
            real: Reassembler::new(limits),
            model: BTreeMap::new(),
            came: 0,
        }
    }

    /// A message begins. What it claims takes no memory.
    pub(super) fn begin(&mut self, session: u32, total: u32) {
        let begun = within(4096, "a beginning", || {
            self.real.begin(session, total, session)
        });
        let found = total as usize;
        match begun {
            Err(Refused::Duplicate) => assert!(self.model.contains_key(&session)),
            Err(Refused::TooMany { limit }) => assert_eq!((limit, self.model.len()), (OPEN, OPEN)),
            begun => {
                let fits = found <= self.limits.message;
                assert_eq!(begun.is_ok(), fits, "{begun:?}");
                let before = self
                    .model
                    .insert(session, fits.then(|| (found, Vec::new())));
                assert_eq!(before, None);
            }
        }
        if let Err(error) = begun {
            assert!(error.to_string().len() < 80, "an error is too long");
        }
        self.check();
    }

    /// A part came.
    pub(super) fn part(&mut self, session: u32, bytes: &[u8], last: bool) {
        self.came += bytes.len();
        let full = self.real.bytes() + bytes.len() > self.limits.bytes;
        // Four times what came, and as much again for the moment in which it grows.
        let taken = within(8 * self.came + 4096, "a part", || {
            if last {
                self.real.finish(session, bytes).map(Some)
            } else {
                self.real.part(session, bytes).map(|()| None)
            }
        });
        let known = match self.model.get_mut(&session) {
            Some(known) if last => Some(known.take()),
            Some(known) => Some(known.as_mut().map(|(total, came)| (*total, came.clone()))),
            None => None,
        };
        match (&taken, known) {
            (Err(Wrong::Unknown), None) => {}
            (Err(Wrong::Dropped), Some(None)) => assert!(last),
            (Ok(None), Some(None)) => assert!(!last),
            (Ok(None), Some(Some((total, came)))) => {
                assert!(came.len() + bytes.len() <= total);
                let known = self.model.get_mut(&session).and_then(Option::as_mut);
                known.expect("it is open").1.extend_from_slice(bytes);
            }
            (Ok(Some((header, body))), Some(Some((total, came)))) => {
                assert_eq!((*header, body.len()), (session, total));
                assert_eq!(*body, [&came, bytes].concat());
            }
            (Err(Wrong::Mismatch(header)), Some(Some((total, came)))) => {
                assert_eq!(*header, session);
                let sum = came.len() + bytes.len();
                assert!(sum > total || last && sum < total);
            }
            (Err(Wrong::Budget { header, .. }), Some(Some(_))) => {
                assert_eq!(*header, session);
                assert!(full, "there was room");
            }
            (taken, known) => panic!("{taken:?}, but {:?}", known.map(|known| known.is_some())),
        }
        if last {
            self.model.remove(&session);
        } else if taken.is_err()
            && let Some(known) = self.model.get_mut(&session)
        {
            *known = None;
        }
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.real.open(), self.model.len());
        let came: usize = self
            .model
            .values()
            .flatten()
            .map(|(_, came)| came.len())
            .sum();
        let room = self.real.bytes();
        assert!(came <= room && room <= 4 * came && room <= self.limits.bytes);
    }
}

/// An input as [`Messages::new`] and [`frames`] take it apart.
pub(super) fn seed(message: u64, bytes: u64, limit: u64, cuts: &[u8], stream: &[u8]) -> Vec<u8> {
    let mut seed = Vec::new();
    for number in [message, bytes, limit] {
        seed.push(0);
        seed.extend_from_slice(&number.to_le_bytes());
    }
    seed.extend_from_slice(&(cuts.len() as u16).to_le_bytes());
    seed.extend_from_slice(cuts);
    seed.extend_from_slice(stream);
    seed
}

/// `stream` with several limits, torn in several ways.
pub(super) fn seeds(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for cuts in [&b""[..], b"\x01", b"\x03\x02", b"\x78"] {
        for (message, bytes, limit) in [
            (1 << 26, 1 << 27, MAX_FRAME as u64),
            (100, 1 << 27, 300),
            (1 << 16, 100, 40),
        ] {
            seeds.push(seed(message, bytes, limit, cuts, stream));
        }
    }
    seeds
}
