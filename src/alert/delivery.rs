//! What one receiver should know of one incident, and what it was last told
//! (design section 6): desired state against told state, not a queue.
//!
//! `owes` is the one decision: given an incident, what was told of it, and the
//! receiver's policy, it says what is to be told now, or why nothing is.
//! Restarts, outages and silences need nothing else. It sends nothing and knows
//! no addresses.
//!
//! Invariants: told levels are those that a receiver accepted; a key that a
//! trigger may have been sent to is remembered until its resolve is accepted.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::incident::Incident;
use super::level::Level;
use super::receiver::Policy;
use super::time::Timestamp;

/// How long the end of an incident is tried before it is given up.
pub const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest wait, whatever a server asks for.
const LEAST: Duration = Duration::from_secs(1);

/// Which key of an incident at a receiver that keeps incidents by key: the
/// first one (`ok`), or that of a level that it was raised to.
pub type KeyOf = Level;

/// One receiver (one mail address) and one incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// The level that was last accepted; `ok`: nothing, or its end.
    pub told: Level,
    /// When something was last accepted.
    pub told_at: Option<Timestamp>,
    /// The highest level accepted since it was last told an end.
    pub highest: Level,
    /// Since when the incident stands at a level that the receiver listens to.
    pub listening_since: Option<Timestamp>,
    /// What it may have been told since, for all that is known: an attempt to
    /// tell another level that nobody answered.
    pub perhaps: Option<Level>,
    /// It was due to be told of the incident, and has accepted nothing yet.
    pub owed: bool,
    /// Since when something is owed and not accepted.
    pub due_since: Option<Timestamp>,
    /// The key that holds the incident now.
    pub key: Option<KeyOf>,
    /// Keys that a trigger was or may have been sent to and that are not resolved.
    pub sent: BTreeSet<KeyOf>,
    /// Accepted reminders.
    pub reminders: u32,
    /// Attempts that failed since the last acceptance.
    pub tries: u32,
    /// Not before this.
    pub next_try: Option<Timestamp>,
    /// The level that the last failed attempt was to tell.
    pub tried: Option<Level>,
    /// It was refused for good, and nothing has been accepted since.
    pub rejected: bool,
    /// What the receiver answered to the last failed attempt.
    pub why: Option<String>,
}

/// What is to be told, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// Nothing was told, or its end was.
    New,
    /// Worse than anything that was accepted.
    Raised,
    /// Another level.
    Changed,
    /// The same once more.
    Reminder,
    /// No longer a level that the receiver listens to.
    Left,
    /// It is over.
    Resolved,
    /// It was due, and is over before anything was accepted.
    Both,
    /// A key that no longer holds the incident.
    Stray(KeyOf),
}

impl Tell {
    /// Most urgent first (design 6): new and raised critical, other new,
    /// resolves, changes, reminders.
    pub fn urgency(self, level: Level) -> u8 {
        match self {
            Self::New | Self::Raised if level == Level::Critical => 0,
            Self::New | Self::Raised => 1,
            Self::Resolved | Self::Both | Self::Left | Self::Stray(_) => 2,
            Self::Changed => 3,
            Self::Reminder => 4,
        }
    }
}

/// The circumstances of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// Whether the receiver is routed to.
    pub routed: bool,
    /// Whether new things are held back (outside `active` hours).
    pub held: bool,
    /// Whether every level counts as listened to.
    pub all_levels: bool,
    /// Now.
    pub now: Timestamp,
}

/// The answer of `owes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owes {
    /// Nothing, and nothing will be unless something changes.
    Nothing,
    /// Nothing before this instant.
    Later(Timestamp),
    /// This, now.
    Now(Tell),
}

/// The level that the receiver should know of.
pub fn desired(incident: &Incident, policy: &Policy, situation: &Situation) -> Level {
    let listens = situation.all_levels || policy.levels.contains(incident.level);
    if incident.is_open() && situation.routed && listens {
        incident.level
    } else {
        Level::Ok
    }
}

impl Delivery {
    /// Keeps the clock of `after`: how long the incident has been at a level
    /// that is listened to.
    pub fn listen(&mut self, desired: Level, at: Timestamp) {
        if desired == Level::Ok {
            self.listening_since = None;
        } else {
            self.listening_since.get_or_insert(at);
        }
    }

    /// What the receiver is owed, whether or not it can be reached.
    pub fn owes(&self, incident: &Incident, policy: &Policy, situation: &Situation) -> Owes {
        match desired(incident, policy, situation) {
            Level::Ok => self.owes_end(incident, policy, situation),
            level => self.owes_level(level, policy, situation),
        }
    }

