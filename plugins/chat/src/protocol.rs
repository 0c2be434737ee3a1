//! What chat, rooms and agents tell each other.
//!
//! Requests are values of the Lua protocol (`KIND_LUA`): a word, then what it needs. What clients are to see
//! travels as plain text (`KIND_TEXT`): whole lines with their ends, stored once however many agents get it.

use std::collections::BTreeMap;

use skynet_seri::{UnpackError, WriteError, pack, unpack, unpack_prefix};
use skynet_service::{CallError, Error, Handle, Result};

/// What an agent asks of a room service. The source of the message is the member that it is about.
///
/// Sent as a call, each is answered when it has been carried out: what it made the service tell the caller is in the
/// caller's mailbox by then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RoomRequest<'a> {
    /// To be in a room, under a nick.
    Join {
        /// The room.
        room: &'a str,
        /// The agent's nick.
        nick: &'a str,
    },
    /// To be in a room no longer.
    Leave {
        /// The room.
        room: &'a str,
    },
    /// To tell everybody in a room something.
    Say {
        /// The room.
        room: &'a str,
        /// Clean text.
        text: &'a str,
    },
    /// To have another nick, in all rooms of the service.
    Nick {
        /// The new nick.
        nick: &'a str,
    },
    /// To be in no room of the service any longer.
    Quit,
    /// A call: the nicks of those in a room; see [`decode_names`].
    Who {
        /// The room.
        room: &'a str,
    },
    /// A call: the rooms of the service, and how many are in each; see [`decode_rooms`].
    Rooms,
    /// A call that is not answered before the service ends.
    Watch,
}

impl<'a> RoomRequest<'a> {
    /// The message.
    ///
    /// # Errors
    /// It would be too long, which no line of a client makes it.
    pub(crate) fn encode(&self) -> std::result::Result<Vec<u8>, WriteError> {
        match self {
            Self::Join { room, nick } => pack(&("join", *room, *nick)),
            Self::Leave { room } => pack(&("leave", *room)),
            Self::Say { room, text } => pack(&("say", *room, *text)),
            Self::Nick { nick } => pack(&("nick", *nick)),
            Self::Quit => pack(&("quit",)),
            Self::Who { room } => pack(&("who", *room)),
            Self::Rooms => pack(&("rooms",)),
            Self::Watch => encode_watch(),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// It is no such request.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let ((word, first, second), _) =
            unpack_prefix::<(&str, Option<&str>, Option<&str>)>(bytes)?;
        Ok(match (word, first, second) {
            ("join", Some(room), Some(nick)) => Self::Join { room, nick },
            ("leave", Some(room), _) => Self::Leave { room },
            ("say", Some(room), Some(text)) => Self::Say { room, text },
            ("nick", Some(nick), _) => Self::Nick { nick },
            ("quit", _, _) => Self::Quit,
            ("who", Some(room), _) => Self::Who { room },
            ("rooms", _, _) => Self::Rooms,
            ("watch", _, _) => Self::Watch,
            _ => {
                return Err(Error::unsupported(format_args!(
                    "request {word:?} of a room service: wanted join, leave, say, nick, quit, \
                     who, rooms or watch, with what they need"
                )));
            }
        })
    }
}

/// What is asked of a room service or an agent to learn when it ends: it does not answer.
///
/// # Errors
/// Never, in fact: it is short.
pub(crate) fn encode_watch() -> std::result::Result<Vec<u8>, WriteError> {
    pack(&("watch",))
}

/// The answer to [`RoomRequest::Who`].
///
/// # Errors
/// As [`RoomRequest::encode`].
pub(crate) fn encode_names(names: &[&str]) -> std::result::Result<Vec<u8>, WriteError> {
    pack(&(names,))
}

/// Reads the answer to [`RoomRequest::Who`].
///
/// # Errors
/// It is none.
pub(crate) fn decode_names(bytes: &[u8]) -> std::result::Result<Vec<String>, UnpackError> {
    unpack::<(Vec<String>,)>(bytes).map(|(names,)| names)
}

/// The answer to [`RoomRequest::Rooms`].
///
/// # Errors
/// As [`RoomRequest::encode`].
pub(crate) fn encode_rooms(
    rooms: &BTreeMap<&str, usize>,
) -> std::result::Result<Vec<u8>, WriteError> {
    pack(&(rooms,))
}

/// Reads the answer to [`RoomRequest::Rooms`].
///
/// # Errors
/// It is none.
pub(crate) fn decode_rooms(
    bytes: &[u8],
) -> std::result::Result<BTreeMap<String, usize>, UnpackError> {
    unpack::<(BTreeMap<String, usize>,)>(bytes).map(|(rooms,)| rooms)
}

/// What an agent is told, by the chat unless it says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AgentNews {
    /// The client has gone: end.
    Gone,
    /// A room service has ended; this is the one in its place, and its rooms are empty. [`NOBODY`] if there is none yet.
    Pool {
        /// Which one of the pool.
        index: usize,
        /// Its successor.
        service: Handle,
    },
    /// A call of a room service of another node, which is not answered before the agent ends.
    Watch,
}

