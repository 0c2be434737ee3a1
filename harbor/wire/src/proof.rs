//! How nodes prove to each other that they know the same secret.

use skynet_proof::{Mac, Secret};

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
        self.mac(secret, prover).bytes()
    }

    /// Whether `proof` is what the end `prover` sends. Takes the same time for every wrong proof.
    #[must_use]
    pub fn verify(&self, secret: &Secret, prover: LinkRole, proof: &[u8; 32]) -> bool {
        self.mac(secret, prover).verify(proof)
    }

    fn mac(&self, secret: &Secret, prover: LinkRole) -> Mac {
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
        self.mac(secret, prover).bytes()
    }

    /// Whether `proof` is what the end `prover` sends; no other length is one. Takes the same time for every wrong
    /// proof.
    #[must_use]
    pub fn verify(&self, secret: &Secret, prover: MasterRole, proof: &[u8]) -> bool {
        self.mac(secret, prover).verify(proof)
    }

    fn mac(&self, secret: &Secret, prover: MasterRole) -> Mac {
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
