//! What the master says.

use crate::extension::{Life, MARK, NodeKind, Welcome};
use crate::packet::{self, PacketError, Values, cut};

/// What our master says more of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameFlag {
    /// It is bound.
    Bound,
    /// A registration was refused; this is the holder.
    Refused,
    /// It was moved from another service.
    Moved,
}

impl NameFlag {
    const fn number(self) -> i64 {
        match self {
            Self::Bound => 0,
            Self::Refused => 1,
            Self::Moved => 2,
        }
    }

    const fn of(number: i64) -> Self {
        match number {
            1 => Self::Refused,
            2 => Self::Moved,
            _ => Self::Bound,
        }
    }
}

/// A packet of the master to a slave.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FromMaster {
    /// `W`: the slave is in.
    Welcome {
        /// Nodes that dial the slave.
        dialers: u32,
        /// Of our master.
        extension: Option<Welcome>,
    },
    /// `C`: a node has joined; dial it.
    Connect {
        /// Its id.
        id: u8,
        /// Where it listens.
        address: String,
        /// Of our master.
        life: Option<Life>,
    },
    /// `N`: who has a global name.
    Name {
        /// The name.
        name: String,
        /// The service.
        handle: u32,
        /// Of our master.
        flag: Option<NameFlag>,
    },
    /// `D`: a node is gone.
    Down {
        /// Its id.
        id: u8,
        /// Of our master: the life that has ended (0: not known), and why.
        ended: Option<(u64, String)>,
    },
    /// Ours, `A`: prove that you know the secret. It comes before `W`.
    Challenge {
        /// The master's part of the proofs.
        nonce: [u8; 16],
    },
    /// Ours, `L`: a node that is there already.
    Node {
        /// Its id.
        id: u8,
        /// Where it listens.
        address: String,
        /// Which life of it.
        life: Life,
        /// Whether it was told to dial the slave.
        dials: bool,
    },
    /// Ours, `U`: a global name is bound no more.
    Unbound {
        /// The name.
        name: String,
    },
    /// Ours, `E`: the slave is refused, or no longer one. The connection ends.
    Refused {
        /// Why.
        text: String,
    },
    /// Ours, `B`: a probe, or a beat sent back; see [`is_probe`](crate::is_probe).
    Beat {
        /// Its number.
        number: i64,
    },
    /// A packet of a type that nobody has told of.
    Unknown {
        /// Its type.
        packet: String,
    },
}

impl FromMaster {
    /// The packet with its length byte. Texts that are too long for a packet are cut.
    ///
    /// # Errors
    /// It is too long.
    pub fn encode(&self) -> Result<Vec<u8>, PacketError> {
        match self {
            Self::Welcome { dialers, extension } => match extension {
                None => packet::write(&("W", *dialers)),
                Some(welcome) => {
                    let proof = welcome.proof.as_ref().map_or(&[][..], |proof| &proof[..]);
                    let epoch = welcome.epoch.cast_signed();
                    packet::write(&("W", *dialers, MARK, welcome.id, epoch, proof))
                }
            },
            Self::Connect { id, address, life } => match life {
                None => packet::write(&("C", *id, address)),
                Some(life) => {
                    let epoch = life.epoch.cast_signed();
                    packet::write(&("C", *id, address, MARK, epoch, life.kind.number()))
                }
            },
            Self::Name { name, handle, flag } => match flag {
                None => packet::write(&("N", name, *handle)),
                Some(flag) => packet::write(&("N", name, *handle, MARK, flag.number())),
            },
            Self::Down { id, ended } => match ended {
                None => packet::write(&("D", *id)),
                Some((epoch, text)) => {
                    packet::write(&("D", *id, MARK, epoch.cast_signed(), cut(text)))
                }
            },
            Self::Challenge { nonce } => packet::write(&("A", *nonce)),
            Self::Node {
                id,
                address,
                life,
                dials,
            } => {
                let epoch = life.epoch.cast_signed();
                packet::write(&("L", *id, address, epoch, life.kind.number(), *dials))
            }
            Self::Unbound { name } => packet::write(&("U", name)),
            Self::Refused { text } => packet::write(&("E", cut(text))),
            Self::Beat { number } => packet::write(&("B", *number)),
            Self::Unknown { packet } => packet::write(&(packet,)),
        }
    }

    /// Reads a packet without its length byte.
    ///
    /// # Errors
    /// It is not a packet.
    pub fn parse(payload: &[u8]) -> Result<Self, PacketError> {
        let (packet, mut values) = Values::new(payload)?;
        Ok(match packet {
            "W" => Self::Welcome {
                dialers: values.next()?,
                extension: marked(&mut values).and_then(|()| welcome(&mut values)),
            },
            "C" => Self::Connect {
                id: values.next()?,
                address: values.next()?,
                life: marked(&mut values).and_then(|()| life(&mut values)),
            },
            "N" => Self::Name {
                name: values.next()?,
                handle: values.next()?,
                flag: marked(&mut values).and_then(|()| values.extra().map(NameFlag::of)),
            },
            "D" => Self::Down {
                id: values.next()?,
                ended: marked(&mut values).and_then(|()| {
                    let epoch: i64 = values.extra()?;
                    Some((epoch.cast_unsigned(), values.extra().unwrap_or_default()))
                }),
            },
            "A" => Self::Challenge {
                nonce: values.bytes()?,
            },
            "L" => Self::Node {
                id: values.next()?,
                address: values.next()?,
                life: Life {
                    epoch: values.next::<i64>()?.cast_unsigned(),
                    kind: NodeKind::of(values.next()?),
                },
                dials: values.next()?,
            },
            "U" => Self::Unbound {
                name: values.next()?,
            },
            "E" => Self::Refused {
                text: values.next()?,
            },
            "B" => Self::Beat {
                number: values.next()?,
            },
            packet => Self::Unknown {
                packet: packet.to_owned(),
            },
        })
    }
}

/// Whether the values that follow are ours.
fn marked(values: &mut Values<'_>) -> Option<()> {
    (values.extra() == Some(MARK)).then_some(())
}

fn welcome(values: &mut Values<'_>) -> Option<Welcome> {
    Some(Welcome {
        id: values.extra()?,
        epoch: values.extra::<i64>()?.cast_unsigned(),
        proof: values.extra::<&[u8]>()?.try_into().ok(),
    })
}

fn life(values: &mut Values<'_>) -> Option<Life> {
    Some(Life {
        epoch: values.extra::<i64>()?.cast_unsigned(),
        kind: NodeKind::of(values.extra()?),
    })
}
