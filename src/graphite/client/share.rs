//! Has those who ask for the same window at the same moment share requests.
//!
//! Whoever asks waits a moment for others. What has come by then is cut into
//! requests, each of which runs as a task of its own; series are handed to their
//! reader while they arrive. A shared request settles nothing but what it answers
//! well: whoever asked is told `Alone` wherever there is doubt, and then asks as
//! if there were no others, in its own task and with its own deadline.
//!
//! - Refused (a status, nonsense, cut off): asked again in halves.
//! - Not answered in time: each alone, and so is everything else of that slot. A
//!   shared request has less time than one alone, so that nobody is late for others.
//! - No series, or fewer than are known: asked alone before that is believed.
//! - A series without a target's number: refused as well.
//! - Refused though all worked alone, and no shared request ever has: this server
//!   is asked for one target at a time from then on.
//! - The task dies: its callers notice, and ask alone.
//!
//! Invariant: no failure of a shared request is told to anybody, but that nobody
//! is there or that there was no turn, which no target has a part in.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout};
use url::form_urlencoded::byte_serialize;

use super::caller::{Job, Router, Verdict, Waiting};
use super::{Ask, Client, LONGEST_QUERY, Query, Summary};
use crate::graphite::error::FetchError;
use crate::graphite::known::{self, Came, Key, Memory, TARGETS, Why, Wish};
use crate::graphite::prefix;
use crate::graphite::reader::Reader;

/// Others are waited for as long as this, and on while some have come of late ...
const QUIET: Duration = Duration::from_millis(10);
const OF_LATE: Duration = Duration::from_millis(5);
/// ... but no longer than this.
const LINGER: Duration = Duration::from_millis(100);

/// How long a server that cannot share is believed to be one: it may be upgraded.
const UNABLE: Duration = Duration::from_secs(60 * 60);

/// How long it is remembered that a slot had a time-out, and how many such are.
const SLOT: Duration = Duration::from_secs(10 * 60);
const SLOTS: usize = 64;

/// What a shared answer may have at least before it is given up as too large:
/// less than what takes the one place for large answers (`room.rs`).
const ROOM: u64 = 4 << 20;

/// What is known of a server and its targets, and who waits for others.
#[derive(Debug)]
pub(super) struct Sharing {
    state: Mutex<State>,
    /// Those whose last request had no answer in time may not take every turn.
    hung: Semaphore,
    started: Instant,
}

#[derive(Debug, Default)]
struct State {
    rounds: HashMap<Span, Round>,
    memory: Memory,
    /// A shared request has worked.
    works: bool,
    /// None had, when one was cut in halves to see whether it is for one target.
    tries: bool,
    /// Nothing is shared before this instant.
    unable_until: Option<Instant>,
    /// POST was refused: shared requests are as short as a GET may be.
    short: bool,
    /// Slots, by the end of their window, in which one had no answer in time.
    timed_out: Vec<(Box<str>, Instant)>,
}

/// Those who wait to share requests, and when the last of them came.
#[derive(Debug)]
struct Round {
    jobs: Vec<Job>,
    newest: Instant,
}

/// `from` and `until`.
type Span = (Box<str>, Box<str>);

impl Sharing {
    pub(super) fn new(concurrency: usize) -> Self {
        Self {
            state: Mutex::default(),
            hung: Semaphore::new((concurrency / 2).max(1)),
            started: Instant::now(),
        }
    }

