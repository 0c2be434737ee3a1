//! Values to bytes.

use crate::limits::MAX_WRITE_DEPTH;
use crate::tag::{self, tag};
use crate::{Limits, Sink, WriteError};

/// Writes values one after the other, exactly as Skynet's own writer would.
///
/// A table is opened with the length of its array part, gets exactly that many values, then pairs of key and
/// value, and is closed. The writer watches the order, so what it finishes is always a valid message.
///
/// ```
/// use skynet_seri::Writer;
/// let mut writer = Writer::new();
/// writer.begin_table(1)?;
/// writer.integer(1)?; // the array part
/// writer.string("a")?; // a key
/// writer.string("b")?; // its value
/// writer.end_table()?;
/// assert_eq!(writer.finish()?, b"\x0e\x0a\x01\x0c\x61\x0c\x62\x00");
/// # Ok::<(), skynet_seri::WriteError>(())
/// ```
///
/// After an error the sink holds part of a message: throw both away.
#[derive(Debug)]
pub struct Writer<S = Vec<u8>> {
    sink: S,
    written: usize,
    limits: Limits,
    open: usize,
    frames: [Frame; MAX_WRITE_DEPTH + 1],
}

/// What an open table still waits for.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    /// Values missing from the array part.
    array: u32,
    /// A key was written, its value was not.
    value: bool,
}

