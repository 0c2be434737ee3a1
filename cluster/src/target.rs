//! Whom a request is for, kept.

use skynet_cluster_wire::Address;

/// As [`Address`], with its name in memory of its own.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Handle(u32),
    Name(Box<[u8]>),
}

impl Target {
    pub(crate) fn of(address: Address<'_>) -> Self {
        match address {
            Address::Handle(handle) => Self::Handle(handle),
            Address::Name(name) => Self::Name(name.into()),
        }
    }

    pub(crate) fn address(&self) -> Address<'_> {
        match self {
            Self::Handle(handle) => Address::Handle(*handle),
            Self::Name(name) => Address::Name(name),
        }
    }
}