    /// Asks for `query` together with whoever else does.
    pub(super) async fn ask<R: Reader>(
        &self,
        client: &Client,
        query: &Query<'_>,
        known: usize,
        reader: &R,
    ) -> Verdict<R> {
        let (reply, told) = oneshot::channel();
        let job = Job {
            wish: Wish {
                key: Key::of(query),
                bytes: bytes(query.target),
                wraps: prefix::is_one_expression(query.target),
            },
            target: query.target.into(),
            known,
            series: 0,
            weight: 0,
            halved: false,
            caller: Box::new(Waiting {
                fresh: reader.clone(),
                reader: reader.clone(),
                reply,
            }),
        };
        let span: Span = (query.from.into(), query.until.into());
        {
            let mut state = self.state();
            if state.is_unable() {
                return Verdict::Alone(Why::Solo);
            }
            let newest = Instant::now();
            match state.rounds.get_mut(&span) {
                Some(round) => {
                    round.jobs.push(job);
                    round.newest = newest;
                }
                None => {
                    let jobs = vec![job];
                    state.rounds.insert(span.clone(), Round { jobs, newest });
                    tokio::spawn(gather(client.clone(), span));
                }
            }
        }
        // an error: the task that had it died; and should it be forgotten, it
        // is not waited for without an end
        let end = client.0.patience().saturating_mul(2);
        let told = timeout(end, told).await;
        told.ok()
            .and_then(Result::ok)
            .unwrap_or(Verdict::Alone(Why::Solo))
    }

