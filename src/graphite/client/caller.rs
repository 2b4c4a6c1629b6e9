//! Whoever asks for a target and waits for others to share a request with: what
//! it asks for, what it is told, and how series of a shared answer reach it.

use tokio::sync::oneshot;

use super::Summary;
use crate::graphite::error::FetchError;
use crate::graphite::known::{Why, Wish};
use crate::graphite::prefix;
use crate::graphite::reader::Reader;
use crate::graphite::series::Series;

/// What somebody who asked is told.
pub(super) enum Verdict<R> {
    Served(R, Summary),
    Failed(FetchError),
    Alone(Why),
}

/// A target that waits to be asked for, with whoever asked.
pub(super) struct Job {
    pub(super) wish: Wish,
    pub(super) target: Box<str>,
    /// Series that the caller knows of.
    pub(super) known: usize,
    /// Series that came, and roughly how many bytes they were.
    pub(super) series: usize,
    pub(super) weight: usize,
    /// Its request was part of one that was refused.
    pub(super) halved: bool,
    pub(super) caller: Box<dyn Caller>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Job").field(&self.target).finish()
    }
}

/// Whoever asked, whatever its reader is.
pub(super) trait Caller: Send {
    fn begin(&mut self);
    fn take(&mut self, series: Series<'_>);
    fn is_gone(&self) -> bool;
    fn served(self: Box<Self>, summary: Summary);
    fn failed(self: Box<Self>, error: FetchError);
    fn alone(self: Box<Self>, why: Why);
}

pub(super) struct Waiting<R> {
    pub(super) fresh: R,
    pub(super) reader: R,
    pub(super) reply: oneshot::Sender<Verdict<R>>,
}

// Whoever is gone by then does not miss what it is told.
impl<R: Reader> Caller for Waiting<R> {
    fn begin(&mut self) {
        self.reader = self.fresh.clone();
    }

    fn take(&mut self, series: Series<'_>) {
        self.reader.take(series);
    }

    fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }

    fn served(self: Box<Self>, summary: Summary) {
        let _ = self.reply.send(Verdict::Served(self.reader, summary));
    }

    fn failed(self: Box<Self>, error: FetchError) {
        let _ = self.reply.send(Verdict::Failed(error));
    }

    fn alone(self: Box<Self>, why: Why) {
        let _ = self.reply.send(Verdict::Alone(why));
    }
}

/// Hands each series of a shared answer to whoever asked for it.
pub(super) struct Router<'j> {
    pub(super) jobs: &'j mut [Job],
    /// A series came that nobody asked for.
    pub(super) stray: bool,
}

impl Router<'_> {
    /// Says whether reading on makes sense.
    pub(super) fn take(&mut self, series: Series<'_>) -> bool {
        let Series {
            legend,
            step,
            points,
        } = series;
        let length = legend.len();
        let found = prefix::unwrap(legend);
        let found = found.and_then(|(number, own)| Some((self.jobs.get_mut(number)?, own)));
        let Some((job, legend)) = found else {
            self.stray = true;
            return false;
        };
        job.series += 1;
        let values = points.size_hint().1.unwrap_or_default();
        job.weight = job
            .weight
            .saturating_add(length)
            .saturating_add(values.saturating_mul(5));
        job.caller.take(Series {
            legend,
            step,
            points,
        });
        true
    }
}
