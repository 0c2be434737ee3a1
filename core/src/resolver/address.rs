//! The syntax of an address as a user writes it.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The longest host taken. A name of the DNS has at most 253 characters.
const MAX_HOST: usize = 255;

/// A host, not looked up, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// A name or an address in numbers (IPv6 without brackets, a zone such as `%eth0` included).
    /// `None` when none was written: the reader decides what that means.
    pub host: Option<String>,
    /// The port; 0 asks the system to choose one where that makes sense.
    pub port: u16,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse_address(text)
    }
}

/// Writes what [`parse_address`] reads.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}

/// Reads `host:port`, `[IPv6]:port`, `:port` or `port`.
///
/// White space is not skipped. A host that is not in brackets is not examined further: whether it
/// exists is for the look-up to say.
///
/// # Errors
///
/// When the text has none of these forms; the error quotes the text.
pub(crate) fn parse_address(text: &str) -> Result<Address, AddressError> {
    let wrong = |fault| AddressError {
        text: quoted(text),
        fault,
    };
    let (host, port) = split(text).map_err(wrong)?;
    let host = match host {
        "" => None,
        host => {
            check_host(host).map_err(wrong)?;
            Some(host.to_owned())
        }
    };
    let port = parse_port(port).map_err(wrong)?;
    Ok(Address { host, port })
}

/// Host (without brackets, empty when there is none) and port.
fn split(text: &str) -> Result<(&str, &str), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(Fault::OpenBracket)?;
        let ip = host.split_once('%').map_or(host, |(ip, _zone)| ip);
        if ip.parse::<Ipv6Addr>().is_err() {
            return Err(Fault::NotIpv6);
        }
        let port = rest.strip_prefix(':').ok_or(Fault::NoPort)?;
        return Ok((host, port));
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Err(Fault::ManyColons),
        Some((host, port)) => Ok((host, port)),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(("", text)),
        None => Err(Fault::NoPort),
    }
}

fn check_host(host: &str) -> Result<(), Fault> {
    if host.len() > MAX_HOST {
        return Err(Fault::LongHost(host.len()));
    }
    match host.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(found) => Err(Fault::HostCharacter(found)),
        None => Ok(()),
    }
}

fn parse_port(port: &str) -> Result<u16, Fault> {
    // `u16::from_str` would take a sign as well.
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Port);
    }
    port.parse().map_err(|_| Fault::Port)
}

/// The beginning of a text that may be long and hold anything, in quotes and escaped.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}

/// A text that is no address: what it was, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressError {
    text: String,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Empty,
    NoPort,
    Port,
    OpenBracket,
    NotIpv6,
    ManyColons,
    LongHost(usize),
    HostCharacter(char),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad address {}: ", self.text)?;
        match self.fault {
            Fault::Empty => f.write_str("it is empty")?,
            Fault::NoPort => f.write_str("it has no port")?,
            Fault::Port => f.write_str("the port is not a number from 0 to 65535")?,
            Fault::OpenBracket => f.write_str("the \"[\" is not closed")?,
            Fault::NotIpv6 => f.write_str("what is in brackets is not an IPv6 address")?,
            Fault::ManyColons => {
                f.write_str("it has several colons, and an IPv6 address needs brackets")?;
            }
            Fault::LongHost(length) => {
                write!(
                    f,
                    "the host has {length} bytes, at most {MAX_HOST} are allowed"
                )?;
            }
            Fault::HostCharacter(found) => write!(f, "the host has the character {found:?} in it")?,
        }
        f.write_str(" (wanted: host:port, [IPv6]:port, :port or port)")
    }
}

impl std::error::Error for AddressError {}