impl AgentNews {
    /// The message.
    ///
    /// # Errors
    /// Never, in fact: it is short.
    pub(crate) fn encode(&self) -> std::result::Result<Vec<u8>, WriteError> {
        match self {
            Self::Gone => pack(&("gone",)),
            Self::Pool { index, service } => pack(&("pool", *index, service.0)),
            Self::Watch => encode_watch(),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// It is no such news.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let (word, index, service) = unpack::<(&str, Option<usize>, Option<u32>)>(bytes)?;
        Ok(match (word, index, service) {
            ("gone", _, _) => Self::Gone,
            ("watch", _, _) => Self::Watch,
            ("pool", Some(index), Some(service)) => Self::Pool {
                index,
                service: Handle(service),
            },
            _ => {
                return Err(Error::unsupported(format_args!(
                    "news {word:?} for an agent: wanted gone, watch, or pool with an index and a handle"
                )));
            }
        })
    }
}

/// What an agent asks of the chat, as a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChatRequest<'a> {
    /// To be called so. Answered with the whole nick; one that is taken is refused.
    Nick {
        /// The nick.
        nick: &'a str,
    },
    /// Which room service has this place in the pool. Answered with its handle, when there is one.
    Home {
        /// The place.
        index: usize,
    },
}

impl<'a> ChatRequest<'a> {
    /// The message.
    ///
    /// # Errors
    /// As [`RoomRequest::encode`].
    pub(crate) fn encode(&self) -> std::result::Result<Vec<u8>, WriteError> {
        match self {
            Self::Nick { nick } => pack(&("nick", *nick)),
            Self::Home { index } => pack(&("home", *index)),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// It is no such request.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let (word,) = unpack_prefix::<(&str,)>(bytes)?.0;
        Ok(match word {
            "nick" => {
                let (_, nick) = unpack::<(&str, &str)>(bytes)?;
                Self::Nick { nick }
            }
            "home" => {
                let (_, index) = unpack::<(&str, usize)>(bytes)?;
                Self::Home { index }
            }
            _ => {
                return Err(Error::unsupported(format_args!(
                    "request {word:?} of the chat: wanted nick or home"
                )));
            }
        })
    }
}

/// The answer to [`ChatRequest::Nick`].
///
/// # Errors
/// As [`RoomRequest::encode`].
pub(crate) fn encode_nick(nick: &str) -> std::result::Result<Vec<u8>, WriteError> {
    pack(&(nick,))
}

/// Reads the answer to [`ChatRequest::Nick`].
///
/// # Errors
/// It is none.
pub(crate) fn decode_nick(bytes: &[u8]) -> std::result::Result<String, UnpackError> {
    unpack::<(String,)>(bytes).map(|(nick,)| nick)
}

/// The answer to [`ChatRequest::Home`].
///
/// # Errors
/// Never, in fact: it is short.
pub(crate) fn encode_home(home: Handle) -> std::result::Result<Vec<u8>, WriteError> {
    pack(&(home.0,))
}

/// Reads the answer to [`ChatRequest::Home`].
///
/// # Errors
/// It is none.
pub(crate) fn decode_home(bytes: &[u8]) -> std::result::Result<Handle, UnpackError> {
    unpack::<(u32,)>(bytes).map(|(handle,)| Handle(handle))
}

/// Why a call failed, for people who do not care about handles.
pub(crate) fn plain(error: &CallError) -> String {
    match error {
        CallError::Failed { text, .. } if !text.is_empty() => text.clone(),
        error => error.reason().to_string(),
    }
}

/// In the place of a room service that is not there, or not known.
pub(crate) const NOBODY: Handle = Handle::SYSTEM;

/// The services among which the rooms are shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pool(Vec<Handle>);

impl Pool {
    /// A pool of these, of which there must be one at least.
    pub(crate) fn new(services: Vec<Handle>) -> Option<Self> {
        (!services.is_empty()).then_some(Self(services))
    }

    /// Which service a room lives in: the same for each agent, whatever its build.
    pub(crate) fn index(&self, room: &str) -> usize {
        // FNV-1a. A client that picks names of one service fills that one: it is his own room that gets slower.
        let hash = room.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash % self.0.len() as u64) as usize
    }

