//! How often each kind of trouble and each transition occurred: a kind that
//! never did proves nothing.

use std::collections::BTreeMap;

/// What must have occurred.
const WANTED: [&str; 82] = [
    "clock: back",
    "clock: forward",
    "disk: full",
    "disk: gone",
    "disk: slow",
    "graphite: back in time",
    "graphite: cut off",
    "graphite: empty",
    "graphite: hangs",
    "graphite: one target fails",
    "graphite: partial",
    "graphite: refuses",
    "graphite: slow",
    "graphite: stale",
    "held outside its hours",
    "incident lowered",
    "incident opened",
    "incident raised",
    "incident resolved",
    "kill: answered",
    "kill: fetched",
    "kill: handed out",
    "kill: judged",
    "kill: recorded",
    "kill: taken",
    "kill: waiting",
    "kill: written",
    "opened: (receiver)",
    "opened: (store)",
    "pause of a receiver",
    "pause",
    "power loss",
    "power loss: of what was not synced",
    "receiver: 429 with Retry-After",
    "receiver: 429",
    "receiver: bad gateway",
    "receiver: fails",
    "receiver: hangs",
    "receiver: loses answers",
    "receiver: refuses one recipient",
    "receiver: rejects",
    "receiver: slow",
    "receiver: takes and hangs",
    "reload: a group is renamed",
    "reload: a group leaves",
    "reload: a receiver is renamed",
    "reload: a receiver leaves",
    "reload: a receiver moves",
    "reload: back",
    "reload: by SIGHUP",
    "reload: files changed",
    "reload: levels",
    "reload: targets",
    "reload: thresholds",
    "series: NaN",
    "series: comes back",
    "series: comes twice",
    "series: new",
    "series: null",
    "series: of two alerts",
    "series: of two targets",
    "series: vanishes",
    "sleep noticed",
    "slot tried again",
    "slots missed",
    "start",
    "store broke",
    "store mended",
    "tell: both",
    "tell: changed",
    "tell: left",
    "tell: new",
    "tell: raised",
    "tell: reminder",
    "tell: resolved",
    "tell: stray",
    "told: (receiver)",
    "told: (store)",
    "told: Graphite fails",
    "told: a fallback",
    "told: a silence in numbers",
    "told: an overflow",
];

/// Occurrences by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    pub fn add(&mut self, kind: &'static str) {
        *self.0.entry(kind).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    /// Kinds that should have occurred and did not.
    pub fn never(&self) -> Vec<&'static str> {
        WANTED
            .iter()
            .copied()
            .filter(|kind| !self.0.contains_key(kind))
            .collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }
}
