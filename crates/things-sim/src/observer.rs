//! The functions that get each exchange and each uplink.

use std::fmt;
use std::sync::Arc;

pub(crate) struct Observer<T>(Arc<dyn Fn(&T) + Send + Sync>);

impl<T> Observer<T> {
    pub(crate) fn new(observe: impl Fn(&T) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    pub(crate) fn observe(&self, event: &T) {
        (self.0)(event);
    }
}

impl<T> Clone for Observer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Observer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
