//! The calls of actors: what the callee should do, and how the answer is known.

use skynet_service::abi::KIND_CLIENT;

use crate::random::Random;

/// The kind of all requests.
pub(crate) const KIND_REQUEST: u32 = KIND_CLIENT;
/// The kind of all numbered messages.
pub(crate) const KIND_NUMBERED: u32 = skynet_service::abi::KIND_QUEUE;

/// What the callee should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Answer,
    Hold,
    PassOn,
    /// To be answered by a thread that is none of the node's.
    Elsewhere,
    Fail,
    Drop,
    Exit,
    Panic,
    Spin,
    Block,
    /// For a service with tasks: sleep first.
    Sleep,
    /// For a service with tasks: ask another one first.
    Ask,
}

const WISHES: &[(Wish, u64)] = &[
    (Wish::Answer, 400),
    (Wish::Hold, 120),
    (Wish::PassOn, 150),
    (Wish::Elsewhere, 30),
    (Wish::Fail, 40),
    (Wish::Drop, 40),
    (Wish::Exit, 4),
    (Wish::Panic, 1),
    (Wish::Spin, 6),
    (Wish::Block, 4),
    (Wish::Sleep, 60),
    (Wish::Ask, 60),
];

/// A wish, a number that the answer must have, and one that says how many messages the caller has sent to the callee
/// before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) wish: Wish,
    pub(crate) token: u64,
    pub(crate) number: u64,
}

impl Wish {
    /// Whether somebody ends by it.
    fn is_deadly(self) -> bool {
        matches!(self, Self::Exit | Self::Panic)
    }

    /// For the trail of who got it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Answer => "request: answer, from",
            Self::Hold => "request: hold, from",
            Self::PassOn => "request: pass on, from",
            Self::Elsewhere => "request: answer elsewhere, from",
            Self::Fail => "request: fail, from",
            Self::Drop => "request: drop, from",
            Self::Exit => "request: exit, from",
            Self::Panic => "request: panic, from",
            Self::Spin => "request: spin, from",
            Self::Block => "request: block, from",
            Self::Sleep => "request: sleep, from",
            Self::Ask => "request: ask, from",
        }
    }
}

impl Request {
    /// Of those that are peaceful nobody ends.
    pub(crate) fn draw(random: &mut Random, number: u64, peaceful: bool) -> Self {
        let total = WISHES.iter().map(|(_, weight)| weight).sum();
        let mut drawn = random.below(total);
        let mut wish = Wish::Answer;
        for &(candidate, weight) in WISHES {
            wish = candidate;
            if drawn < weight {
                break;
            }
            drawn -= weight;
        }
        if peaceful && wish.is_deadly() {
            wish = Wish::Answer;
        }
        Self {
            wish,
            token: random.next(),
            number,
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; 17] {
        let mut bytes = [0; 17];
        bytes[0] = WISHES
            .iter()
            .position(|&(wish, _)| wish == self.wish)
            .unwrap_or_default() as u8;
        bytes[1..9].copy_from_slice(&self.token.to_le_bytes());
        bytes[9..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    /// `None`: this is no request of ours.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&wish, rest) = bytes.split_first()?;
        let (token, number) = rest.split_at_checked(8)?;
        Some(Self {
            wish: WISHES.get(usize::from(wish))?.0,
            token: u64::from_le_bytes(token.try_into().ok()?),
            number: u64::from_le_bytes(number.try_into().ok()?),
        })
    }
}
