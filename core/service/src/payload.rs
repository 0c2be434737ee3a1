//! What can be sent.

use std::borrow::Cow;

use crate::{Buffer, Message, Reply};

/// The bytes of a message on their way out: borrowed (copied once), or a [`Buffer`] that is handed over.
#[derive(Debug)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// Copied into a buffer of the node.
    Bytes(Cow<'a, [u8]>),
    /// Handed over without a copy.
    Buffer(Buffer),
}

impl Payload<'_> {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Buffer(buffer) => buffer,
        }
    }
}

impl From<()> for Payload<'_> {
    fn from((): ()) -> Self {
        Self::Bytes(Cow::Borrowed(&[]))
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Payload<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(Cow::Borrowed(text.as_bytes()))
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(text: &'a String) -> Self {
        Self::Bytes(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<String> for Payload<'_> {
    fn from(text: String) -> Self {
        Self::Bytes(Cow::Owned(text.into_bytes()))
    }
}

impl<'a> From<&'a Buffer> for Payload<'a> {
    fn from(buffer: &'a Buffer) -> Self {
        Self::Bytes(Cow::Borrowed(buffer))
    }
}

impl From<Buffer> for Payload<'_> {
    fn from(buffer: Buffer) -> Self {
        Self::Buffer(buffer)
    }
}

impl From<Reply> for Payload<'_> {
    fn from(reply: Reply) -> Self {
        Self::Buffer(reply.into_buffer())
    }
}

impl From<Message> for Payload<'_> {
    /// The message's payload; a request stays unanswered by this and is answered as dropped.
    fn from(message: Message) -> Self {
        Self::Buffer(message.into_buffer())
    }
}