    /// A turn for one of those that are allowed few, where this is one of them.
    pub(super) async fn turn(&self, key: Key) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let hung = self.state().memory.is_hung(key);
        match hung {
            true => self.hung.acquire().await.ok(),
            false => None,
        }
    }

    /// Notes what came of a target that was asked for alone.
    pub(super) fn learn(&self, key: Key, why: Why, came: Came) {
        let now = self.started.elapsed();
        self.state().memory.alone(key, why, came, now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // what a dead task left is a guess like any other
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_unable(&self) -> bool {
        self.unable_until
            .is_some_and(|until| Instant::now() < until)
    }

    /// Whether somebody of the slot that ends its window so had no answer in time.
    fn timed_out(&self, until: &str) -> bool {
        let mut slots = self.timed_out.iter();
        slots.any(|(slot, at)| **slot == *until && at.elapsed() < SLOT)
    }

    fn note_time_out(&mut self, until: &str) {
        self.timed_out.retain(|(_, at)| at.elapsed() < SLOT);
        if self.timed_out.len() < SLOTS && !self.timed_out(until) {
            self.timed_out.push((until.into(), Instant::now()));
        }
    }

    /// Those of `jobs` who share a request, those who do not last; `posts`: it
    /// may be as long as one that is posted.
    fn cut(&self, jobs: Vec<Job>, until: &str, posts: bool) -> Vec<Vec<Job>> {
        let wishes: Vec<Wish> = jobs.iter().map(|job| job.wish).collect();
        let request = (self.short || !posts).then_some(LONGEST_QUERY);
        let cuts = match self.timed_out(until) || self.is_unable() {
            true => (0..jobs.len()).map(|index| vec![index]).collect(),
            false => self.memory.cut(&wishes, request),
        };
        let mut jobs: Vec<Option<Job>> = jobs.into_iter().map(Some).collect();
        let mut take = |index: usize| jobs.get_mut(index).and_then(Option::take);
        let own = |cut: Vec<usize>| cut.into_iter().filter_map(&mut take).collect();
        cuts.into_iter().map(own).collect()
    }
}

/// Bytes of a wrapped target in a form; more than they are, never fewer.
fn bytes(target: &str) -> usize {
    let encoded: usize = byte_serialize(target.as_bytes()).map(str::len).sum();
    // `target=aliasSub(, "^", "999|")&`, encoded
    encoded.saturating_add(64)
}

/// Waits until everybody who asks now has come, and has them served.
async fn gather(client: Client, span: Span) {
    let sharing = &client.0.sharing;
    let begun = Instant::now();
    let come_still = |round: &Round| round.newest.elapsed() < OF_LATE;
    loop {
        sleep(QUIET).await;
        let all_came = !sharing.state().rounds.get(&span).is_some_and(come_still);
        if all_came || begun.elapsed() >= LINGER {
            break;
        }
    }
    let cuts = {
        let mut state = sharing.state();
        let jobs = state.rounds.remove(&span).map(|round| round.jobs);
        state.cut(jobs.unwrap_or_default(), &span.1, client.0.posts())
    };
    serve_all(&client, &span, cuts, Why::Solo);
}

fn serve_all(client: &Client, span: &Span, cuts: Vec<Vec<Job>>, why: Why) {
    for jobs in cuts {
        match jobs.len() {
            0 => {}
            1 => each_alone(jobs, why),
            _ => drop(tokio::spawn(serve(client.clone(), span.clone(), jobs))),
        }
    }
}

fn each_alone(jobs: Vec<Job>, why: Why) {
    for job in jobs {
        job.caller.alone(why);
    }
}

/// Asks for all of `jobs` in one request, and again in other ways until each of
/// them is settled. (A future of its own type: it begins others of its kind.)
fn serve(
    client: Client,
    span: Span,
    mut jobs: Vec<Job>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let inner = &client.0;
        let waited = inner.patience();
        let permit = timeout(waited, inner.permits.acquire()).await;
        let Ok(Ok(permit)) = permit else {
            let busy = inner.busy(waited);
            jobs.into_iter()
                .for_each(|job| job.caller.failed(busy.clone()));
            return;
        };
        jobs.retain(|job| !job.caller.is_gone());
        // it may have come to that while this one waited for its turn
        if jobs.len() < 2 || inner.sharing.state().timed_out(&span.1) {
            return each_alone(jobs, Why::Solo);
        }
        let patience = known::patience(inner.timeout);
        let expected = {
            let keys = jobs.iter().map(|job| job.wish.key);
            inner.sharing.state().memory.expected(keys)
        };
        let limit = expected.saturating_mul(4).max(ROOM);
        let ask = inner.ask(&span, &jobs, limit);
        for job in &mut jobs {
            (job.series, job.weight) = (0, 0);
            job.caller.begin();
        }
        let mut router = Router {
            jobs: &mut jobs,
            stray: false,
        };
        let begun = Instant::now();
        let result = timeout(
            patience,
            inner.fetch(&ask, &mut |series| router.take(series)),
        )
        .await;
        let stray = router.stray;
        let took = begun.elapsed();
        drop(permit);
        match result {
            Err(_) => late(&client, &span, jobs, patience),
            Ok(_) if stray => {
                let error = inner.endpoint.unasked();
                refused(&client, &span, jobs, &ask, &error);
            }
            Ok(Ok(summary)) => settle(&client, jobs, summary, took),
            Ok(Err(error)) if error.is_of_nobody() => {
                inner.down.store(true, super::Relaxed);
                jobs.into_iter()
                    .for_each(|job| job.caller.failed(error.clone()));
            }
            Ok(Err(error)) => refused(&client, &span, jobs, &ask, &error),
        }
    })
}

/// What asking for a target costs beside the bytes of its answer, in such bytes.
const COST: usize = 1000;

/// A whole answer came: whoever is short of series asks alone.
fn settle(client: &Client, jobs: Vec<Job>, summary: Summary, took: Duration) {
    let sharing = &client.0.sharing;
    client.0.down.store(false, super::Relaxed);
    let weights: usize = jobs.iter().map(|job| job.weight).sum();
    let costs = weights.saturating_add(jobs.len().saturating_mul(COST));
    let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let now = sharing.started.elapsed();
    let mut whole = Vec::with_capacity(jobs.len());
    {
        let mut state = sharing.state();
        state.works = true;
        for job in &jobs {
            let series = job.series;
            let is_whole = series > 0 && series >= job.known;
            let bytes = share_of(summary.bytes, job.weight, weights);
            whole.push((is_whole, bytes));
            if is_whole {
                let cost = job.weight.saturating_add(COST);
                let took = Duration::from_micros(share_of(took, cost, costs));
                let came = Came::Answer {
                    series,
                    bytes,
                    took,
                };
                state.memory.shared(job.wish.key, came, now);
            }
        }
    }
    for (job, (whole, bytes)) in jobs.into_iter().zip(whole) {
        let series = job.series;
        match whole {
            true => job.caller.served(Summary { series, bytes }),
            false => job.caller.alone(Why::Short(series)),
        }
    }
}

