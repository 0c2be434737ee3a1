//! Bytes of a peer to frames.

use std::mem;

use crate::frame::{CONTROL, EXTRA, FRAGMENT};
use crate::hello::Greeting;
use crate::sink::grow;
use crate::{
    COOKIE, Control, Cookie, Extra, Flags, Fragment, FrameError, Go, HEADER, Hello, MAX_FRAME, Sink,
};

/// The type of an error message, which alone can have a reason.
const ERROR: u8 = 7;
/// Bytes of a reason.
const REASON: usize = 2;

/// How the bytes of a peer are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As every Skynet node writes them; HELLO and GO are recognised.
    Stock,
    /// As our nodes write them after their GO.
    Extended,
}

/// What a peer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a, B = Vec<u8>> {
    /// A message or a part of one.
    Data(Data<'a, B>),
    /// Something about the link.
    Control(Control),
    /// The peer is one of ours.
    Hello(Hello<'a>),
    /// What follows are extended frames; see [`Parser::switch`].
    Go(Go),
}

/// A message or a part of one.
#[derive(Debug, PartialEq, Eq)]
pub struct Data<'a, B = Vec<u8>> {
    /// The flags; none in a stock frame.
    pub flags: Flags,
    /// There if the flags have [`Flags::EXTRA`].
    pub extra: Option<Extra>,
    /// There if the flags have [`Flags::FRAGMENT`]; the body lies within its message.
    pub fragment: Option<Fragment>,
    /// From whom, to whom.
    pub cookie: Cookie,
    /// The body.
    pub body: Body<'a, B>,
}

/// The bytes of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Body<'a, B = Vec<u8>> {
    /// A part of the chunk that was given.
    Chunk(&'a [u8]),
    /// Gathered from several chunks; may be taken, as the parser does not need it any more.
    Gathered(&'a mut B),
}

impl<B: Sink> Body<'_, B> {
    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Chunk(bytes) => bytes,
            Self::Gathered(bytes) => bytes.as_slice(),
        }
    }

    /// The bytes as memory of its own: copied from the chunk, or what was gathered as it is.
    #[inline]
    #[must_use]
    pub fn take(self) -> B {
        match self {
            Self::Chunk(bytes) => {
                let mut body = B::default();
                body.reserve(bytes.len());
                body.append(bytes);
                body
            }
            Self::Gathered(bytes) => mem::take(bytes),
        }
    }
}

/// The reason that the body of an error message with [`Flags::REASON`] begins with, and the text behind it.
#[must_use]
pub fn split_reason(body: &[u8]) -> Option<(u16, &[u8])> {
    let (reason, text) = body.split_first_chunk()?;
    Some((u16::from_le_bytes(*reason), text))
}

/// Cuts the bytes of one peer into frames.
///
/// A frame that lies within one chunk is returned as a part of the chunk. What is torn over chunks is gathered, the
/// body alone in a `B`, which the caller may take: then no byte of it is copied again. Room is made as bytes arrive,
/// not because a header claims them.
#[derive(Debug)]
pub struct Parser<B = Vec<u8>> {
    format: Format,
    max_frame: usize,
    state: State,
    torn: Torn<B>,
    refused: Option<FrameError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of the next frame came.
    Fresh,
    /// A part of it came.
    Torn,
    /// It is complete and was returned.
    Returned,
}

impl<B: Sink> Parser<B> {
    /// A parser for a new connection. It refuses frames of more than `max_frame` bytes (without their header).
    #[must_use]
    pub fn new(format: Format, max_frame: usize) -> Self {
        Self {
            format,
            max_frame,
            state: State::Fresh,
            torn: Torn::default(),
            refused: None,
        }
    }

    /// Reads what follows the last returned frame in another format.
    pub fn switch(&mut self, format: Format) {
        self.format = format;
    }

    /// Allows frames of up to `max_frame` bytes (without their header) from the next header on.
    pub fn limit(&mut self, max_frame: usize) {
        self.max_frame = max_frame;
    }