    fn owes_level(&self, level: Level, policy: &Policy, situation: &Situation) -> Owes {
        let begins = self.told == Level::Ok || policy.keyed && self.begins_anew(level);
        if self.told == level && !begins {
            if self.perhaps.is_some() && !situation.held {
                // it may believe something else by now
                return Owes::Now(Tell::Changed);
            }
            if let Some(stray) = self.stray(policy) {
                return Owes::Now(Tell::Stray(stray));
            }
            let (Some(every), Some(told_at)) = (policy.repeat, self.told_at) else {
                return Owes::Nothing;
            };
            let at = told_at.plus(every);
            return match situation.held {
                true => Owes::Nothing,
                false if at <= situation.now => Owes::Now(Tell::Reminder),
                false => Owes::Later(at),
            };
        }
        if situation.held {
            return Owes::Nothing;
        }
        if !begins {
            let raised = level > self.highest;
            return Owes::Now(if raised { Tell::Raised } else { Tell::Changed });
        }
        let since = self.listening_since.unwrap_or(situation.now);
        let at = since.plus(policy.after);
        if at <= situation.now {
            Owes::Now(Tell::New)
        } else {
            Owes::Later(at)
        }
    }

    fn owes_end(&self, incident: &Incident, policy: &Policy, situation: &Situation) -> Owes {
        // for one who is no longer told of it, it is over as well
        let over = !incident.is_open() || !situation.routed;
        if self.told != Level::Ok {
            return match (over, policy.resolved, policy.keyed) {
                (true, true, _) | (false, true, true) => Owes::Now(Tell::Resolved),
                (false, _, false) => Owes::Now(Tell::Left),
                (_, false, _) => Owes::Nothing,
            };
        }
        if policy.keyed {
            return match (self.sent.is_empty(), policy.resolved) {
                (false, true) => Owes::Now(Tell::Resolved),
                _ => Owes::Nothing,
            };
        }
        // what it never heard of is told once it is over, not while it goes on
        // at a level, or on a route, that is none of its business
        match (incident.is_open(), self.perhaps.is_some()) {
            (false, _) if self.owed && situation.routed => Owes::Now(Tell::Both),
            (true, true) if situation.routed => Owes::Now(Tell::Left),
            (_, true) if policy.resolved && !situation.routed => Owes::Now(Tell::Resolved),
            _ => Owes::Nothing,
        }
    }

    fn stray(&self, policy: &Policy) -> Option<KeyOf> {
        if !policy.keyed {
            return None;
        }
        self.sent.iter().copied().find(|&key| Some(key) != self.key)
    }

    /// Whether an end may have been taken of what it was told, though nobody knows.
    fn may_be_over(&self) -> bool {
        self.told != Level::Ok && self.perhaps == Some(Level::Ok)
    }

    /// Whether `level` needs a key of its own, so that it wakes wherever an end was
    /// taken. The level that it had before that goes to the key that it had: either
    /// it goes on there, or it opens it. Nothing lower was sent to that key since.
    fn begins_anew(&self, level: Level) -> bool {
        let had = self.told == level && (self.key == Some(level) || self.key == Some(Level::Ok));
        self.may_be_over() && !had
    }

    /// Whether the receiver knows, or may know, of something that has to end.
    pub fn knows(&self) -> bool {
        self.told != Level::Ok || self.perhaps.is_some() || !self.sent.is_empty()
    }

    /// The key that `tell` goes to, at a receiver that keeps incidents by key.
    pub fn key_for(&self, tell: Tell, level: Level) -> KeyOf {
        match tell {
            // a lower one may have been taken unanswered, and acknowledged
            Tell::New if self.perhaps.is_some_and(|p| p < level) => level,
            Tell::New | Tell::Both => Level::Ok,
            Tell::Raised => level,
            Tell::Stray(key) => key,
            Tell::Changed | Tell::Reminder => self.key.unwrap_or(Level::Ok),
            Tell::Left | Tell::Resolved => {
                self.sent.first().copied().or(self.key).unwrap_or(Level::Ok)
            }
        }
    }

    /// When the next attempt may be made to tell `level`; `None`: at once.
    pub fn not_before(&self, level: Level, now: Timestamp) -> Option<Timestamp> {
        // a newer state is a new question: what was refused may be taken now;
        // one that asked to be left alone, or does not answer, is left alone
        let other = self.rejected && self.tried.is_some_and(|tried| tried != level);
        self.next_try.filter(|&at| !other && at > now)
    }

    /// Forgets failed attempts, so that the next is made at once.
    pub fn try_again(&mut self) {
        self.next_try = None;
        self.tries = 0;
    }

