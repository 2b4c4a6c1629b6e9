//! Writes batches to the store, one after the other, on a task of its own, so
//! that a store that hangs does not hang whoever owns the state.

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::desk::{Unwritten, Written};
use crate::alert::world::Batch;
use crate::store::{Fault, Sqlite, StoreError};

impl From<StoreError> for Unwritten {
    fn from(error: StoreError) -> Self {
        Self {
            why: error.to_string(),
            gone: matches!(error.fault, Fault::Gone | Fault::Damaged(_)),
        }
    }
}

/// How long a store may take to finish and close at the end.
const CLOSE: std::time::Duration = std::time::Duration::from_secs(5);

/// The way to the store.
pub struct Writer {
    batches: mpsc::UnboundedSender<(Batch, oneshot::Sender<Written>)>,
    task: JoinHandle<()>,
}

impl Writer {
    /// Starts writing to `store`.
    pub fn start(mut store: Sqlite) -> Self {
        // unbounded in type only: the keeper has one batch under way at a time
        let (batches, mut waiting) = mpsc::unbounded_channel::<(Batch, oneshot::Sender<Written>)>();
        let task = tokio::spawn(async move {
            while let Some((batch, done)) = waiting.recv().await {
                let written = store.commit(&batch).await;
                let _ = done.send(written.map_err(Unwritten::from));
            }
            store.close().await;
        });
        Self { batches, task }
    }

    /// A way to a store that the test plays.
    #[cfg(test)]
    pub fn played() -> (
        Self,
        mpsc::UnboundedReceiver<(Batch, oneshot::Sender<Written>)>,
    ) {
        let (batches, waiting) = mpsc::unbounded_channel();
        let task = tokio::spawn(async {});
        (Self { batches, task }, waiting)
    }

    /// Hands over a batch; what is returned answers when it is written or not.
    pub fn write(&self, batch: Batch) -> oneshot::Receiver<Written> {
        let (done, written) = oneshot::channel();
        // where the task is gone, the dropped sender says so
        let _ = self.batches.send((batch, done));
        written
    }

    /// Finishes what is under way and closes the store.
    pub async fn close(self) {
        drop(self.batches);
        if timeout(CLOSE, self.task).await.is_err() {
            tracing::error!("the store did not finish in {} s", CLOSE.as_secs());
        }
    }
}
