//! For the model checker: entries that are made one by one, and that check what is done to them.

use super::Zero;

pub(super) const GIVES_BACK: bool = true;

pub(super) fn table<T: Zero>(count: usize) -> Option<&'static [T]> {
    let entries: Vec<T> = (0..count).map(|_| T::zero()).collect();
    Some(entries.leak())
}

/// # Safety
/// None.
pub(super) unsafe fn give_back<T: Zero>(part: &'static [T]) {
    part.iter().for_each(T::lose);
}