    /// The service that a room lives in.
    pub(crate) fn service(&self, room: &str) -> Handle {
        self.0[self.index(room)]
    }

    /// All of them.
    pub(crate) fn services(&self) -> &[Handle] {
        &self.0
    }

    /// Puts another service in the place of one. An index that there is not changes nothing.
    pub(crate) fn replace(&mut self, index: usize, service: Handle) {
        if let Some(place) = self.0.get_mut(index) {
            *place = service;
        }
    }
}

/// As it stands in launch lines: handles, separated by commas.
impl std::fmt::Display for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, service) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{service}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Pool {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let services = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Self::new(services).ok_or_else(|| Error::msg("a pool of rooms needs a service"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_are_read_back() {
        let check = |request: RoomRequest<'_>| {
            let bytes = request.encode().unwrap();
            assert_eq!(RoomRequest::decode(&bytes).unwrap(), request);
        };
        let (room, nick, text) = ("lobby", "bob", "hello");
        check(RoomRequest::Join { room, nick });
        check(RoomRequest::Leave { room });
        check(RoomRequest::Say { room, text });
        check(RoomRequest::Nick { nick });
        check(RoomRequest::Quit);
        check(RoomRequest::Who { room });
        check(RoomRequest::Rooms);
        check(RoomRequest::Watch);
    }

    #[test]
    fn news_is_read_back() {
        let check = |news: AgentNews| {
            let bytes = news.encode().unwrap();
            assert_eq!(AgentNews::decode(&bytes).unwrap(), news);
        };
        check(AgentNews::Gone);
        check(AgentNews::Watch);
        check(AgentNews::Pool {
            index: 3,
            service: Handle(0xff00_0010),
        });
    }

    #[test]
    fn requests_of_the_chat_are_read_back() {
        let check = |request: ChatRequest<'_>| {
            let bytes = request.encode().unwrap();
            assert_eq!(ChatRequest::decode(&bytes).unwrap(), request);
        };
        check(ChatRequest::Nick { nick: "bob" });
        check(ChatRequest::Home { index: 3 });
        for bytes in [pack(&("nick",)), pack(&("home", -1)), pack(&("sing",))] {
            assert!(ChatRequest::decode(&bytes.unwrap()).is_err());
        }
        assert_eq!(
            decode_nick(&encode_nick("bob@2").unwrap()).unwrap(),
            "bob@2"
        );
        let home = Handle(0xff00_0010);
        assert_eq!(decode_home(&encode_home(home).unwrap()).unwrap(), home);
    }

    #[test]
    fn answers_are_read_back() {
        let names = encode_names(&["bob", "zoë"]).unwrap();
        assert_eq!(decode_names(&names).unwrap(), ["bob", "zoë"]);
        let rooms = encode_rooms(&BTreeMap::from([("lobby", 2), ("bar", 1)])).unwrap();
        let expected = BTreeMap::from([("lobby".to_owned(), 2), ("bar".to_owned(), 1)]);
        assert_eq!(decode_rooms(&rooms).unwrap(), expected);
        assert!(
            decode_names(&encode_names(&[]).unwrap())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_is_missing_is_refused() {
        let check = |bytes: Vec<u8>, expected: &str| {
            let error = RoomRequest::decode(&bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(AgentNews::decode(&bytes).is_err());
        };
        check(pack(&("join", "lobby")).unwrap(), "\"join\"");
        check(pack(&("dance",)).unwrap(), "\"dance\"");
        check(Vec::new(), "");
    }

    #[test]
    fn pools_are_read_back() {
        let pool = Pool::new(vec![Handle(10), Handle(0x0100_000b)]).unwrap();
        assert_eq!(pool.to_string(), ":0000000a,:0100000b");
        assert_eq!(pool.to_string().parse::<Pool>().unwrap(), pool);
        assert!("".parse::<Pool>().is_err());
        assert!(Pool::new(Vec::new()).is_none());
    }

    #[test]
    fn rooms_spread_over_the_pool() {
        let pool = Pool::new((1..=4).map(Handle).collect()).unwrap();
        let mut count = [0; 4];
        for room in 0..400 {
            count[pool.index(&format!("room{room}"))] += 1;
        }
        assert!(count.iter().all(|&count| count > 50), "{count:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(
            bytes in proptest::collection::vec(any::<u8>(), 0..200)
        ) {
            let _ = RoomRequest::decode(&bytes);
            let _ = AgentNews::decode(&bytes);
            let _ = ChatRequest::decode(&bytes);
            let _ = decode_names(&bytes);
            let _ = decode_rooms(&bytes);
        }
    }
}
