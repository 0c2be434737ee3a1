//! The decoders inside, for the fuzz targets of `fuzz/`: one function each, behind the feature `fuzzing`.
//!
//! No part of the API: it changes with what lies behind it.

mod node;

pub use crate::config::fuzz::config;
pub use crate::loader::fuzz::{
    cpath, cpath_matches, plugin_file, plugin_file_in_pieces, plugin_tables,
};
pub use crate::socket::fuzz::{udp_address, udp_blob};
pub use node::{HARBOR, Node};

use crate::resolver::parse_address;

/// Host and port of an address as a user writes it.
///
/// # Errors
/// What is wrong with it.
pub fn address(text: &str) -> Result<(Option<String>, u16), String> {
    match parse_address(text) {
        Ok(address) => Ok((address.host, address.port)),
        Err(error) => Err(error.to_string()),
    }
}

/// The text that means this address.
#[must_use]
pub fn address_text(host: Option<String>, port: u16) -> String {
    crate::resolver::Address { host, port }.to_string()
}

/// The handle that `:hex` means.
#[must_use]
pub fn handle(text: &str) -> Option<u32> {
    crate::send::parse_handle(text)
}
