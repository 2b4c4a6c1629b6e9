//! A piece of history: what each target showed from one instant until another,
//! asked for gently, in memory while it is played.
//!
//! A request that fails in a way that passes is made again a few times; one
//! whose answer is too large, or takes too long, is made for half the time. What
//! cannot be had stays a failure: an answer that did not come is never taken for
//! one without series.

use std::sync::Arc;
use std::time::Duration;

use super::feed::{Feed, Feeds};
use super::track::{Cut, Track};
use crate::alert::Timestamp;
use crate::graphite::{Client, FetchError, Query};

/// Waits before a request is made again.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// What is too much is not cut into shorter pieces than this.
const SHORTEST: Duration = Duration::from_secs(60 * 60);

/// What was shown from one instant until another.
#[derive(Debug)]
pub struct Piece {
    /// Evaluations after this instant.
    pub from: Timestamp,
    /// Evaluations until this instant.
    pub until: Timestamp,
    /// Of each feed its parts, in order of time.
    feeds: Vec<Vec<Part>>,
}

/// A part of a piece that was one request.
#[derive(Debug)]
pub struct Part {
    until: Timestamp,
    answer: Result<Vec<Line>, Arc<str>>,
}

/// One series.
#[derive(Debug)]
pub struct Line {
    /// Its name.
    pub legend: Arc<str>,
    /// Its points.
    pub track: Track,
    /// Start of the first bucket that it has a value in, where it came into being
    /// with that, epoch seconds.
    since: Option<i64>,
}

impl Line {
    /// Whether it was there for an evaluation: one that came into being in this
    /// piece is, once its first bucket can be read.
    pub fn is_there(&self, cut: &Cut) -> bool {
        self.since.is_none_or(|since| {
            let readable = match cut.settle() {
                None => Timestamp::from_secs(since),
                Some(settle) => {
                    let ended = since.saturating_add(self.track.step().unwrap_or(0));
                    Timestamp::from_secs(ended).plus(settle)
                }
            };
            readable <= cut.until()
        })
    }
}

impl Piece {
    /// What feed `index` showed to the evaluation of `slot`, or why that is not known.
    pub fn lines(&self, index: usize, slot: Timestamp) -> Result<&[Line], &str> {
        let parts = self.feeds.get(index).map(Vec::as_slice).unwrap_or_default();
        // only a slot that failed is tried again when its piece is over
        if slot < self.from {
            return Err("Graphite did not answer when history was asked for");
        }
        match parts.iter().find(|part| slot <= part.until) {
            Some(Part {
                answer: Ok(lines), ..
            }) => Ok(lines),
            Some(Part {
                answer: Err(why), ..
            }) => Err(why),
            None => Err("history was not asked for"),
        }
    }

    /// Puts together what came of all feeds, in their order; says how much was answered.
    pub fn new(
        (from, until): (Timestamp, Timestamp),
        feeds: &mut Feeds,
        came: Vec<Vec<Came>>,
    ) -> (Self, usize) {
        let mut answered = 0;
        let parts = |(feed, came): (&mut Feed, Vec<Came>)| -> Vec<Part> {
            let parts = came.into_iter().map(|came| part(feed, came));
            let parts: Vec<Part> = parts.collect();
            answered += parts.iter().filter(|part| part.answer.is_ok()).count();
            parts
        };
        let feeds = feeds.0.iter_mut().zip(came).map(parts).collect();
        (Self { from, until, feeds }, answered)
    }
}

fn part(feed: &mut Feed, came: Came) -> Part {
    let Came {
        from,
        until,
        answer,
    } = came;
    let answer = match answer {
        Ok(tracks) => {
            let lines = tracks.into_iter().filter_map(|(legend, track)| {
                let legend = match feed.seen.get(legend.as_str()) {
                    Some(known) => Arc::clone(known),
                    None => Arc::from(legend),
                };
                let since = feed.showed(&legend, &track, (from, until));
                (since != Some(None)).then(|| Line {
                    legend,
                    track,
                    since: since.flatten(),
                })
            });
            Ok(lines.collect())
        }
        Err(error) => {
            let why = error.to_string();
            feed.failed(from, until, why.clone());
            Err(why.into())
        }
    };
    Part { until, answer }
}

/// Series with their points.
pub type Tracks = Vec<(String, Track)>;

/// What came of one request.
#[derive(Debug)]
pub struct Came {
    from: Timestamp,
    until: Timestamp,
    answer: Result<Tracks, FetchError>,
}

/// Asks for what `target` showed to evaluations from `from` until `until`, whose
/// windows reach back by `reach`. One that `failed` before is tried once.
pub async fn fetch(
    client: &Client,
    (target, reach, failed): (&str, Duration, bool),
    (from, until): (Timestamp, Timestamp),
) -> Vec<Came> {
    let mut came: Vec<Came> = Vec::new();
    let mut open = vec![(from, until)];
    // a server that hangs does so for the rest of the piece as well
    let mut hangs = None;
    while let Some((from, until)) = open.pop() {
        let half = until.since(from) / 2;
        let halves = half >= SHORTEST && !failed;
        let answer = match &hangs {
            Some(error) => Err(FetchError::clone(error)),
            None => {
                let window = (from.minus(reach), until);
                patiently(client, target, window, failed, halves).await
            }
        };
        if let (false, Err(error @ FetchError::Timeout { .. })) = (halves, &answer) {
            hangs = Some(error.clone());
        }
        match answer {
            Err(error) if halves && is_too_much(&error) => {
                let middle = Timestamp::from_secs(from.plus(half).as_secs());
                open.push((middle, until));
                open.push((from, middle));
            }
            answer => came.push(Came {
                from,
                until,
                answer,
            }),
        }
    }
    came
}

/// Asks once, and again where that may help.
pub async fn patiently(
    client: &Client,
    target: &str,
    window: (Timestamp, Timestamp),
    failed: bool,
    halves: bool,
) -> Result<Tracks, FetchError> {
    let mut waits = AGAIN.iter();
    loop {
        let answer = ask(client, target, window).await;
        let passes = |error: &FetchError| passes(error) && !(halves && is_too_much(error));
        match waits.next() {
            Some(wait) if !failed && answer.as_ref().is_err_and(passes) => {
                tokio::time::sleep(*wait).await;
            }
            _ => return answer,
        }
    }
}

async fn ask(
    client: &Client,
    target: &str,
    (from, until): (Timestamp, Timestamp),
) -> Result<Tracks, FetchError> {
    let (from, until) = (
        from.as_secs().max(0).to_string(),
        until.as_secs().to_string(),
    );
    let query = Query {
        target,
        from: &from,
        until: &until,
    };
    let mut tracks = Vec::new();
    client
        .render(&query, &mut |series| {
            let legend = series.legend.clone().into_owned();
            tracks.push((legend, Track::take(series)));
        })
        .await?;
    Ok(tracks)
}

/// Whether half of it may be had where the whole may not.
fn is_too_much(error: &FetchError) -> bool {
    matches!(
        error,
        FetchError::TooLarge { .. } | FetchError::TooMany { .. } | FetchError::Timeout { .. }
    )
}

/// Whether the same request may be answered a little later.
fn passes(error: &FetchError) -> bool {
    match error {
        FetchError::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502..=504),
        FetchError::Busy { .. }
        | FetchError::Refused { .. }
        | FetchError::Dns { .. }
        | FetchError::Connect { .. }
        | FetchError::Timeout { .. }
        | FetchError::CutOff { .. } => true,
        _ => false,
    }
}
