//! Bytes that nobody can foretell.

/// Random bytes of the system. Without them neither lives nor proofs are worth anything, so their lack is a panic,
/// which ends the service with a reason.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the system has no random bytes: {error}");
    }
    bytes
}

/// Tells one life of a node or master from all others; never 0.
pub(crate) fn epoch() -> u64 {
    u64::from_le_bytes(bytes()).max(1)
}
