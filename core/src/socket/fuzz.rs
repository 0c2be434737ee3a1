//! Addresses as they come with datagrams.

use std::net::SocketAddr;

/// The address in `blob`.
#[must_use]
pub fn udp_address(blob: &[u8]) -> Option<SocketAddr> {
    super::udp::decode(blob)
}

/// The bytes that say `address`.
#[must_use]
pub fn udp_blob(address: SocketAddr) -> Vec<u8> {
    super::udp::encode(address).to_vec()
}