    /// The next frame, from what was gathered and `chunk`, of which the used part is cut off. To be called until it
    /// returns nothing: then the chunk is used up.
    ///
    /// # Errors
    /// When the peer does not keep to the format. The connection cannot go on: every later call gives the same
    /// error.
    #[inline]
    pub fn next<'a, 'c: 'a>(
        &'a mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<Frame<'a, B>>, FrameError> {
        if self.state == State::Fresh
            && let Some((header, rest)) = chunk.split_first_chunk::<HEADER>()
        {
            let header = u32::from_be_bytes(*header);
            if let Some((frame, rest)) = rest.split_at_checked(header as usize & MAX_FRAME) {
                *chunk = rest;
                if let Some(data) = self.plain(Flags((header >> 24) as u8), frame) {
                    return Ok(Some(Frame::Data(data)));
                }
                return self.next_whole(header, frame);
            }
        }
        self.next_torn(chunk)
    }

    /// Bytes of a frame that is not complete yet. When the connection ends and this is not 0, a frame was cut off.
    #[must_use]
    pub fn pending(&self) -> usize {
        match self.state {
            State::Fresh | State::Returned => 0,
            State::Torn => self.torn.len(),
        }
    }

    /// A whole frame that is a message with nothing special, as most are.
    #[inline]
    fn plain<'c>(&self, flags: Flags, frame: &'c [u8]) -> Option<Data<'c, B>> {
        let (body, cookie) = frame.split_last_chunk::<COOKIE>()?;
        let cookie = Cookie::read(cookie);
        let plain = match self.format {
            Format::Stock => flags == Flags::NONE && !Greeting::may_be(&cookie),
            Format::Extended => flags.without(Flags::CALL | Flags::REDIRECTED) == Flags::NONE,
        };
        (plain && frame.len() <= self.max_frame).then_some(Data {
            flags,
            extra: None,
            fragment: None,
            cookie,
            body: Body::Chunk(body),
        })
    }

    /// A whole frame of any kind.
    fn next_whole<'c>(
        &mut self,
        header: u32,
        frame: &'c [u8],
    ) -> Result<Option<Frame<'c, B>>, FrameError> {
        let shape = Shape::read(self.format, self.max_frame, header);
        match shape.and_then(|shape| shape.whole(frame)) {
            Ok(frame) => Ok(Some(frame)),
            Err(error) => Err(refuse(&mut self.state, &mut self.refused, error)),
        }
    }

    fn next_torn<'a, 'c: 'a>(
        &'a mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<Frame<'a, B>>, FrameError> {
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        if self.state == State::Returned {
            self.torn.forget();
            self.state = State::Fresh;
            return self.next(chunk);
        }
        if chunk.is_empty() {
            return Ok(None);
        }
        self.state = State::Torn;
        let gathered = self.torn.gather(self.format, self.max_frame, chunk);
        match gathered {
            Ok(None) => Ok(None),
            Ok(Some(shape)) => {
                self.state = State::Returned;
                let result = self.torn.frame(shape);
                result
                    .map(Some)
                    .map_err(|error| refuse(&mut self.state, &mut self.refused, error))
            }
            Err(error) => {
                self.torn.forget();
                Err(refuse(&mut self.state, &mut self.refused, error))
            }
        }
    }
}

/// Keeps an error for later calls, which the state leads to.
#[cold]
fn refuse(state: &mut State, refused: &mut Option<FrameError>, error: FrameError) -> FrameError {
    *state = State::Returned;
    *refused = Some(error.clone());
    error
}

/// What a header tells.
#[derive(Debug, Clone, Copy)]
struct Shape {
    format: Format,
    flags: Flags,
    /// Bytes before the body; of a control frame all of them.
    prefix: usize,
    body: usize,
}

