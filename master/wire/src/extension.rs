//! What our nodes and masters say more than unmodified ones.

/// The first of the values that an unmodified node does not know.
pub const MARK: &str = "sk1";

const LENGTH: usize = 20;
const REJOIN: u8 = 1;
const AUTO: u8 = 2;
const SECRET: u8 = 4;

/// The fourth value of our `H`: [`MARK`], one byte of flags, the epoch as u64 and the nonce, in 20 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extension {
    /// This life was in the network before, so nobody has to dial it for it to start.
    pub rejoin: bool,
    /// The master leases an id: the one of the `H` if it is free, or the lowest that is. The `H` may have 0.
    pub auto: bool,
    /// The node has a secret.
    pub secret: bool,
    /// Tells this life of the node from all others.
    pub epoch: u64,
    /// The slave's part of the proofs.
    pub nonce: [u8; 8],
}

impl Extension {
    /// As the value of an `H`.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; LENGTH] {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let mut bytes = [0; LENGTH];
        bytes[..3].copy_from_slice(MARK.as_bytes());
        bytes[3] = flag(self.rejoin, REJOIN) | flag(self.auto, AUTO) | flag(self.secret, SECRET);
        bytes[4..12].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[12..].copy_from_slice(&self.nonce);
        bytes
    }

    /// Reads the value of an `H`; `None` if it is something else. Flags that are not known are ignored.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let (mark, rest) = bytes.split_at(3);
        let (flags, rest) = rest.split_first()?;
        let (epoch, nonce) = rest.split_first_chunk()?;
        (mark == MARK.as_bytes()).then_some(())?;
        Some(Self {
            rejoin: flags & REJOIN != 0,
            auto: flags & AUTO != 0,
            secret: flags & SECRET != 0,
            epoch: u64::from_le_bytes(*epoch),
            nonce: nonce.try_into().ok()?,
        })
    }
}

/// What is known of a node's make.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum NodeKind {
    /// Nothing.
    #[default]
    Unknown,
    /// An unmodified Skynet node.
    Unmodified,
    /// One of ours.
    Ours,
}

impl NodeKind {
    /// The number that stands for it.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Unknown => 0,
            Self::Unmodified => 1,
            Self::Ours => 2,
        }
    }

    /// Of its number; what is not known is [`Unknown`](Self::Unknown).
    #[must_use]
    pub const fn of(number: i64) -> Self {
        match number {
            1 => Self::Unmodified,
            2 => Self::Ours,
            _ => Self::Unknown,
        }
    }
}

/// Which life of a node is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Life {
    /// Tells it from all other lives; 0 when it is not known.
    pub epoch: u64,
    /// What is known of its make.
    pub kind: NodeKind,
}

/// What our master says more in `W`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// The slave's id: its own, or the one it was leased.
    pub id: u8,
    /// Tells this life of the master from all others.
    pub epoch: u64,
    /// That the master knows the secret.
    pub proof: Option<[u8; 32]>,
}
