//! Bytes to tokens: the only file that knows how values look.
//!
//! Tokens are flat. Whoever asks for them keeps track of the tables: after [`Token::Table`] come as many
//! values as it says, then keys (see [`Cursor::key`]) with their values.

use crate::limits::MAX_READ_DEPTH;
use crate::tag;
use crate::{Limits, ReadError};

/// One value, or the beginning of a table with an array of that length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Token<'a> {
    Nil,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Pointer(u64),
    String(&'a [u8]),
    Table(usize),
}

impl Token<'_> {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Token::Nil => "nil",
            Token::Boolean(_) => "a boolean",
            Token::Integer(_) => "an integer",
            Token::Number(_) => "a float",
            Token::Pointer(_) => "a light userdata",
            Token::String(_) => "a string",
            Token::Table(_) => "a table",
        }
    }
}

/// A place in a message.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    /// Where the message ends, as an offset.
    end: usize,
    values: usize,
    limits: Limits,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: Limits) -> Result<Self, ReadError> {
        let limit = limits.bytes();
        if bytes.len() > limit {
            return Err(ReadError::TooLong {
                found: bytes.len(),
                limit,
            });
        }
        Ok(Self {
            rest: bytes,
            end: bytes.len(),
            values: limits.values(),
            limits,
        })
    }

    /// A cursor over bytes that were checked before, and within the limits then.
    pub(crate) fn trusted(bytes: &'a [u8]) -> Self {
        let limits = Limits::default()
            .with_depth(MAX_READ_DEPTH)
            .with_values(usize::MAX);
        Self {
            rest: bytes,
            end: bytes.len(),
            values: usize::MAX,
            limits,
        }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token<'a>, ReadError> {
        let limit = self.limits.values();
        self.values = self
            .values
            .checked_sub(1)
            .ok_or(ReadError::TooManyValues { limit })?;
        let offset = self.offset();
        let [tag] = self.array()?;
        match tag::split(tag) {
            (tag::NIL, _) => Ok(Token::Nil),
            (tag::BOOLEAN, cookie) => Ok(Token::Boolean(cookie != 0)),
            (tag::NUMBER, tag::REAL) => Ok(Token::Number(f64::from_le_bytes(self.array()?))),
            (tag::NUMBER, cookie) => {
                let bad = ReadError::BadTag { offset, tag };
                Ok(Token::Integer(self.integer(cookie)?.ok_or(bad)?))
            }
            (tag::POINTER, _) => Ok(Token::Pointer(u64::from_le_bytes(self.array()?))),
            (tag::SHORT_STRING, len) => Ok(Token::String(self.take(usize::from(len))?)),
            (tag::LONG_STRING, tag::WORD) => {
                let len = u16::from_le_bytes(self.array()?);
                Ok(Token::String(self.take(usize::from(len))?))
            }
            (tag::LONG_STRING, tag::DWORD) => {
                let len = u32::from_le_bytes(self.array()?);
                Ok(Token::String(
                    self.take(usize::try_from(len).unwrap_or(usize::MAX))?,
                ))
            }
            (tag::TABLE, tag::LONG_ARRAY) => Ok(Token::Table(self.array_length()?)),
            (tag::TABLE, len) => Ok(Token::Table(usize::from(len))),
            _ => Err(ReadError::BadTag { offset, tag }),
        }
    }

    /// The next key of a table, or nothing at the table's end. Integral floats become integers.
    pub(crate) fn key(&mut self) -> Result<Option<Token<'a>>, ReadError> {
        let offset = self.offset();
        Ok(match self.token()? {
            Token::Nil => None,
            Token::Number(number) if number.is_nan() => return Err(ReadError::NanKey { offset }),
            Token::Number(number) => {
                Some(tag::integral(number).map_or(Token::Number(number), Token::Integer))
            }
            key => Some(key),
        })
    }

    /// Checks that a table may be inside `depth` tables; to be called after its token was read.
    pub(crate) fn enter(&self, depth: usize) -> Result<(), ReadError> {
        let limit = self.limits.read_depth();
        if depth > limit {
            return Err(ReadError::TooDeep {
                offset: self.offset(),
                limit,
            });
        }
        Ok(())
    }

    /// Moves behind a value that is inside `depth` tables and began with `token`, and checks all of it.
    pub(crate) fn skip(&mut self, token: &Token<'a>, depth: usize) -> Result<(), ReadError> {
        let &Token::Table(array) = token else {
            return Ok(());
        };
        self.enter(depth)?;
        for _ in 0..array {
            let token = self.token()?;
            self.skip(&token, depth + 1)?;
        }
        self.skip_pairs(depth + 1)
    }

    /// Moves behind the remaining pairs of a table and its end.
    pub(crate) fn skip_pairs(&mut self, depth: usize) -> Result<(), ReadError> {
        while let Some(key) = self.key()? {
            self.skip(&key, depth)?;
            let value = self.token()?;
            self.skip(&value, depth)?;
        }
        Ok(())
    }

    /// How many values to make room for: each needs a byte, and a claim alone buys little.
    pub(crate) fn reasonable(&self, claimed: usize) -> usize {
        claimed.min(self.rest.len()).min(256)
    }

    fn integer(&mut self, cookie: u8) -> Result<Option<i64>, ReadError> {
        Ok(Some(match cookie {
            tag::ZERO => 0,
            tag::BYTE => i64::from(u8::from_le_bytes(self.array()?)),
            tag::WORD => i64::from(u16::from_le_bytes(self.array()?)),
            tag::DWORD => i64::from(i32::from_le_bytes(self.array()?)),
            tag::QWORD => i64::from_le_bytes(self.array()?),
            _ => return Ok(None),
        }))
    }

    fn array_length(&mut self) -> Result<usize, ReadError> {
        let offset = self.offset();
        let bad = ReadError::BadLength { offset };
        let [tag] = self.array()?;
        let (tag::NUMBER, cookie) = tag::split(tag) else {
            return Err(bad);
        };
        let Some(length) = self.integer(cookie)? else {
            return Err(bad);
        };
        let length = usize::try_from(length).map_err(|_| bad)?;
        // The values and the end of the table need a byte each.
        if length >= self.rest.len() {
            let wanted = length.saturating_add(1);
            let found = self.rest.len();
            return Err(ReadError::Truncated {
                offset: self.offset(),
                wanted,
                found,
            });
        }
        Ok(length)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let Some((head, rest)) = self.rest.split_first_chunk() else {
            return Err(self.truncated(N));
        };
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(len));
        };
        self.rest = rest;
        Ok(head)
    }

    #[cold]
    fn truncated(&self, wanted: usize) -> ReadError {
        ReadError::Truncated {
            offset: self.offset(),
            wanted,
            found: self.rest.len(),
        }
    }
}
