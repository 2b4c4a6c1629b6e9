//! What is known of targets from the answers before, and what follows for the
//! next: who may share a request, with how many, and for how long it may take.
//!
//! Everything here is a guess that costs a request where it is wrong, never a
//! judgement: what decides about series is asked, here it is decided how.
//!
//! - Whoever failed alone goes alone until it works.
//! - Whoever was empty goes alone until it is not: it would have to be asked
//!   alone after each shared answer anyway.
//! - Whoever works alone though its shared request was refused or had no answer
//!   in time, or returns more alone, goes alone for a while that doubles each time.
//! - Whoever is slow or large goes alone, as it costs others time to wait for it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::client::Query;

/// How many targets share a request at most. Where so many share one, a real
/// Graphite spends a quarter to a third less CPU time on targets with functions
/// and as much on plain metrics; beyond, hardly less, while the request takes
/// longer and longer (docs/performance.md, "Batches"). What is left is the way to
/// the server and back: 1,000 targets make it 50 times.
pub(super) const TARGETS: usize = 20;

/// How large its parameters may be: some proxies take no more.
const REQUEST: usize = 64 << 10;

/// How many bytes its answer is expected to have at most: beyond, a request of
/// its own costs little in comparison, and what fails is less to fetch again.
const ANSWER: u64 = 1 << 20;

/// How long it is expected to take at most.
const TOOK: Duration = Duration::from_millis(250);

/// How long it may take before each of its targets is asked for alone: so short
/// that an alert that is due each second loses no slot to one that hangs. Where
/// it is too short for a slow server, what each took alone is the next time's
/// measure of how many may share.
const PATIENCE: Duration = Duration::from_millis(800);

/// Most doublings of the time that somebody goes alone: 512 slots.
const STRIKES: u32 = 9;

/// Targets that were not asked for during this time are forgotten.
const FORGET: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// Stands for one target and roughly one width of the window: that of a fixed
/// beginning grows, slot by slot, and is meant to be the same all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64);

impl Key {
    pub(super) fn of(query: &Query<'_>) -> Self {
        let mut hasher = DefaultHasher::new();
        query.target.hash(&mut hasher);
        match (query.from.parse::<i64>(), query.until.parse::<i64>()) {
            (Ok(from), Ok(until)) => {
                let width = until.saturating_sub(from).max(1);
                width.ilog2().hash(&mut hasher);
            }
            (Err(_), Ok(_)) => query.from.hash(&mut hasher),
            _ => (query.from, query.until).hash(&mut hasher),
        }
        Self(hasher.finish())
    }
}

/// Why somebody goes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Nobody else is asked for, or nobody may be.
    Solo,
    /// Its shared request was refused.
    Refused,
    /// One was, before any has worked.
    Trial,
    /// One had no answer in time.
    TimedOut,
    /// It had so few series in a shared answer.
    Short(usize),
}

/// What came of asking for a target.
#[derive(Clone, Copy, Debug)]
pub(super) enum Came {
    /// An answer.
    Answer {
        series: usize,
        bytes: u64,
        took: Duration,
    },
    /// None.
    Failed,
    /// None in time.
    TimedOut,
}

/// How long a shared request may take before each of its targets is asked for
/// alone; `timeout` is what one has.
pub(super) fn patience(timeout: Duration) -> Duration {
    PATIENCE.min(timeout / 2)
}

/// What is known of one target.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Of the last answer that was believed: it had no series, its size, its time.
    empty: bool,
    bytes: u64,
    took: Duration,
    /// Its last request, alone, failed; and that was for want of time.
    failed: bool,
    hung: bool,
    /// It works alone, though a shared request was refused before any worked.
    tried: bool,
    /// How many times more it goes alone, and how often that was decided.
    alone: u32,
    strikes: u32,
    /// When it was last asked for.
    asked: Duration,
}

/// What is known of all targets.
#[derive(Debug, Default)]
pub(super) struct Memory {
    targets: HashMap<Key, Known>,
    /// So many there may be before those that nobody asks for are looked for.
    prune_at: usize,
}

/// A target that waits to be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) key: Key,
    /// Bytes of it in a request.
    pub(super) bytes: usize,
    /// It can be an argument of a function.
    pub(super) wraps: bool,
}