    /// Nothing of it counts from, or waits for, an instant after `now`: the
    /// clock was set back.
    pub fn never_in_the_future(&mut self, now: Timestamp) {
        for at in [
            &mut self.told_at,
            &mut self.listening_since,
            &mut self.due_since,
        ] {
            *at = at.map(|at| at.min(now));
        }
        self.next_try = self.next_try.filter(|&at| at <= now);
    }

    /// Forgets refusals where nothing is owed any more.
    pub fn settle(&mut self) {
        self.try_again();
        self.tried = None;
        self.rejected = false;
        self.why = None;
    }

    /// Notes that `level` is about to be told, with `key`: whatever comes of it,
    /// the receiver may have taken it.
    pub fn attempted(&mut self, level: Level, key: Option<KeyOf>) {
        // a key of its own leaves the one that holds the incident as it is; of
        // several unanswered ones the lowest counts: it is what somebody may
        // have acknowledged
        if level != self.told && (key == self.key || self.told == Level::Ok) {
            self.perhaps = Some(self.perhaps.map_or(level, |other| other.min(level)));
        }
    }

    /// Records that `tell` of `level` was accepted.
    pub fn accepted(&mut self, tell: Tell, level: Level, key: Option<KeyOf>, now: Timestamp) {
        match tell {
            Tell::New | Tell::Raised | Tell::Changed | Tell::Reminder => {
                // what it took before an end counts no longer
                self.highest = match self.may_be_over() {
                    true => level,
                    false => self.highest.max(level),
                };
                self.told = level;
                self.perhaps = None;
                self.owed = false;
                self.key = key;
                self.told_at = Some(now);
                if tell == Tell::Reminder {
                    self.reminders = self.reminders.saturating_add(1);
                }
            }
            Tell::Stray(_) => {}
            Tell::Left | Tell::Resolved | Tell::Both => self.told_at = Some(now),
        }
        let ends = matches!(tell, Tell::Left | Tell::Resolved | Tell::Both);
        if let (Some(key), true) = (key, ends || matches!(tell, Tell::Stray(_))) {
            self.sent.remove(&key);
        }
        // the key that held the incident holds it no longer, whatever others are left
        if ends && (self.sent.is_empty() || key == self.key) {
            self.told = Level::Ok;
            self.highest = Level::Ok;
            self.perhaps = None;
            self.owed = false;
            self.key = None;
        }
        self.tries = 0;
        self.next_try = None;
        self.tried = None;
        self.rejected = false;
        self.why = None;
        self.due_since = None;
    }

    /// Records that telling `level` failed for now; `chance` in 0..1 spreads retries.
    pub fn failed(
        &mut self,
        level: Level,
        why: String,
        after: Option<Duration>,
        chance: f64,
        now: Timestamp,
    ) {
        self.tries = self.tries.saturating_add(1);
        let wait = after.map_or(backoff(self.tries, chance), |after| after.max(LEAST));
        self.next_try = Some(now.plus(wait));
        self.tried = Some(level);
        self.why = Some(why);
    }

    /// Records that telling `level` was refused for good.
    pub fn refused(&mut self, level: Level, why: String, smtp: bool, now: Timestamp) {
        let first = !(self.rejected && self.tried == Some(level));
        self.tries = self.tries.saturating_add(1);
        let minutes = match (first, smtp) {
            (true, _) => 1,
            (false, false) => 5,
            (false, true) => 15,
        };
        self.next_try = Some(now.plus(Duration::from_secs(60 * minutes)));
        self.tried = Some(level);
        self.rejected = true;
        self.why = Some(why);
    }
}

/// The wait after the `tries`-th failure: doubling from 1 s to 5 min, of which
/// up to a quarter is taken off by `chance` (0..1).
pub fn backoff(tries: u32, chance: f64) -> Duration {
    let whole =
        Duration::from_secs(1_u64 << tries.saturating_sub(1).min(9)).min(Duration::from_secs(300));
    whole
        .mul_f64(1.0 - 0.25 * chance.clamp(0.0, 1.0))
        .max(Duration::from_secs(1))
}

/// What came of one attempt to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Accepted,
    /// It may take it later: refused for now, unreachable, timed out.
    Later {
        /// What happened, for people; no secrets.
        why: String,
        /// `Retry-After`.
        after: Option<Duration>,
        /// Whether the whole receiver is to be left alone for a while.
        pause: bool,
        /// Whether it may have it all the same: it was sent, and no answer came.
        unsure: bool,
    },
    /// It will not take it as it is.
    Rejected {
        /// What it answered; no secrets.
        why: String,
        /// Whether this was a permanent SMTP refusal (5yz), tried again less often.
        smtp: bool,
    },
}

#[cfg(test)]
mod tests;
