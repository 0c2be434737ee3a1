//! The fields of a frame, one after the other.

use crate::{Address, Malformed};

/// What is left of a frame.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    /// For errors: the type of the frame and its bytes.
    kind: u8,
    found: usize,
}

impl<'a> Fields<'a> {
    /// `rest` of a frame of type `kind` with `found` bytes.
    #[inline]
    pub(crate) fn new(rest: &'a [u8], kind: u8, found: usize) -> Self {
        Self { rest, kind, found }
    }

    /// All that is left.
    #[inline]
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// A number that must be there.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<u32, Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(self.wrong_length())?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// A number behind which nothing may come.
    #[inline]
    pub(crate) fn last_number(mut self) -> Result<u32, Malformed> {
        let number = self.number()?;
        if self.rest.is_empty() {
            Ok(number)
        } else {
            Err(self.wrong_length())
        }
    }

    /// An address: a name or a handle.
    #[inline]
    pub(crate) fn address(&mut self, named: bool) -> Result<Address<'a>, Malformed> {
        if !named {
            return self.number().map(Address::Handle);
        }
        let (len, rest) = self.rest.split_first().ok_or(self.wrong_length())?;
        let (name, rest) = rest
            .split_at_checked(usize::from(*len))
            .ok_or(self.wrong_length())?;
        if name.is_empty() {
            return Err(Malformed::EmptyName);
        }
        self.rest = rest;
        Ok(Address::Name(name))
    }

    fn wrong_length(&self) -> Malformed {
        Malformed::Length {
            kind: self.kind,
            found: self.found,
        }
    }
}
