//! Whom a request is for.

use std::fmt;

/// Bytes of the longest name.
pub const NAME_MAX: usize = 255;

/// Whom a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Address<'a> {
    /// A service of the peer's node, by its handle; 0 is who knows the names.
    Handle(u32),
    /// A service by name, of 1 to [`NAME_MAX`] bytes: `@registered`, `.local`, `:hexadecimal` or a global one.
    Name(&'a [u8]),
}

/// The name as a text, whatever bytes it has; or the handle as `:` and eight digits.
impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handle(handle) => write!(f, ":{handle:08x}"),
            Self::Name(name) => write!(f, "{}", name.escape_ascii()),
        }
    }
}

impl fmt::Debug for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handle(handle) => write!(f, "Handle({handle:#x})"),
            Self::Name(name) => write!(f, "Name(\"{}\")", name.escape_ascii()),
        }
    }
}
