//! What slaves say.

use crate::extension::Extension;
use crate::packet::{self, PacketError, Values};

/// A packet of a slave to its master.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ToMaster {
    /// `H`: the first packet.
    Hello {
        /// The node's id; 0 only when it wants to be leased one.
        id: u8,
        /// Where the node listens, as others are told.
        address: String,
        /// Of our nodes.
        extension: Option<Extension>,
    },
    /// `R`: bind a global name.
    Register {
        /// The name.
        name: String,
        /// The service.
        handle: u32,
        /// Ours: even if it is bound to another service.
        moves: bool,
    },
    /// `Q`: who has this global name?
    Query {
        /// The name.
        name: String,
    },
    /// Ours, `U`: unbind a global name.
    Unregister {
        /// The name.
        name: String,
    },
    /// Ours, `P`: the answer to a challenge.
    Proof {
        /// See [`FromMaster::Challenge`](crate::FromMaster::Challenge).
        proof: [u8; 32],
    },
    /// Ours, `B`: a beat of its own, or the master's probe sent back; see [`is_probe`](crate::is_probe).
    Beat {
        /// Its number.
        number: i64,
    },
    /// Ours, `G`: the node ends as it should.
    Goodbye,
    /// A packet of a type that nobody has told of.
    Unknown {
        /// Its type.
        packet: String,
    },
}

impl ToMaster {
    /// The packet with its length byte.
    ///
    /// # Errors
    /// It is too long.
    pub fn encode(&self) -> Result<Vec<u8>, PacketError> {
        match self {
            Self::Hello {
                id,
                address,
                extension: Some(extension),
            } => packet::write(&("H", *id, address, extension.to_bytes())),
            Self::Hello { id, address, .. } => packet::write(&("H", *id, address)),
            Self::Register {
                name,
                handle,
                moves: false,
            } => packet::write(&("R", name, *handle)),
            Self::Register { name, handle, .. } => packet::write(&("R", name, *handle, true)),
            Self::Query { name } => packet::write(&("Q", name)),
            Self::Unregister { name } => packet::write(&("U", name)),
            Self::Proof { proof } => packet::write(&("P", *proof)),
            Self::Beat { number } => packet::write(&("B", *number)),
            Self::Goodbye => packet::write(&("G",)),
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
            "H" => Self::Hello {
                id: values.next()?,
                address: values.next()?,
                extension: values.extra().and_then(Extension::parse),
            },
            "R" => Self::Register {
                name: values.next()?,
                handle: values.next()?,
                moves: values.extra() == Some(true),
            },
            "Q" => Self::Query {
                name: values.next()?,
            },
            "U" => Self::Unregister {
                name: values.next()?,
            },
            "P" => Self::Proof {
                proof: values.bytes()?,
            },
            "B" => Self::Beat {
                number: values.next()?,
            },
            "G" => Self::Goodbye,
            packet => Self::Unknown {
                packet: packet.to_owned(),
            },
        })
    }
}
