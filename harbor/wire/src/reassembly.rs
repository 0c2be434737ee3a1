//! Fragments to messages.

use std::collections::HashMap;
use std::fmt;

use crate::sink::grow;
use crate::{Cookie, Extra, Flags, Fragment, Sink};

/// Puts the fragments of one peer's messages together.
///
/// The parts of one message come in order, those of several messages in any mix. Memory follows what came, as with
/// the [`Parser`](crate::Parser), and is bounded: a peer keeps to the number of messages under way and to the sum
/// of their sizes, or its link is closed.
#[derive(Debug)]
pub struct Reassembler<B = Vec<u8>> {
    streams: HashMap<u32, Stream<B>>,
    max_streams: usize,
    max_bytes: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Stream<B> {
    flags: Flags,
    extra: Option<Extra>,
    cookie: Cookie,
    total: usize,
    body: B,
    room: usize,
}

/// A message that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled<B> {
    /// Its flags, without those of a fragment.
    pub flags: Flags,
    /// What its first fragment carried.
    pub extra: Option<Extra>,
    /// From whom, to whom.
    pub cookie: Cookie,
    /// The body.
    pub body: B,
}

impl<B: Sink> Reassembler<B> {
    /// For one peer, with at most `max_streams` messages under way that have at most `max_bytes` bytes together.
    #[must_use]
    pub fn new(max_streams: usize, max_bytes: usize) -> Self {
        Self {
            streams: HashMap::new(),
            max_streams,
            max_bytes,
            bytes: 0,
        }
    }

    /// Takes one fragment as the parser gave it; returns the message that it completes.
    ///
    /// # Errors
    /// When the fragment cannot be the next of its message, or too much is under way. The link is to be closed.
    pub fn accept(
        &mut self,
        flags: Flags,
        extra: Option<Extra>,
        fragment: Fragment,
        cookie: Cookie,
        bytes: &[u8],
    ) -> Result<Option<Assembled<B>>, ReassemblyError> {
        let refused = |why| ReassemblyError { fragment, why };
        if !fragment.holds(bytes.len()) {
            return Err(refused(Why::Outside));
        }
        let flags = flags.without(Flags::EXTRA | Flags::FRAGMENT);
        if fragment.offset == 0 {
            self.begin(flags, extra, fragment, cookie)
                .map_err(refused)?;
        }
        let stream = self
            .streams
            .get_mut(&fragment.stream)
            .ok_or(refused(Why::NoBeginning))?;
        if stream.flags != flags || stream.cookie != cookie {
            return Err(refused(Why::OtherMessage));
        }
        let came = stream.body.as_slice().len();
        if stream.total != fragment.total as usize || came != fragment.offset as usize {
            return Err(refused(Why::Order));
        }
        grow(&mut stream.body, &mut stream.room, bytes, stream.total);
        if came + bytes.len() < stream.total {
            return Ok(None);
        }
        Ok(self.finish(fragment.stream))
    }

    /// Messages that are under way.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// The sum of the sizes of the messages that are under way, when they will be complete.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets all that is under way: the peer's life is over.
    pub fn clear(&mut self) {
        self.streams = HashMap::new();
        self.bytes = 0;
    }

    fn begin(
        &mut self,
        flags: Flags,
        extra: Option<Extra>,
        fragment: Fragment,
        cookie: Cookie,
    ) -> Result<(), Why> {
        let total = fragment.total as usize;
        if self.streams.contains_key(&fragment.stream) {
            return Err(Why::Order);
        }
        if self.streams.len() >= self.max_streams {
            return Err(Why::TooManyStreams);
        }
        if total > self.max_bytes - self.bytes {
            return Err(Why::TooManyBytes);
        }
        self.bytes += total;
        let stream = Stream {
            flags,
            extra,
            cookie,
            total,
            body: B::default(),
            room: 0,
        };
        self.streams.insert(fragment.stream, stream);
        Ok(())
    }

    fn finish(&mut self, stream: u32) -> Option<Assembled<B>> {
        let stream = self.streams.remove(&stream)?;
        self.bytes -= stream.total;
        Some(Assembled {
            flags: stream.flags,
            extra: stream.extra,
            cookie: stream.cookie,
            body: stream.body,
        })
    }
}

/// A fragment that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReassemblyError {
    /// The fragment.
    pub fragment: Fragment,
    /// What is wrong with it.
    pub why: Why,
}

/// Why a fragment cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It is empty, does not lie within its message, or the message is too large.
    Outside,
    /// It is not the first of its message, and that did not come.
    NoBeginning,
    /// It does not continue what came, or tells another size.
    Order,
    /// Its flags or its cookie are not those of the message.
    OtherMessage,
    /// Too many messages are under way.
    TooManyStreams,
    /// The messages under way are too large together.
    TooManyBytes,
}

impl fmt::Display for ReassemblyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Outside => "does not lie within its message",
            Why::NoBeginning => "has no beginning",
            Why::Order => "does not continue what came",
            Why::OtherMessage => "is of another message",
            Why::TooManyStreams => "begins one message too many",
            Why::TooManyBytes => "begins a message for which there is no room",
        };
        let Fragment {
            stream,
            total,
            offset,
        } = self.fragment;
        write!(
            f,
            "fragment at {offset} of {total} bytes in stream {stream} {why}"
        )
    }
}

impl std::error::Error for ReassemblyError {}
