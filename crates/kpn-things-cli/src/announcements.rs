//! The endpoints whose end the service announces, which a command reports when it is done.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use things_core::{Retirement, Watch};

/// The announcements of one command. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Announcements(Arc<Mutex<Vec<Retirement>>>);

impl Announcements {
    /// Removes and returns all announcements.
    pub(crate) fn take(&self) -> Vec<Retirement> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watch for Announcements {
    fn announced(&self, retirement: &Retirement) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(retirement.clone());
    }
}
