//! Runs alerts over Graphite's history: what would have been told, when, to whom.
//!
//! The agent is `play/`, so slots, judging, lifecycle and telling are those of
//! `run`. This folder gives the answers: history is fetched in pieces, and for
//! each slot the window is cut out of it that a request at that slot would have
//! shown.
//!
//! - `span.rs`: the time that is replayed
//! - `feed.rs`, `piece.rs`, `track.rs`: targets, what they showed, windows
//! - `player.rs`: one configuration, played; `readings.rs`: what several read of the same
//! - `record.rs`, `totals.rs`, `values.rs`: what came of it
//! - `doubts.rs`, `warnings.rs`: what makes it doubtful, and that is said
//! - `report.rs`: what every report says; `json.rs`, `csv.rs`: those for programs;
//!   `html.rs`, `timeline.rs`: a page; `compare.rs`: two configurations side by side
//! - `suggest.rs`, `spread.rs`: thresholds that would have called less
//!
//! Invariant: what is not known is said. An answer that could not be had counts
//! as Graphite failing, never as an answer without series.

pub mod compare;
pub mod csv;
mod doubts;
mod feed;
pub mod html;
pub mod json;
mod piece;
mod player;
mod readings;
pub mod record;
pub mod report;
pub mod span;
pub mod spread;
pub mod suggest;
mod timeline;
pub mod totals;
mod track;
pub mod values;
mod warnings;

use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;

pub use doubts::cannot;
pub use feed::{Feed, Feeds};
pub use player::Player;
pub use span::Span;
pub use warnings::{Warning, once, warnings};

use crate::alert::Timestamp;
use crate::graphite::Client;
use piece::{Came, Piece};
use readings::{Readings, TURN};

/// Points of all series that are in memory at a time, as far as pieces decide it.
const POINTS: f64 = 8e6;

/// How long pieces are, at least and at most.
const LENGTHS: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(86_400));

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Which part of it is done, 0 to 1.
    pub share: f64,
    /// What is played now.
    pub at: Timestamp,
}

/// What a replay asks, and when.
pub struct Task<'a> {
    /// Graphite.
    pub client: &'a Client,
    /// Requests in flight, at least 1.
    pub concurrency: usize,
    /// What is replayed.
    pub span: Span,
    /// The present.
    pub now: Timestamp,
    /// Becomes true when it is to stop and keep what is there.
    pub stop: watch::Receiver<bool>,
}

impl std::fmt::Debug for Task<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

/// Plays all `players` over the same history; says until when.
///
/// # Errors
/// Where Graphite answered nothing at all: its words.
pub async fn replay(
    task: &Task<'_>,
    feeds: &mut Feeds,
    players: &mut [Player],
    said: &mut dyn FnMut(Progress),
) -> Result<Timestamp, String> {
    let mut stop = task.stop.clone();
    let span = task.span;
    let mut reached = span.from;
    tokio::select! {
        looked = look(task, feeds) => looked?,
        Ok(_) = stop.wait_for(|stop| *stop) => return Ok(reached),
    }
    let pieces = pieces(span, feeds.rate());
    let (mut answered, all) = (0, pieces.len());
    for (done, (from, until)) in pieces.into_iter().enumerate() {
        let mut progress = |share: f64, at| {
            let share = (done as f64 + share) / all as f64;
            said(Progress { share, at });
        };
        let came = tokio::select! {
            came = fetch(task, feeds, (from, until), &mut progress) => came,
            Ok(_) = stop.wait_for(|stop| *stop) => break,
        };
        let (piece, count) = Piece::new((from, until), feeds, came);
        answered += count;
        let stopped = || *task.stop.borrow();
        reached = match &mut *players {
            [player] => player.go_on((&piece, until), feeds, None, &stopped),
            players => take_turns(players, &piece, feeds),
        };
        progress(1.0, until);
        if stopped() {
            break;
        }
    }
    let failed = feeds.0.iter().find_map(|feed| feed.failed.last());
    match failed {
        Some(failed) if answered == 0 => Err(failed.why.clone()),
        _ => Ok(reached),
    }
}

