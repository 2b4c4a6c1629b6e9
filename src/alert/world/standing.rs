//! How fetching stands for each group, counted when it changes: an evaluation of
//! one group, or a second that passes, looks at no other.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Entry, World};

/// How fetching stands for one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Graphite is asked for it, and was at least once.
    tried: bool,
    /// Graphite is asked for it, and was since the start.
    ready: bool,
    /// The latest try failed.
    fails: bool,
    /// It left the configuration, and its incidents will end.
    leaves: bool,
}

impl Standing {
    fn of(entry: &Entry) -> Self {
        let asked = entry.is_asked();
        Self {
            tried: asked && entry.life.head.slot.is_some(),
            ready: asked && entry.life.ready,
            fails: entry.life.head.failing_since.is_some(),
            leaves: entry.leaves_at.is_some(),
        }
    }
}

/// The same of all groups.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Standings {
    /// How many were tried.
    pub tried: usize,
    /// How many were tried since the start.
    pub ready: usize,
    /// How many of these fail.
    pub ready_failing: usize,
    /// Those that were tried and fail.
    pub failing: BTreeSet<Arc<str>>,
    /// Those that left the configuration.
    pub leaving: BTreeSet<Arc<str>>,
    /// Those that are told of at some hours only.
    pub hours: BTreeSet<Arc<str>>,
}

impl Standings {
    fn enter(&mut self, name: &Arc<str>, standing: Standing) {
        self.tried += usize::from(standing.tried);
        self.ready += usize::from(standing.ready);
        self.ready_failing += usize::from(standing.ready && standing.fails);
        if standing.tried && standing.fails {
            self.failing.insert(Arc::clone(name));
        }
        if standing.leaves {
            self.leaving.insert(Arc::clone(name));
        }
    }

    fn leave(&mut self, name: &str, standing: Standing) {
        self.tried -= usize::from(standing.tried);
        self.ready -= usize::from(standing.ready);
        self.ready_failing -= usize::from(standing.ready && standing.fails);
        self.failing.remove(name);
        self.leaving.remove(name);
    }
}

impl World {
    /// Counts a group anew that was tried, or is gone.
    pub(super) fn stands(&mut self, name: &Arc<str>) {
        let Some(entry) = self.groups.get_mut(name) else {
            return;
        };
        let present = Standing::of(entry);
        let before = std::mem::replace(&mut entry.standing, present);
        if before != present {
            self.standings.leave(name, before);
            self.standings.enter(name, present);
        }
    }

    /// Counts all groups anew.
    pub(super) fn stand_all(&mut self) {
        for entry in self.groups.values_mut() {
            entry.standing = Standing::of(entry);
        }
        self.standings = self.counted();
    }

    /// A group is no longer remembered.
    pub(super) fn stood(&mut self, name: &str, entry: &Entry) {
        self.standings.leave(name, entry.standing);
        self.standings.hours.remove(name);
    }

    /// What the standings are, found out the long way.
    pub(super) fn counted(&self) -> Standings {
        let mut counted = Standings::default();
        for (name, entry) in &self.groups {
            counted.enter(name, Standing::of(entry));
            let group = entry.group.as_ref();
            if group.is_some_and(|group| group.active.is_some()) {
                counted.hours.insert(Arc::clone(name));
            }
        }
        counted
    }
}
