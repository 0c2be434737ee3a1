//! Local names: process-wide, without the leading dot.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Names of services of this node. A name is bound once, until its service ends; a service may have several.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: RwLock<HashMap<String, u32>>,
}

impl Names {
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .copied()
    }

    /// Binds a name.
    ///
    /// # Errors
    /// The handle that has it already.
    pub(crate) fn bind(&self, name: &str, handle: u32) -> Result<(), u32> {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        match names.get(name) {
            Some(&holder) => Err(holder),
            None => {
                names.insert(name.to_owned(), handle);
                Ok(())
            }
        }
    }

    /// Removes all names of a service.
    pub(crate) fn unbind(&self, handle: u32) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, holder| *holder != handle);
    }

    /// The names of a service, sorted.
    pub(crate) fn of(&self, handle: u32) -> Vec<String> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<String> = names
            .iter()
            .filter(|&(_, &holder)| holder == handle)
            .map(|(name, _)| name.clone())
            .collect();
        found.sort();
        found
    }
}
