//! How much memory the answers that are arriving may take, all together.
//!
//! An answer is never whole in memory, but the series that is still incomplete
//! is, and so is what was made of those before it. A server that sends series,
//! or one series, without an end must not take the memory of this computer. So
//! one answer has a limit; and one that grows large goes on alone, while others
//! that grow large wait, so that the limit is taken once and not once for each
//! request in flight. It knows nothing of what an answer holds.

use tokio::sync::{Semaphore, SemaphorePermit};

/// What one answer may take, or a quarter of `graphite.max_response` where that is more.
const LIMIT: usize = 64 << 20;

/// An answer that takes more is large: some hundred thousand series, or one of
/// a month of tens of seconds.
const LARGE: usize = 12 << 20;

/// What a series takes beside its name where it was handed on to.
pub(super) const PER_SERIES: usize = 96;

/// The room for answers.
#[derive(Debug)]
pub(super) struct Room {
    limit: usize,
    large: Semaphore,
}

/// An answer takes more than it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// Bytes that it may take.
    pub limit: usize,
}

/// One answer's place in the room.
#[derive(Debug)]
pub(super) struct Place<'r> {
    room: &'r Room,
    alone: Option<SemaphorePermit<'r>>,
}

impl Room {
    pub(super) fn new(max_response: u64) -> Self {
        let share = usize::try_from(max_response / 4).unwrap_or(usize::MAX);
        Self {
            limit: share.max(LIMIT),
            large: Semaphore::new(1),
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place {
            room: self,
            alone: None,
        }
    }
}

impl Place<'_> {
    /// Says that the answer takes `bytes` by now. A large one waits here until
    /// no other is large.
    pub(super) async fn takes(&mut self, bytes: usize) -> Result<(), Full> {
        let limit = self.room.limit;
        if bytes > limit {
            return Err(Full { limit });
        }
        if bytes > LARGE && self.alone.is_none() {
            // an error says that the room is closed, which it never is
            self.alone = self.room.large.acquire().await.ok();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_answer_at_a_time_is_large() {
        let room = Room::new(256 << 20);
        let (mut first, mut second, mut third) = (room.place(), room.place(), room.place());
        first.takes(LARGE + 1).await.unwrap();
        second.takes(LARGE).await.unwrap();
        let waits = timeout(Duration::from_secs(60), third.takes(LARGE + 1)).await;
        assert!(waits.is_err());
        first.takes(LIMIT).await.unwrap();
        drop(first);
        third.takes(LARGE + 1).await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_has_a_limit_that_grows_with_the_one_of_its_bytes() {
        for (max_response, limit) in [(1 << 20, LIMIT), (256 << 20, LIMIT), (1 << 30, 256 << 20)] {
            let room = Room::new(max_response);
            assert_eq!(room.place().takes(limit).await, Ok(()));
            assert_eq!(room.place().takes(limit + 1).await, Err(Full { limit }));
        }
    }
}
