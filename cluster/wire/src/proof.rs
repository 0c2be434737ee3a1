//! How the ends of a connection prove to each other that they know the same secret.

use skynet_proof::{Mac, Secret};

/// Which end of a connection proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one that connected and sends requests.
    Client,
    /// The one that listened and answers.
    Server,
}

/// What both ends of a connection have told, and so what a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// The nonce of the client's HELLO.
    pub client_nonce: [u8; 16],
    /// The nonce of the server's HELLO.
    pub server_nonce: [u8; 16],
    /// What the TLS session exports, so that a proof holds for this session alone; nothing without TLS.
    pub binding: Option<[u8; 32]>,
}

impl Handshake {
    /// What the end `prover` sends.
    #[must_use]
    pub fn prove(&self, secret: &Secret, prover: Role) -> [u8; 32] {
        self.mac(secret, prover).bytes()
    }

    /// Whether `proof` is what the end `prover` sends. Takes the same time for every wrong proof.
    #[must_use]
    pub fn verify(&self, secret: &Secret, prover: Role, proof: &[u8; 32]) -> bool {
        self.mac(secret, prover).verify(proof)
    }

    fn mac(&self, secret: &Secret, prover: Role) -> Mac {
        let role = match prover {
            Role::Client => b'c',
            Role::Server => b's',
        };
        secret.mac(&[
            b"skynet cluster\0",
            &[role],
            &self.client_nonce,
            &self.server_nonce,
            self.binding.as_ref().map_or(&[], |bytes| &bytes[..]),
        ])
    }
}