/// Of `whole` what `weight` of `weights` stands for.
fn share_of(whole: u64, weight: usize, weights: usize) -> u64 {
    let part = |number: usize| u128::try_from(number).unwrap_or(u128::MAX);
    let share = u128::from(whole).saturating_mul(part(weight)) / part(weights).max(1);
    u64::try_from(share).unwrap_or(whole)
}

fn late(client: &Client, span: &Span, jobs: Vec<Job>, patience: Duration) {
    tracing::debug!(
        targets = jobs.len(),
        patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
        "a shared request was not answered in time: each target is asked for alone"
    );
    client.0.sharing.state().note_time_out(&span.1);
    each_alone(jobs, Why::TimedOut);
}

fn refused(client: &Client, span: &Span, jobs: Vec<Job>, ask: &Ask, error: &FetchError) {
    tracing::debug!(
        targets = jobs.len(),
        "a shared request was refused: {error}"
    );
    let sharing = &client.0.sharing;
    let no_post = matches!(
        error,
        FetchError::Status {
            status: 405 | 411 | 501,
            ..
        }
    );
    let mut state = sharing.state();
    if no_post && !state.short && ask.targets.len() > LONGEST_QUERY {
        state.short = true;
        let cuts = state.cut(jobs, &span.1, false);
        drop(state);
        return serve_all(client, span, cuts, Why::Solo);
    }
    // each of them worked alone, and yet they do not together
    let able = jobs.iter().all(|job| state.memory.is_tried(job.wish.key));
    if !state.works && able {
        drop(state);
        client.cannot_share(&error.to_string());
        return each_alone(jobs, Why::Trial);
    }
    // one of a server that may not be able to share: to find a culprit in each
    // request of such a one would take twice as many requests as targets
    let halved = jobs.iter().all(|job| job.halved);
    let cuts = state.works || halved || !std::mem::replace(&mut state.tries, true);
    let why = match state.works {
        true => Why::Refused,
        false => Why::Trial,
    };
    drop(state);
    if !cuts {
        return each_alone(jobs, why);
    }
    let mut first = jobs;
    first.iter_mut().for_each(|job| job.halved = true);
    let second = first.split_off(first.len() / 2);
    serve_all(client, span, vec![first, second], why);
}

impl Client {
    fn cannot_share(&self, why: &str) {
        let until = Instant::now() + UNABLE;
        let before = self.0.sharing.state().unable_until.replace(until);
        if before.is_none() {
            tracing::info!(
                url = self.0.endpoint.shown(),
                "this server does not answer for several targets in one request, so it is asked for one at a time: {why}"
            );
        }
    }
}

impl super::Inner {
    /// Whether POST works, as far as is known.
    fn posts(&self) -> bool {
        !self.refuses_post.load(super::Relaxed)
    }

    /// The request for all of `jobs`.
    fn ask(&self, span: &Span, jobs: &[Job], limit: u64) -> Ask {
        let wrapped = jobs
            .iter()
            .enumerate()
            .map(|(number, job)| Cow::Owned(prefix::wrap(&job.target, number)));
        let short = self.sharing.state().short;
        Ask {
            limit: limit.min(self.max_response),
            shared: true,
            by_get: short,
            ..Ask::new(wrapped, &span.0, &span.1)
        }
    }
}

/// How many groups are worth fetching at a time, so that requests are full.
pub(super) fn ahead(concurrency: usize) -> usize {
    concurrency.saturating_mul(TARGETS)
}