/// Plays several over a piece; they are stopped at the same instant, its end.
fn take_turns(players: &mut [Player], piece: &Piece, feeds: &Feeds) -> Timestamp {
    let mut reached = piece.from;
    while reached < piece.until {
        reached = reached.plus(TURN).min(piece.until);
        let mut readings = Readings::default();
        for player in players.iter_mut() {
            player.go_on((piece, reached), feeds, Some(&mut readings), &|| false);
        }
    }
    reached
}

/// Looks at what each target shows now.
async fn look(task: &Task<'_>, feeds: &mut Feeds) -> Result<(), String> {
    let now = task.now;
    let asked = feeds.0.iter().enumerate().map(|(index, feed)| {
        let (target, reach) = (feed.target.clone(), feed.reach);
        async move {
            let window = (now.minus(reach), now);
            let answer = piece::patiently(task.client, target.as_str(), window, false, false);
            (index, answer.await)
        }
    });
    let asked: Vec<_> = asked.collect();
    let mut asked = futures_util::stream::iter(asked).buffer_unordered(task.concurrency);
    let (mut answered, mut failure) = (0, None);
    while let Some((index, answer)) = asked.next().await {
        match (answer, feeds.0.get_mut(index)) {
            (Ok(tracks), Some(feed)) => {
                answered += 1;
                for (legend, track) in &tracks {
                    feed.shows(legend, track);
                }
            }
            (Err(error), _) => failure = Some(error.to_string()),
            (Ok(_), None) => {}
        }
    }
    match failure {
        Some(why) if answered == 0 => Err(why),
        _ => Ok(()),
    }
}

/// Asks for what all feeds showed.
async fn fetch(
    task: &Task<'_>,
    feeds: &Feeds,
    (from, until): (Timestamp, Timestamp),
    progress: &mut dyn FnMut(f64, Timestamp),
) -> Vec<Vec<Came>> {
    let all = feeds.0.len();
    let asked = feeds.0.iter().enumerate().map(|(index, feed)| {
        let (target, reach) = (feed.target.clone(), feed.reach);
        let failed = feed.failed.last().is_some_and(|last| last.until == from);
        async move {
            let asked = (target.as_str(), reach, failed);
            (index, piece::fetch(task.client, asked, (from, until)).await)
        }
    });
    let asked: Vec<_> = asked.collect();
    let mut asked = futures_util::stream::iter(asked).buffer_unordered(task.concurrency);
    let mut came: Vec<Vec<Came>> = (0..all).map(|_| Vec::new()).collect();
    let mut count = 0;
    while let Some((index, parts)) = asked.next().await {
        if let Some(place) = came.get_mut(index) {
            *place = parts;
        }
        count += 1;
        progress(count as f64 / all.max(1) as f64, from);
    }
    came
}

/// Cuts `span` into pieces, `rate` being the points a second of all series.
fn pieces(span: Span, rate: f64) -> Vec<(Timestamp, Timestamp)> {
    let (shortest, longest) = LENGTHS;
    let seconds = (POINTS / rate.max(1e-9)).min(longest.as_secs_f64());
    let length = Duration::from_secs(seconds as u64).max(shortest);
    let next = |from: &Timestamp| Some(from.plus(length)).filter(|next| *next < span.until);
    let begins = std::iter::successors(Some(span.from), next);
    begins
        .map(|from| (from, from.plus(length).min(span.until)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_follow_each_other_from_one_end_to_the_other(seconds in 1..40_000_000_i64, rate in 0.0..1e5_f64) {
            let span = Span {
                from: Timestamp::from_secs(1000),
                until: Timestamp::from_secs(1000 + seconds),
            };
            let pieces = pieces(span, rate);
            prop_assert_eq!(pieces[0].0, span.from);
            prop_assert_eq!(pieces.last().unwrap().1, span.until);
            prop_assert!(pieces.windows(2).all(|pair| pair[0].1 == pair[1].0));
            prop_assert!(pieces.iter().all(|(from, until)| from < until));
        }
    }
}
