//! What slave and harbor say to each other, as `skynet.pack` values. Epochs travel as integers with a sign.

use skynet_master_wire::{Life, NodeKind};
use skynet_seri::{UnpackError, WriteError, pack, unpack};

use crate::membership::{FromHarbor, ToHarbor};

impl ToHarbor {
    /// As the values of a message.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, WriteError> {
        let node = |word: &str, id: u8, life: &Life, address: &str| {
            let epoch = life.epoch.cast_signed();
            pack(&(word, id, epoch, life.kind.number(), address))
        };
        match self {
            Self::Identity { id, epoch } => pack(&("identity", *id, epoch.cast_signed())),
            Self::Expect { id, life, address } => node("expect", *id, life, address),
            Self::Dial { id, life, address } => node("dial", *id, life, address),
            Self::Gone { id, epoch, reason } => pack(&("gone", *id, epoch.cast_signed(), reason)),
            Self::Name { name, handle } => pack(&("name", name, *handle)),
            Self::Unname { name } => pack(&("unname", name)),
            Self::Joined => pack(&("joined",)),
        }
    }
}

impl FromHarbor {
    /// Reads a message; `None` if it is of a kind that nobody has told of.
    ///
    /// # Errors
    /// Its values are not those that it should have.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, UnpackError> {
        let (word,) = unpack::<(&str,)>(bytes)?;
        Ok(Some(match word {
            "up" => {
                let (_, id, epoch, kind) = unpack::<(&str, u8, i64, i64)>(bytes)?;
                let life = Life {
                    epoch: epoch.cast_unsigned(),
                    kind: NodeKind::of(kind),
                };
                Self::Up { id, life }
            }
            "down" => {
                let (_, id, _, reason) = unpack::<(&str, u8, i64, String)>(bytes)?;
                Self::Down { id, reason }
            }
            "query" => {
                let (_, name) = unpack::<(&str, String)>(bytes)?;
                Self::Query { name }
            }
            "fatal" => {
                let (_, text) = unpack::<(&str, String)>(bytes)?;
                Self::Fatal { text }
            }
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_harbor_is_told() {
        let life = Life {
            epoch: u64::MAX,
            kind: NodeKind::Ours,
        };
        let check = |message: ToHarbor, expected: Vec<u8>| {
            assert_eq!(message.encode().unwrap(), expected);
        };
        let address = || "127.0.0.1:1".to_owned();
        let name = || "ECHO".to_owned();
        check(
            ToHarbor::Identity {
                id: 7,
                epoch: u64::MAX,
            },
            pack!("identity", 7, -1).unwrap(),
        );
        check(
            ToHarbor::Expect {
                id: 7,
                life,
                address: address(),
            },
            pack!("expect", 7, -1, 2, "127.0.0.1:1").unwrap(),
        );
        check(
            ToHarbor::Dial {
                id: 7,
                life: Life::default(),
                address: address(),
            },
            pack!("dial", 7, 0, 0, "127.0.0.1:1").unwrap(),
        );
        check(
            ToHarbor::Gone {
                id: 7,
                epoch: 5,
                reason: "left".to_owned(),
            },
            pack!("gone", 7, 5, "left").unwrap(),
        );
        check(
            ToHarbor::Name {
                name: name(),
                handle: 0xff00_0001,
            },
            pack!("name", "ECHO", 0xff00_0001_u32).unwrap(),
        );
        check(
            ToHarbor::Unname { name: name() },
            pack!("unname", "ECHO").unwrap(),
        );
        check(ToHarbor::Joined, pack!("joined").unwrap());
    }

    #[test]
    fn what_the_harbor_tells() {
        let check = |message: Vec<u8>, expected: Option<FromHarbor>| {
            assert_eq!(FromHarbor::parse(&message).unwrap(), expected);
        };
        let life = Life {
            epoch: u64::MAX,
            kind: NodeKind::Ours,
        };
        check(
            pack!("up", 7, -1, 2).unwrap(),
            Some(FromHarbor::Up { id: 7, life }),
        );
        let reason = "silent for 3 s".to_owned();
        check(
            pack!("down", 7, -1, "silent for 3 s").unwrap(),
            Some(FromHarbor::Down { id: 7, reason }),
        );
        let name = "ECHO".to_owned();
        check(
            pack!("query", "ECHO").unwrap(),
            Some(FromHarbor::Query { name }),
        );
        let text = "replaced".to_owned();
        check(
            pack!("fatal", "replaced").unwrap(),
            Some(FromHarbor::Fatal { text }),
        );
        check(pack!("news").unwrap(), None);
        assert!(FromHarbor::parse(&pack!("up", 700, 1, 2).unwrap()).is_err());
        assert!(FromHarbor::parse(b"").is_err());
    }
}
