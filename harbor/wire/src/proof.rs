//! How nodes prove to each other that they know the same secret.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The fewest bytes of a secret.
pub const MIN_SECRET: usize = 16;
/// The most bytes of a secret.
pub const MAX_SECRET: usize = 4096;

/// What all nodes of a network know and nobody else. It is never shown.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// A secret from a configuration or a file: any bytes, of which one line end at the end is cut off.
    ///
    /// # Errors
    /// When it has less than [`MIN_SECRET`] bytes or more than [`MAX_SECRET`].
    pub fn read(text: impl AsRef<[u8]>) -> Result<Self, SecretError> {
        let bytes = text.as_ref();
        let bytes = match bytes.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            None => bytes,
        };
        if (MIN_SECRET..=MAX_SECRET).contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(SecretError { found: bytes.len() })
        }
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        // A key of any length makes an HMAC: a long one is hashed first.
        let mut mac = match Hmac::new_from_slice(&self.0) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes a key of any length"),
        };
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A secret that is too short or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretError {
    /// Its bytes, without the line end.
    pub found: usize,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "secret of {} bytes, {MIN_SECRET} to {MAX_SECRET} are wanted",
            self.found
        )
    }
}

impl std::error::Error for SecretError {}

/// Which end of a link between two nodes proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkRole {
    /// The one that connected.
    Dialer,
    /// The one that listened.
    Acceptor,
}

/// What both ends of a link between two nodes have told, and so what a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The nonce of the dialer's HELLO.
    pub dialer_nonce: [u8; 16],
    /// The nonce of the acceptor's HELLO.
    pub acceptor_nonce: [u8; 16],
    /// The harbor id of the dialer.
    pub dialer_id: u8,
    /// The harbor id of the acceptor.
    pub acceptor_id: u8,
    /// The dialer's life.
    pub dialer_epoch: u64,
    /// The acceptor's life.
    pub acceptor_epoch: u64,
}

impl Link {
    /// What the end `prover` sends in its [`Go`](crate::Go).
    #[must_use]
    pub fn prove(&self, secret: &Secret, prover: LinkRole) -> [u8; 32] {
        self.mac(secret, prover).finalize().into_bytes().into()
    }

    /// Whether `proof` is what the end `prover` sends. Takes the same time for every wrong proof.
    #[must_use]
    pub fn verify(&self, secret: &Secret, prover: LinkRole, proof: &[u8; 32]) -> bool {
        self.mac(secret, prover).verify_slice(proof).is_ok()
    }

    fn mac(&self, secret: &Secret, prover: LinkRole) -> Hmac<Sha256> {
        let role = match prover {
            LinkRole::Dialer => b'd',
            LinkRole::Acceptor => b'a',
        };
        secret.mac(&[
            b"skynet harbor\0",
            &[role],
            &self.dialer_nonce,
            &self.acceptor_nonce,
            &[self.dialer_id, self.acceptor_id],
            &self.dialer_epoch.to_le_bytes(),
            &self.acceptor_epoch.to_le_bytes(),
        ])
    }
}

/// Which end of the link to the master proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterRole {
    /// The node that joins.
    Slave,
    /// The master.
    Master,
}

/// What both ends of a link to the master have told, and so what a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterLink<'a> {
    /// The slave's nonce.
    pub slave_nonce: [u8; 8],
    /// The master's nonce.
    pub master_nonce: [u8; 16],
    /// The harbor id that the slave asked for.
    pub id: u8,
    /// The slave's life.
    pub epoch: u64,
    /// The address that the slave gave.
    pub address: &'a str,
}

impl MasterLink<'_> {
    /// What the end `prover` sends.
    #[must_use]
    pub fn prove(&self, secret: &Secret, prover: MasterRole) -> [u8; 32] {
        self.mac(secret, prover).finalize().into_bytes().into()
    }

    /// Whether `proof` is what the end `prover` sends; no other length is one. Takes the same time for every wrong
    /// proof.
    #[must_use]
    pub fn verify(&self, secret: &Secret, prover: MasterRole, proof: &[u8]) -> bool {
        self.mac(secret, prover).verify_slice(proof).is_ok()
    }

    fn mac(&self, secret: &Secret, prover: MasterRole) -> Hmac<Sha256> {
        let role = match prover {
            MasterRole::Slave => b's',
            MasterRole::Master => b'm',
        };
        secret.mac(&[
            b"skynet master\0",
            &[role],
            &self.slave_nonce,
            &self.master_nonce,
            &[self.id],
            &self.epoch.to_le_bytes(),
            self.address.as_bytes(),
        ])
    }
}
