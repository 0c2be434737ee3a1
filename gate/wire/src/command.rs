//! What others tell a gate.

use std::fmt;

use crate::word::{excerpt, parse_id, split_word};
use crate::{Address, AddressError};

/// A text message to a gate.
///
/// ```
/// use skynet_gate_wire::{Address, Command};
/// let command = Command::parse(b"forward 3 :0100000a :00001234")?;
/// assert_eq!(command, Command::Forward { id: 3, agent: 0x0100000a, client: 0x1234 });
/// assert_eq!(command.to_string(), "forward 3 :0100000a :00001234");
/// # Ok::<(), skynet_gate_wire::CommandError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `kick <id>`: close a connection.
    Kick {
        /// Its socket id.
        id: u32,
    },
    /// `start <id>`: begin to read a connection.
    Start {
        /// Its socket id.
        id: u32,
    },
    /// `close`: stop listening; connections go on.
    Close,
    /// `forward <id> :<agent> :<client>`: packets of a connection go to `agent`, as if `client` had sent them.
    Forward {
        /// The socket id.
        id: u32,
        /// The handle that receives them; 0 is nobody.
        agent: u32,
        /// The handle they seem to come from.
        client: u32,
    },
    /// `broker <name>`: packets of all connections go to that service.
    Broker(Address),
}

impl Command {
    /// Reads a text message. Words have one space between them; the text may end with white space.
    ///
    /// # Errors
    /// When the first word is no command (abbreviations are none), or the others do not fit it.
    pub fn parse(text: &[u8]) -> Result<Self, CommandError> {
        let text = text.trim_ascii_end();
        let (word, rest) = split_word(text);
        let arguments = rest.unwrap_or_default();
        let wrong = |usage| CommandError::Arguments {
            usage,
            found: excerpt(text),
        };
        match word {
            b"kick" => {
                let id = parse_id(arguments).ok_or(wrong("kick <id>"))?;
                Ok(Self::Kick { id })
            }
            b"start" => {
                let id = parse_id(arguments).ok_or(wrong("start <id>"))?;
                Ok(Self::Start { id })
            }
            b"close" if rest.is_none() => Ok(Self::Close),
            b"close" => Err(wrong("close")),
            b"forward" => parse_forward(arguments).ok_or(wrong("forward <id> :<agent> :<client>")),
            b"broker" => parse_broker(arguments).map_err(CommandError::Broker),
            _ => Err(CommandError::Unknown {
                found: excerpt(text),
            }),
        }
    }
}

fn parse_forward(arguments: &[u8]) -> Option<Command> {
    let (id, rest) = split_word(arguments);
    let (agent, client) = split_word(rest?);
    Some(Command::Forward {
        id: parse_id(id)?,
        agent: parse_handle(agent)?,
        client: parse_handle(client?)?,
    })
}

/// A handle that may be 0: an agent or client that is not there.
fn parse_handle(word: &[u8]) -> Option<u32> {
    let digits = word.strip_prefix(b":")?;
    let digits = std::str::from_utf8(digits).ok()?;
    let valid = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| valid)
}

fn parse_broker(name: &[u8]) -> Result<Command, AddressError> {
    let error = |_| AddressError {
        found: excerpt(name),
    };
    std::str::from_utf8(name)
        .map_err(error)?
        .parse()
        .map(Command::Broker)
}

/// The text that [`Command::parse`] reads back.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kick { id } => write!(f, "kick {id}"),
            Self::Start { id } => write!(f, "start {id}"),
            Self::Close => f.write_str("close"),
            Self::Forward { id, agent, client } => {
                write!(f, "forward {id} :{agent:08x} :{client:08x}")
            }
            Self::Broker(address) => write!(f, "broker {address}"),
        }
    }
}

/// Why a text is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// No command begins so.
    Unknown {
        /// The text, quoted.
        found: String,
    },
    /// The command wants other arguments.
    Arguments {
        /// How it is used.
        usage: &'static str,
        /// The text, quoted.
        found: String,
    },
    /// The broker is no address.
    Broker(AddressError),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { found } => {
                write!(
                    f,
                    "command {found}: wanted kick, start, close, forward or broker"
                )
            }
            Self::Arguments { usage, found } => write!(f, "command {found}: wanted {usage}"),
            Self::Broker(error) => write!(f, "command broker: {error}"),
        }
    }
}

impl std::error::Error for CommandError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broker(error) => Some(error),
            _ => None,
        }
    }
}