impl Writer {
    /// A writer to a new vector, with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::with_sink(Vec::new())
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Sink> Writer<S> {
    /// A writer that appends to `sink`, with the default limits.
    pub fn with_sink(sink: S) -> Self {
        Self::with_limits(sink, Limits::default())
    }

    /// A writer that appends to `sink`. Of the limits, depth and bytes count; bytes that the sink held
    /// before do not.
    pub fn with_limits(sink: S, limits: Limits) -> Self {
        Self {
            sink,
            written: 0,
            limits,
            open: 0,
            frames: [Frame::default(); MAX_WRITE_DEPTH + 1],
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.written
    }

    /// Writes nil. As the value of a pair it says nothing: the reader leaves the pair out.
    ///
    /// # Errors
    /// As for all values: [`WriteError::TooDeep`], [`WriteError::TooLong`], [`WriteError::Full`]; and
    /// [`WriteError::BadKey`] where a key is due.
    pub fn nil(&mut self) -> Result<(), WriteError> {
        self.place(Some("nil"))?;
        self.put(&[tag(tag::NIL, 0)])
    }

    /// Writes a boolean.
    ///
    /// # Errors
    /// See [`Writer::nil`].
    pub fn boolean(&mut self, value: bool) -> Result<(), WriteError> {
        self.place(None)?;
        self.put(&[tag(tag::BOOLEAN, u8::from(value))])
    }

    /// Writes an integer in the width that Skynet chooses.
    ///
    /// # Errors
    /// See [`Writer::nil`].
    pub fn integer(&mut self, value: i64) -> Result<(), WriteError> {
        self.place(None)?;
        self.put_integer(value)
    }

    /// Writes a float, also when it is integral. As a key an integral float becomes an integer, as in Lua.
    ///
    /// # Errors
    /// See [`Writer::nil`]; [`WriteError::BadKey`] for NaN where a key is due.
    pub fn number(&mut self, value: f64) -> Result<(), WriteError> {
        if self.wants_key()
            && let Some(integer) = tag::integral(value)
        {
            return self.integer(integer);
        }
        self.place(value.is_nan().then_some("NaN"))?;
        self.put_wide(tag(tag::NUMBER, tag::REAL), value.to_bits())
    }

    /// Writes a light userdata. The reader gets the same 64 bits; they mean nothing outside the process.
    ///
    /// # Errors
    /// See [`Writer::nil`].
    pub fn pointer(&mut self, value: u64) -> Result<(), WriteError> {
        self.place(None)?;
        self.put_wide(tag(tag::POINTER, 0), value)
    }

    /// Writes a string: any bytes.
    ///
    /// # Errors
    /// See [`Writer::nil`].
    pub fn string(&mut self, value: impl AsRef<[u8]>) -> Result<(), WriteError> {
        self.place(None)?;
        let bytes = value.as_ref();
        if bytes.len() < tag::SHORT_LIMIT {
            let mut short = [0; tag::SHORT_LIMIT];
            short[0] = tag(tag::SHORT_STRING, bytes.len() as u8);
            short[1..=bytes.len()].copy_from_slice(bytes);
            return self.put(&short[..=bytes.len()]);
        }
        self.put_long(bytes.len())?;
        self.put(bytes)
    }

    /// Writes a string that holds a message, which `write` writes; it must come to `len` bytes. So no copy of the message
    /// is made first.
    ///
    /// ```
    /// use skynet_seri::{PackArgs, Writer, pack, packed_len};
    /// let values = ("SET", "answer", 42);
    /// let mut writer = Writer::new();
    /// writer.message(packed_len(&values)?, |inner| values.pack_args(inner))?;
    /// assert_eq!(writer.finish()?, pack(&(&pack(&values)?[..],))?);
    /// # Ok::<(), skynet_seri::WriteError>(())
    /// ```
    ///
    /// # Errors
    /// See [`Writer::nil`]; [`WriteError::Custom`] or [`WriteError::TooLong`] when it comes to another length; and those
    /// of `write`.
    pub fn message(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut Writer<&mut S>) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.place(None)?;
        if len < tag::SHORT_LIMIT {
            self.put(&[tag(tag::SHORT_STRING, len as u8)])?;
        } else {
            self.put_long(len)?;
        }
        self.reserve(len)?;
        let limits = self.limits.with_bytes(len);
        let mut inner = Writer::with_limits(&mut self.sink, limits);
        write(&mut inner)?;
        let written = inner.written();
        inner.finish()?;
        if written != len {
            return Err(WriteError::Custom(format!(
                "a message in a string came to {written} bytes, {len} were said"
            )));
        }
        self.written += len;
        Ok(())
    }

    /// Opens a table whose first `array` values have the keys 1, 2, … without being told.
    ///
    /// # Errors
    /// See [`Writer::nil`].
    pub fn begin_table(&mut self, array: usize) -> Result<(), WriteError> {
        self.place(None)?;
        let too_long = |_| WriteError::TooLong {
            limit: self.limits.bytes(),
        };
        let frame = Frame {
            array: u32::try_from(array).map_err(too_long)?,
            value: false,
        };
        if array < usize::from(tag::LONG_ARRAY) {
            self.put(&[tag(tag::TABLE, array as u8)])?;
        } else {
            self.put(&[tag(tag::TABLE, tag::LONG_ARRAY)])?;
            self.put_integer(i64::from(frame.array))?;
        }
        // place() let at most MAX_WRITE_DEPTH tables surround this one, so there is a frame left.
        self.frames[self.open] = frame;
        self.open += 1;
        Ok(())
    }

    /// Closes the table that was opened last.
    ///
    /// # Errors
    /// [`WriteError::Unbalanced`] when no table is open, the array part is not complete, or a key has no
    /// value; [`WriteError::TooLong`], [`WriteError::Full`].
    pub fn end_table(&mut self) -> Result<(), WriteError> {
        let unbalanced = |reason| Err(WriteError::Unbalanced { reason });
        let Some(parent) = self.open.checked_sub(1) else {
            return unbalanced("none was begun");
        };
        match self.frames[parent] {
            Frame { array: 1.., .. } => unbalanced("its array has fewer values than was said"),
            Frame { value: true, .. } => unbalanced("its last key has no value"),
            Frame {
                array: 0,
                value: false,
            } => {
                self.open = parent;
                self.put(&[tag(tag::NIL, 0)])
            }
        }
    }

    /// Ends the message and gives the sink back.
    ///
    /// # Errors
    /// [`WriteError::Unbalanced`] when a table is still open.
    pub fn finish(self) -> Result<S, WriteError> {
        if self.open == 0 {
            Ok(self.sink)
        } else {
            Err(WriteError::Unbalanced {
                reason: "it was begun and not ended",
            })
        }
    }

    /// Accounts for one value at the current place. `bad_key` names a value that no key can be.
    #[inline]
    fn place(&mut self, bad_key: Option<&'static str>) -> Result<(), WriteError> {
        let Some(parent) = self.open.checked_sub(1) else {
            return Ok(());
        };
        self.check_depth()?;
        let frame = &mut self.frames[parent];
        if frame.array > 0 {
            frame.array -= 1;
        } else if frame.value {
            frame.value = false;
        } else if let Some(found) = bad_key {
            return Err(WriteError::BadKey { found });
        } else {
            frame.value = true;
        }
        Ok(())
    }

    fn check_depth(&self) -> Result<(), WriteError> {
        let limit = self.limits.write_depth();
        if self.open > limit {
            Err(WriteError::TooDeep { limit })
        } else {
            Ok(())
        }
    }

    fn wants_key(&self) -> bool {
        let parent = self.open.checked_sub(1).map(|parent| self.frames[parent]);
        matches!(
            parent,
            Some(Frame {
                array: 0,
                value: false
            })
        )
    }

    fn put_integer(&mut self, value: i64) -> Result<(), WriteError> {
        let (cookie, width) = match value {
            0 => (tag::ZERO, 0),
            1..=0xff => (tag::BYTE, 1),
            0x100..=0xffff => (tag::WORD, 2),
            -0x8000_0000..=0x7fff_ffff => (tag::DWORD, 4),
            _ => (tag::QWORD, 8),
        };
        let mut bytes = [0; 9];
        bytes[0] = tag(tag::NUMBER, cookie);
        bytes[1..].copy_from_slice(&value.to_le_bytes());
        self.put(&bytes[..=width])
    }

    fn put_wide(&mut self, tag: u8, value: u64) -> Result<(), WriteError> {
        let mut bytes = [0; 9];
        bytes[0] = tag;
        bytes[1..].copy_from_slice(&value.to_le_bytes());
        self.put(&bytes)
    }

    /// The head of a string that is not short.
    fn put_long(&mut self, len: usize) -> Result<(), WriteError> {
        if let Ok(len) = u16::try_from(len) {
            let [low, high] = len.to_le_bytes();
            return self.put(&[tag(tag::LONG_STRING, tag::WORD), low, high]);
        }
        let too_long = |_| WriteError::TooLong {
            limit: self.limits.bytes(),
        };
        let [a, b, c, d] = u32::try_from(len).map_err(too_long)?.to_le_bytes();
        self.put(&[tag(tag::LONG_STRING, tag::DWORD), a, b, c, d])
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = self.reserve(bytes.len())?;
        self.sink.write(bytes)?;
        self.written = written;
        Ok(())
    }

    /// The length with so many bytes more, if they are allowed.
    #[inline]
    fn reserve(&self, len: usize) -> Result<usize, WriteError> {
        let written = self.written.saturating_add(len);
        if written > self.limits.bytes() {
            return Err(WriteError::TooLong {
                limit: self.limits.bytes(),
            });
        }
        Ok(written)
    }
}

/// Parts that are written before it is known where, or whether, they go. For the serde side.
impl<S: Sink> Writer<S> {
    /// A writer for one key, with the rules for keys.
    pub(crate) fn for_key(&self) -> Writer {
        let mut writer = Writer::with_limits(Vec::new(), self.limits);
        writer.open = 1;
        writer
    }

    /// A writer for the values of an array whose length is not yet known, as deep as they will be.
    pub(crate) fn for_array(&self) -> Result<Writer, WriteError> {
        self.check_depth()?;
        let mut writer = Writer::with_limits(Vec::new(), self.limits);
        writer.open = self.open + 1;
        writer.frames[self.open].array = u32::MAX;
        Ok(writer)
    }

    /// Writes one value that [`Writer::for_key`] made.
    pub(crate) fn encoded_key(&mut self, key: &[u8]) -> Result<(), WriteError> {
        self.place(None)?;
        self.put(key)
    }

    /// Writes the table whose array [`Writer::for_array`] made.
    pub(crate) fn encoded_array(&mut self, array: &Writer) -> Result<(), WriteError> {
        let count = u32::MAX - array.frames[self.open].array;
        self.begin_table(count as usize)?;
        self.frames[self.open - 1].array = 0;
        self.put(&array.sink)?;
        self.end_table()
    }

    /// The bytes of a part.
    pub(crate) fn into_part(self) -> S {
        self.sink
    }
}