impl Shape {
    #[inline]
    fn read(format: Format, max_frame: usize, header: u32) -> Result<Self, FrameError> {
        let (first, len) = ((header >> 24) as u8, header as usize & MAX_FRAME);
        let flags = Flags(first);
        if first != 0 {
            match format {
                Format::Stock => return Err(FrameError::FirstByte(first)),
                Format::Extended => check_flags(flags, len)?,
            }
        }
        if len > max_frame {
            return Err(FrameError::TooLong {
                found: len,
                limit: max_frame,
            });
        }
        let control = flags.contains(Flags::CONTROL);
        let prefix = if control { len } else { flags.prefix() };
        let body = match len.checked_sub(prefix + COOKIE) {
            Some(body) => body,
            None if control => 0,
            None => {
                return Err(FrameError::TooShort {
                    found: len,
                    least: prefix + COOKIE,
                });
            }
        };
        if flags.contains(Flags::MOVED) && body != 0 {
            return Err(FrameError::TooLong {
                found: len,
                limit: prefix + COOKIE,
            });
        }
        Ok(Self {
            format,
            flags,
            prefix,
            body,
        })
    }

    /// A frame of which all bytes but the header lie in one piece.
    #[inline]
    fn whole<'c, B: Sink>(self, frame: &'c [u8]) -> Result<Frame<'c, B>, FrameError> {
        let Some((prefix, rest)) = frame.split_at_checked(self.prefix) else {
            return Err(self.too_short(frame.len()));
        };
        if self.flags.contains(Flags::CONTROL) {
            return control(prefix);
        }
        let Some((body, cookie)) = rest.split_last_chunk::<COOKIE>() else {
            return Err(self.too_short(frame.len()));
        };
        let cookie = Cookie::read(cookie);
        if self.format == Format::Stock && Greeting::is(&cookie, body) {
            return Ok(Greeting::read(&cookie, body)?.into());
        }
        let (extra, fragment) = self.fields(prefix)?;
        self.check_reason(&cookie, fragment)?;
        Ok(Frame::Data(Data {
            flags: self.flags,
            extra,
            fragment,
            cookie,
            body: Body::Chunk(body),
        }))
    }

    /// What stands before the body.
    #[inline]
    fn fields(self, prefix: &[u8]) -> Result<(Option<Extra>, Option<Fragment>), FrameError> {
        if prefix.is_empty() {
            return Ok((None, None));
        }
        let (mut extra, mut fragment, mut rest) = (None, None, prefix);
        if self.flags.contains(Flags::EXTRA) {
            let (found, after) = Extra::split(rest).ok_or(self.too_short(prefix.len()))?;
            (extra, rest) = (Some(found), after);
        }
        if self.flags.contains(Flags::FRAGMENT) {
            let (found, _) = Fragment::split(rest).ok_or(self.too_short(prefix.len()))?;
            if !found.holds(self.body) {
                return Err(FrameError::Fragment {
                    fragment: found,
                    len: self.body,
                });
            }
            fragment = Some(found);
        }
        Ok((extra, fragment))
    }

    /// That a reason, if there is one, stands where it may.
    #[inline]
    fn check_reason(self, cookie: &Cookie, fragment: Option<Fragment>) -> Result<(), FrameError> {
        if !self.flags.contains(Flags::REASON) {
            return Ok(());
        }
        let len = fragment.map_or(self.body, |fragment| fragment.total as usize);
        if cookie.kind == ERROR && len >= REASON {
            return Ok(());
        }
        Err(FrameError::Reason {
            kind: cookie.kind,
            len,
        })
    }

    #[cold]
    fn too_short(self, found: usize) -> FrameError {
        FrameError::TooShort {
            found,
            least: self.prefix + COOKIE,
        }
    }
}

/// That flags are defined and go together, in a frame of `len` bytes.
fn check_flags(flags: Flags, len: usize) -> Result<(), FrameError> {
    const MESSAGE: Flags = Flags(
        Flags::CALL.0 | Flags::REDIRECTED.0 | Flags::FRAGMENT.0 | Flags::EXTRA.0 | Flags::REASON.0,
    );
    const NOT_MOVED: Flags = Flags(Flags::CALL.0 | Flags::FRAGMENT.0 | Flags::REASON.0);
    if flags == Flags::CONTROL {
        return if CONTROL.contains(&len) {
            Ok(())
        } else {
            Err(FrameError::Control { kind: None, len })
        };
    }
    let unknown = flags.without(MESSAGE | Flags::MOVED) != Flags::NONE;
    let moved = flags.contains(Flags::MOVED) && flags.without(NOT_MOVED) != flags;
    if unknown || moved {
        return Err(FrameError::Flags(flags));
    }
    Ok(())
}