impl Memory {
    /// Cuts `wishes` into those who share a request, by index; who is alone is to
    /// go alone. `request` bounds the bytes of a request's parameters.
    pub(super) fn cut(&self, wishes: &[Wish], request: Option<usize>) -> Vec<Vec<usize>> {
        let request = request.unwrap_or(REQUEST);
        let (share, mut cuts): (Vec<usize>, Vec<usize>) =
            (0..wishes.len()).partition(|&index| wishes.get(index).is_some_and(|w| self.shares(w)));
        // all about as large: no last one of two
        let count = share.len().div_ceil(TARGETS).max(1);
        let most = share.len().div_ceil(count);
        let mut all: Vec<Vec<usize>> = Vec::new();
        let mut full = Sum::default();
        for index in share {
            let Some(wish) = wishes.get(index) else {
                continue;
            };
            let known = self.targets.get(&wish.key).copied().unwrap_or_default();
            let with = full.and(wish, &known);
            match all.last_mut() {
                Some(last) if last.len() < most && with.fits(request) => {
                    last.push(index);
                    full = with;
                }
                _ => {
                    all.push(vec![index]);
                    full = Sum::default().and(wish, &known);
                }
            }
        }
        // behind those that share: whoever may fail delays nobody
        cuts.sort_by_key(|&index| wishes.get(index).is_some_and(|w| self.is_failing(w.key)));
        all.extend(cuts.into_iter().map(|index| vec![index]));
        all
    }

    fn shares(&self, wish: &Wish) -> bool {
        let Some(known) = self.targets.get(&wish.key) else {
            return wish.wraps;
        };
        let small = known.bytes <= ANSWER && known.took <= TOOK;
        wish.wraps && !known.failed && !known.empty && known.alone == 0 && small
    }

    /// How many bytes all of them are expected to be answered with.
    pub(super) fn expected(&self, keys: impl Iterator<Item = Key>) -> u64 {
        let known = keys.filter_map(|key| self.targets.get(&key));
        known.fold(0, |sum, known| sum.saturating_add(known.bytes))
    }

    /// Whether it is going to fail, as far as is known.
    pub(super) fn is_failing(&self, key: Key) -> bool {
        self.targets.get(&key).is_some_and(|known| known.failed)
    }

    /// Whether its last request had no answer in time.
    pub(super) fn is_hung(&self, key: Key) -> bool {
        self.targets.get(&key).is_some_and(|known| known.hung)
    }

    /// Whether it worked alone after a shared request was refused.
    pub(super) fn is_tried(&self, key: Key) -> bool {
        self.targets.get(&key).is_some_and(|known| known.tried)
    }

    /// Notes what came of a target in a shared answer.
    pub(super) fn shared(&mut self, key: Key, came: Came, now: Duration) {
        let known = self.known(key, now);
        known.strikes = 0;
        known.take(came);
    }

    /// Notes what came of a target that was asked for alone.
    pub(super) fn alone(&mut self, key: Key, why: Why, came: Came, now: Duration) {
        let known = self.known(key, now);
        known.alone = known.alone.saturating_sub(1);
        if let Came::Answer { series, .. } = came {
            match why {
                Why::Refused => known.strike(0),
                Why::Short(shared) if shared < series => known.strike(0),
                // it was another that hung, most likely: once costs it no slot
                Why::TimedOut => known.strike(1),
                Why::Trial => known.tried = true,
                Why::Short(_) | Why::Solo => {}
            }
        }
        known.take(came);
    }

    fn known(&mut self, key: Key, now: Duration) -> &mut Known {
        if self.targets.len() >= self.prune_at.max(1024) {
            self.targets
                .retain(|_, known| now.saturating_sub(known.asked) < FORGET);
            self.prune_at = self.targets.len().saturating_mul(2);
        }
        let known = self.targets.entry(key).or_default();
        known.asked = now;
        known
    }
}

impl Known {
    fn take(&mut self, came: Came) {
        match came {
            Came::Answer {
                series,
                bytes,
                took,
            } => {
                (self.empty, self.bytes, self.took) = (series == 0, bytes, took);
                (self.failed, self.hung) = (false, false);
            }
            Came::Failed => (self.failed, self.hung) = (true, false),
            Came::TimedOut => (self.failed, self.hung) = (true, true),
        }
    }

    /// Goes alone for twice as long as the last time, but for `less` slots.
    fn strike(&mut self, less: u32) {
        self.alone = (1_u32 << self.strikes).saturating_sub(less);
        self.strikes = self.strikes.saturating_add(1).min(STRIKES);
    }
}

/// What those of one request come to together.
#[derive(Clone, Copy, Default)]
struct Sum {
    request: usize,
    answer: u64,
    took: Duration,
}

impl Sum {
    fn and(self, wish: &Wish, known: &Known) -> Self {
        Self {
            request: self.request.saturating_add(wish.bytes),
            answer: self.answer.saturating_add(known.bytes),
            took: self.took.saturating_add(known.took),
        }
    }

