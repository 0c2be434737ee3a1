//! How the two ends of a connection prove to each other that they know the same secret, without telling it.
//!
//! A proof is an HMAC-SHA256 with the [`Secret`] as its key. What it is about is the business of each protocol: it gives
//! the *parts*, one after the other, and sees to it that no two statements are the same bytes, by a name of its own in
//! front and parts of known lengths.
//!
//! ```
//! use skynet_proof::Secret;
//! let ours = Secret::read("correct horse battery\n")?;
//! let theirs = Secret::read("correct horse battery")?;
//! let proof = theirs.mac(&[b"protocol\0", b"nonce of 16 byte"]).bytes();
//! assert!(ours.mac(&[b"protocol\0", b"nonce of 16 byte"]).verify(&proof));
//! assert!(!ours.mac(&[b"protocol\0", b"another of 16 by"]).verify(&proof));
//! # Ok::<(), skynet_proof::SecretError>(())
//! ```

#![forbid(unsafe_code)]

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
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

    /// The proof of knowing this secret, about `parts` one after the other.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> Mac {
        // A key of any length makes an HMAC: a long one is hashed first.
        let mut mac = match Hmac::new_from_slice(&self.0) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes a key of any length"),
        };
        for part in parts {
            mac.update(part);
        }
        Mac(mac)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A proof, to be sent or to be compared with what came.
pub struct Mac(Hmac<Sha256>);

impl Mac {
    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }

    /// Whether `proof` is this one; no other length is. Takes the same time for every wrong proof.
    #[must_use]
    pub fn verify(self, proof: &[u8]) -> bool {
        self.0.verify_slice(proof).is_ok()
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac")
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