fn control<'a, B>(payload: &[u8]) -> Result<Frame<'a, B>, FrameError> {
    match Control::read(payload) {
        Some(control) => Ok(Frame::Control(control)),
        None => Err(FrameError::Control {
            kind: payload.first().copied(),
            len: payload.len(),
        }),
    }
}

impl<'a, B> From<Greeting<'a>> for Frame<'a, B> {
    fn from(greeting: Greeting<'a>) -> Self {
        match greeting {
            Greeting::Hello(hello) => Self::Hello(hello),
            Greeting::Go(go) => Self::Go(go),
        }
    }
}

/// Bytes of one frame that came in several chunks.
#[derive(Debug, Default)]
struct Torn<B> {
    /// The header and what stands before the body.
    head: Short<{ HEADER + EXTRA + FRAGMENT }>,
    /// What the header tells, once it is complete.
    shape: Option<Shape>,
    body: B,
    /// The room that was made for the body.
    room: usize,
    cookie: Short<COOKIE>,
}

impl<B: Sink> Torn<B> {
    fn len(&self) -> usize {
        self.head.len + self.body.as_slice().len() + self.cookie.len
    }

    fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes what it needs of `chunk`; returns the shape of the frame when it is complete.
    fn gather(
        &mut self,
        format: Format,
        max_frame: usize,
        chunk: &mut &[u8],
    ) -> Result<Option<Shape>, FrameError> {
        let shape = match self.shape {
            Some(shape) => shape,
            None => {
                let Some(header) = self.head.fill(HEADER, chunk) else {
                    return Ok(None);
                };
                let header = header
                    .iter()
                    .fold(0, |word, &byte| word << 8 | u32::from(byte));
                *self.shape.insert(Shape::read(format, max_frame, header)?)
            }
        };
        let Some(head) = self.head.fill(HEADER + shape.prefix, chunk) else {
            return Ok(None);
        };
        if shape.flags.contains(Flags::CONTROL) {
            return Ok(Some(shape));
        }
        shape.fields(&head[HEADER..])?;
        let missing = shape.body - self.body.as_slice().len();
        let (part, rest) = chunk.split_at(missing.min(chunk.len()));
        *chunk = rest;
        grow(&mut self.body, &mut self.room, part, shape.body);
        if part.len() < missing {
            return Ok(None);
        }
        Ok(self.cookie.fill(COOKIE, chunk).map(|_| shape))
    }

    /// The frame, which is complete.
    fn frame(&mut self, shape: Shape) -> Result<Frame<'_, B>, FrameError> {
        let prefix = self
            .head
            .bytes
            .get(HEADER..HEADER + shape.prefix)
            .unwrap_or_default();
        if shape.flags.contains(Flags::CONTROL) {
            return control(prefix);
        }
        let cookie = Cookie::read(&self.cookie.bytes);
        if shape.format == Format::Stock && Greeting::is(&cookie, self.body.as_slice()) {
            return Ok(Greeting::read(&cookie, self.body.as_slice())?.into());
        }
        let (extra, fragment) = shape.fields(prefix)?;
        shape.check_reason(&cookie, fragment)?;
        Ok(Frame::Data(Data {
            flags: shape.flags,
            extra,
            fragment,
            cookie,
            body: Body::Gathered(&mut self.body),
        }))
    }
}

/// A few bytes that come one after the other.
#[derive(Debug)]
struct Short<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }
}

impl<const N: usize> Short<N> {
    /// Takes what it needs of `chunk` to have `wanted` bytes; returns them when they are there.
    fn fill(&mut self, wanted: usize, chunk: &mut &[u8]) -> Option<&[u8]> {
        let missing = wanted.saturating_sub(self.len);
        let (part, rest) = chunk.split_at(missing.min(chunk.len()));
        *chunk = rest;
        self.bytes[self.len..][..part.len()].copy_from_slice(part);
        self.len += part.len();
        if part.len() < missing {
            return None;
        }
        Some(&self.bytes[..wanted])
    }
}