    fn fits(self, request: usize) -> bool {
        self.request <= request && self.answer <= ANSWER && self.took <= TOOK
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn wish(number: u64) -> Wish {
        Wish {
            key: Key(number),
            bytes: 100,
            wraps: true,
        }
    }

    fn answer(series: usize, bytes: u64, millis: u64) -> Came {
        Came::Answer {
            series,
            bytes,
            took: Duration::from_millis(millis),
        }
    }

    fn cut(memory: &Memory, count: u64) -> Vec<Vec<usize>> {
        let wishes: Vec<Wish> = (0..count).map(wish).collect();
        memory.cut(&wishes, None)
    }

    fn sizes(memory: &Memory, count: u64) -> Vec<usize> {
        cut(memory, count).iter().map(Vec::len).collect()
    }

    #[test]
    fn unknown_targets_share_in_equal_parts() {
        let memory = Memory::default();
        assert_eq!(sizes(&memory, 0), [0; 0]);
        assert_eq!(sizes(&memory, 20), [20]);
        assert_eq!(sizes(&memory, 21), [11, 10]);
        assert_eq!(sizes(&memory, 41), [14, 14, 13]);
    }

    #[test]
    fn requests_are_as_large_and_as_slow_as_they_may_be() {
        let mut memory = Memory::default();
        for number in 0..10 {
            memory.shared(Key(number), answer(1, 300 << 10, 10), NOW);
        }
        assert_eq!(sizes(&memory, 10), [3, 3, 3, 1]);
        for number in 0..10 {
            memory.shared(Key(number), answer(1, 100, 60), NOW);
        }
        assert_eq!(sizes(&memory, 10), [4, 4, 2]);
        let wishes: Vec<Wish> = (10..20).map(wish).collect();
        let short = memory.cut(&wishes, Some(500));
        assert_eq!(short.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5]);
    }

    #[test]
    fn who_is_large_slow_empty_or_failing_goes_alone_behind_the_others_until_it_is_not() {
        for came in [
            answer(1, 2 << 20, 1),
            answer(1, 100, 300),
            answer(0, 0, 1),
            Came::Failed,
            Came::TimedOut,
        ] {
            let mut memory = Memory::default();
            memory.alone(Key(1), Why::Solo, came, NOW);
            assert_eq!(cut(&memory, 3), [vec![0, 2], vec![1]], "{came:?}");
            memory.alone(Key(1), Why::Solo, answer(1, 100, 1), NOW);
            assert_eq!(sizes(&memory, 3), [3], "{came:?}");
        }
    }

    #[test]
    fn what_cannot_be_an_argument_goes_alone() {
        let odd = Wish {
            wraps: false,
            ..wish(0)
        };
        let cuts = Memory::default().cut(&[odd, wish(1), wish(2)], None);
        assert_eq!(cuts, [vec![1, 2], vec![0]]);
    }

    /// How many slots it goes alone after each time that `why` sent it there, in a row.
    fn waits(why: Why) -> Vec<usize> {
        let mut memory = Memory::default();
        let good = answer(3, 100, 1);
        let mut wait = || {
            memory.alone(Key(0), why, good, NOW);
            let mut slots = 0;
            while cut(&memory, 2).len() > 1 {
                memory.alone(Key(0), Why::Solo, good, NOW);
                slots += 1;
            }
            slots
        };
        (0..11).map(|_| wait()).collect()
    }

    #[test]
    fn who_works_alone_alone_goes_alone_for_a_time_that_doubles() {
        let doubled = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512];
        assert_eq!(waits(Why::Refused), doubled);
        assert_eq!(waits(Why::Short(2)), doubled);
        assert_eq!(waits(Why::TimedOut), doubled.map(|slots| slots - 1));
        for why in [Why::Solo, Why::Trial, Why::Short(3), Why::Short(4)] {
            assert_eq!(waits(why), [0; 11], "{why:?}");
        }
    }

    #[test]
    fn who_worked_with_others_begins_with_one_slot_again() {
        let mut memory = Memory::default();
        let good = answer(1, 100, 1);
        for _ in 0..5 {
            memory.alone(Key(0), Why::Refused, good, NOW);
        }
        memory.shared(Key(0), good, NOW);
        memory.alone(Key(0), Why::Refused, good, NOW);
        memory.alone(Key(0), Why::Solo, good, NOW);
        assert_eq!(sizes(&memory, 2), [2]);
    }

    #[test]
    fn targets_that_nobody_asks_for_are_forgotten() {
        let mut memory = Memory::default();
        for number in 0..100_000 {
            let now = Duration::from_secs(number * 60);
            memory.shared(Key(number), answer(1, 1, 1), now);
        }
        // two days of a new one each minute, twice as many before they are looked for
        assert!(memory.targets.len() <= 2 * 2880 + 1024);
    }

    #[test]
    fn same_target_of_the_next_slot_is_the_same_and_another_window_is_not() {
        let key = |target, from, until| {
            Key::of(&Query {
                target,
                from,
                until,
            })
        };
        assert_eq!(key("a", "1000", "1300"), key("a", "1060", "1360"));
        assert_eq!(key("a", "midnight", "1300"), key("a", "midnight", "1360"));
        assert_ne!(key("a", "1000", "1300"), key("b", "1000", "1300"));
        assert_ne!(key("a", "1000", "1300"), key("a", "1000", "90000"));
    }

    #[test]
    fn a_shared_request_has_less_time_than_one_alone() {
        let millis = |millis| patience(Duration::from_millis(millis)).as_millis();
        assert_eq!([millis(30_000), millis(1000)], [800, 500]);
    }
}
