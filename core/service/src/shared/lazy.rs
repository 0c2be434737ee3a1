//! Values that most services never need.

/// A value that is allocated when it is first used.
pub(crate) struct Lazy<T>(Option<Box<T>>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Default> Lazy<T> {
    /// The value.
    #[inline]
    pub(crate) fn get(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }

    /// The value, if it was ever used.
    #[inline]
    pub(crate) fn if_used(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}
