//! The memory that all messages of a receiver share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Bytes that messages may take together.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    free: Arc<Semaphore>,
    all: usize,
}

/// The part of the memory that one message takes. It is free again once this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Room(Option<OwnedSemaphorePermit>);

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        let all = bytes.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(all)), all }
    }

    /// Adds `bytes` to a room. `false`: so many are not free.
    pub(crate) fn grow(&self, room: &mut Room, bytes: usize) -> bool {
        let Ok(bytes) = u32::try_from(bytes) else { return false };
        match Arc::clone(&self.free).try_acquire_many_owned(bytes) {
            Ok(more) => {
                match &mut room.0 {
                    Some(permit) => permit.merge(more),
                    none => *none = Some(more),
                }
                true
            }
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => false,
        }
    }

    /// How many bytes are taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.all - self.free.available_permits()
    }

    /// How many bytes there are.
    pub(crate) fn all(&self) -> usize {
        self.all
    }
}

impl Room {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_share_the_memory_and_return_it() {
        let memory = Memory::new(10);
        let (mut first, mut second) = (Room::default(), Room::default());
        assert!(memory.grow(&mut first, 6));
        assert!(!memory.grow(&mut second, 5), "only 4 bytes are free");
        assert!(second.is_empty());
        assert!(memory.grow(&mut second, 4));
        assert!(!memory.grow(&mut first, 1));
        assert_eq!(memory.taken(), 10);
        drop(first);
        assert!(memory.grow(&mut second, 6));
        drop(second);
        assert_eq!(memory.taken(), 0);
    }
}
