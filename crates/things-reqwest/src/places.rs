//! The limit on the connections of a client.

use std::sync::Arc;
use std::time::Duration;

use things_core::{TransportError, TransportErrorKind};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The places of calls that may have a connection. Clones share them.
///
/// A call keeps its place while it pauses before a retry. If it queued again, calls whose time has not begun would be
/// in front of it, and its own time would run out.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    most: usize,
    /// The longest wait for a place.
    patience: Option<Duration>,
}

impl Default for Places {
    /// As many as aiohttp and httpx have: far below the usual limit of 1,024 descriptors per process.
    fn default() -> Self {
        Self::of(100)
    }
}

impl Places {
    fn of(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(most)), most, patience: None }
    }

    pub(crate) fn with_most(self, most: usize) -> Self {
        Self { patience: self.patience, ..Self::of(most) }
    }

    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// Waits for a place, in the order of the calls. It is free again when the permit is dropped.
    pub(crate) async fn take(&self) -> Result<SemaphorePermit<'_>, TransportError> {
        let taken = match self.patience {
            Some(patience) => timeout(patience, self.free.acquire()).await,
            None => Ok(self.free.acquire().await),
        };
        match taken {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(closed)) => Err(TransportError::new(TransportErrorKind::Other, closed)),
            Err(_) => Err(TransportError::new(TransportErrorKind::Connect, self.all_taken())),
        }
    }

    fn all_taken(&self) -> String {
        let (most, patience) = (self.most, self.patience.unwrap_or_default());
        format!("all {most} connections of the client are in use, and none became free within {patience:.1?}")
    }
}
