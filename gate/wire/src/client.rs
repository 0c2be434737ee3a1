//! Packets that services send to clients through a gate: the payload, then the socket id in 4 bytes, little endian.

use std::fmt;

/// Bytes of the id.
const ID_LEN: usize = 4;

/// Makes a payload a message to a gate, by appending the id of the socket that it is for.
pub fn append_client_id(payload: &mut Vec<u8>, id: u32) {
    payload.extend_from_slice(&id.to_le_bytes());
}

/// The socket id and the payload of a message to a gate.
///
/// ```
/// use skynet_gate_wire::split_client_write;
/// assert_eq!(split_client_write(b"hello\x03\0\0\0"), Ok((3, &b"hello"[..])));
/// assert!(split_client_write(b"\x03\0\0\0").is_err());
/// ```
///
/// # Errors
/// When the message has no payload, or not even an id.
pub fn split_client_write(message: &[u8]) -> Result<(u32, &[u8]), ClientWriteError> {
    match message.split_last_chunk::<ID_LEN>() {
        Some((payload, id)) if !payload.is_empty() => Ok((u32::from_le_bytes(*id), payload)),
        _ => Err(ClientWriteError {
            found: message.len(),
        }),
    }
}

/// A message to a client that is too short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientWriteError {
    /// Bytes of the message.
    pub found: usize,
}

impl fmt::Display for ClientWriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "message to a client has {} bytes: wanted a payload and {ID_LEN} bytes of socket id",
            self.found
        )
    }
}

impl std::error::Error for ClientWriteError {}
