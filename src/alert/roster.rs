//! The series that a group knows, a hundred thousand of them if need be.
//!
//! A series that is quietly `ok` costs its name and less than 24 bytes: names
//! stand one after the other on pages of at most [`LINES`], an index of four
//! bytes a name finds them by their bytes, and only a series with a running clock
//! or an incident has an [`Active`]. To find one and to mark it as seen allocates
//! nothing. A page is also what is stored: it is shared with the batch that is
//! being written, and one more series writes one page, not all of them.
//!
//! Invariants: a name stands once; an [`Id`] is good until a name is removed; whoever has an `Active` has a name here; a page that differs from
//! what was last taken by `take_changed` is among the changed ones.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use hashbrown::HashTable;

use super::lifecycle::Active;
use super::page::{Bits, LINES, Page};

/// Pages that a roster may have: what is left of an id beside the line.
const MAX_PAGES: u32 = 1 << 24;

/// The place of a series: page and line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(u32);

/// What is known of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known<'a> {
    /// Index into `Head::sources`: the target that last returned it.
    pub source: u16,
    /// The pass that last returned it (`Life::pass`).
    pub seen: u32,
    /// Index of the alert that claimed it in that pass.
    pub alert: u16,
    /// Its clocks and its incident; `None`: quietly ok.
    pub active: Option<&'a Arc<Active>>,
}

/// The series of one group, by name.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    sheets: Vec<Sheet>,
    index: HashTable<Id>,
    hasher: RandomState,
    /// The sheet that the next name goes to.
    open: u32,
    /// Others that have room.
    roomy: BTreeSet<u32>,
    active: HashMap<Arc<str>, Arc<Active>>,
    changed: BTreeSet<u32>,
}

/// A page, with what is remembered of its names for as long as the process lives.
#[derive(Clone, Debug, Default)]
struct Sheet {
    page: Arc<Page>,
    seen: Vec<u32>,
    alert: Vec<u16>,
    /// Which of the names have an `Active`.
    active: Bits,
}

impl Id {
    fn new(page: u32, line: usize) -> Self {
        Self(page << 8 | u32::try_from(line).unwrap_or(0) & 0xff)
    }

    fn page(self) -> u32 {
        self.0 >> 8
    }

    fn line(self) -> usize {
        (self.0 & 0xff) as usize
    }
}

impl Roster {
    /// The roster of stored pages. Pages that this program would not have
    /// written (too long, a name twice, numbers far apart) are written anew.
    pub fn new(pages: BTreeMap<u32, Arc<Page>>) -> Self {
        let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
        let sound = |(number, page): (&u32, &Arc<Page>)| {
            page.lines() <= LINES && *number < count.saturating_mul(4).min(MAX_PAGES)
        };
        let adopted = pages.iter().all(sound).then(|| Self::adopt(&pages));
        adopted.flatten().unwrap_or_else(|| {
            let mut roster = Self::default();
            for (name, source) in pages.values().flat_map(|page| page.iter()) {
                match roster.find(name) {
                    Some(id) => roster.set_source(id, source),
                    None => drop(roster.add(name, source)),
                }
            }
            roster.changed.extend(pages.keys());
            roster
        })
    }

    /// `None`: a name stands twice.
    fn adopt(pages: &BTreeMap<u32, Arc<Page>>) -> Option<Self> {
        let mut roster = Self::default();
        let total = pages.values().map(|page| page.len()).sum();
        roster.reserve(total);
        for (&number, page) in pages {
            for free in u32::try_from(roster.sheets.len()).ok()?..number {
                roster.roomy.insert(free);
                roster.sheets.push(Sheet::default());
            }
            roster.sheets.push(Sheet::new(Arc::clone(page)));
            for (line, name) in page.names() {
                if roster.find(name).is_some() {
                    return None;
                }
                roster.enter(name, Id::new(number, line));
            }
            if page.has_room() {
                roster.roomy.insert(number);
            }
        }
        Some(roster)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The place of `name`.
    pub fn find(&self, name: &str) -> Option<Id> {
        let hash = self.hasher.hash_one(name.as_bytes());
        let is = |id: &Id| name_at(&self.sheets, *id) == Some(name);
        self.index.find(hash, is).copied()
    }

    /// What is known of the series at `id`.
    pub fn at(&self, id: Id) -> Known<'_> {
        let line = id.line();
        let sheet = self.sheet(id);
        let active = sheet.filter(|sheet| sheet.active.has(line));
        let name = active.and_then(|sheet| sheet.page.name(line));
        Known {
            source: sheet.map_or(0, |sheet| sheet.page.source(line)),
            seen: sheet.and_then(|s| s.seen.get(line)).map_or(0, |seen| *seen),
            alert: sheet.and_then(|s| s.alert.get(line)).map_or(0, |a| *a),
            active: name.and_then(|name| self.active.get(name)),
        }
    }

    /// What is known of `name`.
    pub fn get(&self, name: &str) -> Option<Known<'_>> {
        self.find(name).map(|id| self.at(id))
    }

    /// All of them, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Known<'_>)> {
        let sheets = (0_u32..).zip(&self.sheets);
        sheets.flat_map(move |(number, sheet)| {
            let names = sheet.page.names();
            names.map(move |(line, name)| (name, self.at(Id::new(number, line))))
        })
    }

    /// The place of `name`, which joins if it is new.
    pub fn add(&mut self, name: &str, source: u16) -> Id {
        if let Some(id) = self.find(name) {
            return id;
        }
        let number = self.with_room();
        let mut id = Id::new(number, 0);
        if let Some(sheet) = self.sheet_mut(id) {
            id = Id::new(number, sheet.push(name, source));
        }
        self.enter(name, id);
        self.changed.insert(number);
        id
    }

    /// Forgets `name` and whatever is known of it; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let hash = self.hasher.hash_one(name.as_bytes());
        let is = |id: &Id| name_at(&self.sheets, *id) == Some(name);
        let Ok(entry) = self.index.find_entry(hash, is) else {
            return false;
        };
        let (id, _) = entry.remove();
        self.active.remove(name);
        self.changed.insert(id.page());
        if let Some(sheet) = self.sheet_mut(id) {
            sheet.active.clear(id.line());
            let page = Arc::make_mut(&mut sheet.page);
            page.strike(id.line());
            if page.is_empty() {
                *sheet = Sheet::default();
            }
            if sheet.is_scattered() {
                self.tidy(id.page());
            }
            let has_room = self.sheet(id).is_some_and(|sheet| sheet.page.has_room());
            if has_room && id.page() != self.open {
                self.roomy.insert(id.page());
            }
        }
        true
    }

    /// Notes the pass and the alert that `id` was returned in.
    pub fn mark(&mut self, id: Id, pass: u32, by: u16) {
        let line = id.line();
        if let Some(sheet) = self.sheet_mut(id) {
            if let Some(seen) = sheet.seen.get_mut(line) {
                *seen = pass;
            }
            if let Some(alert) = sheet.alert.get_mut(line) {
                *alert = by;
            }
        }
    }

    /// Notes the target that returned it.
    pub fn set_source(&mut self, id: Id, source: u16) {
        let line = id.line();
        if let Some(sheet) = self.sheet_mut(id)
            && sheet.page.source(line) != source
        {
            Arc::make_mut(&mut sheet.page).set_source(line, source);
            self.changed.insert(id.page());
        }
    }

    /// The name at `id`.
    pub fn name(&self, id: Id) -> &str {
        name_at(&self.sheets, id).unwrap_or_default()
    }

    /// The place of `name`, if it is known and quietly ok.
    pub fn find_quiet(&self, name: &str) -> Option<Id> {
        let id = self.find(name)?;
        let active = self.sheet(id)?.active.has(id.line());
        (!active).then_some(id)
    }

    /// The name at `id` for whoever keeps it.
    pub fn legend(&self, id: Id) -> Arc<str> {
        self.shared(self.name(id))
    }

    /// `name` for whoever keeps it: that of its `Active`, if it has one.
    pub fn shared(&self, name: &str) -> Arc<str> {
        let active = self.active.get_key_value(name);
        active.map_or_else(|| Arc::from(name), |(legend, _)| Arc::clone(legend))
    }

    /// The clocks and the incident of a series that is not quietly ok.
    pub fn active(&self, name: &str) -> Option<&Arc<Active>> {
        self.active.get(name)
    }

    /// All series that are not quietly ok.
    pub fn actives(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Active>)> {
        self.active.iter()
    }

    /// The clocks and the incident of a known series, to be changed.
    pub fn active_mut(&mut self, legend: &Arc<str>) -> Option<&mut Active> {
        if !self.active.contains_key(legend) {
            let id = self.find(legend)?;
            self.sheet_mut(id)?.active.set(id.line());
        }
        let active = self.active.entry(Arc::clone(legend)).or_default();
        Some(Arc::make_mut(active))
    }

    /// The same of one that is not quietly ok.
    pub fn changed_active(&mut self, legend: &str) -> Option<&mut Active> {
        self.active.get_mut(legend).map(Arc::make_mut)
    }

    /// What a store held of a series, which joins if it is not known.
    pub fn restore(&mut self, legend: Arc<str>, active: Arc<Active>) {
        let id = self.add(&legend, 0);
        if let Some(sheet) = self.sheet_mut(id) {
            sheet.active.set(id.line());
        }
        self.active.insert(legend, active);
    }

    /// It is quietly ok again.
    pub fn quiet(&mut self, name: &str) -> Option<Arc<Active>> {
        let active = self.active.remove(name)?;
        let id = self.find(name)?;
        self.sheet_mut(id)?.active.clear(id.line());
        Some(active)
    }

    /// The numbers of the pages that changed since this was last called.
    pub fn take_changed(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.changed)
    }

    /// The numbers of all pages.
    pub fn pages(&self) -> impl Iterator<Item = u32> {
        (0_u32..).zip(&self.sheets).map(|(number, _)| number)
    }

    /// A page as it is stored; `None`: nothing stands on it.
    pub fn page(&self, number: u32) -> Option<Arc<Page>> {
        let sheet = self.sheets.get(number as usize)?;
        (!sheet.page.is_empty()).then(|| Arc::clone(&sheet.page))
    }

    fn sheet(&self, id: Id) -> Option<&Sheet> {
        self.sheets.get(id.page() as usize)
    }

    fn sheet_mut(&mut self, id: Id) -> Option<&mut Sheet> {
        self.sheets.get_mut(id.page() as usize)
    }

    fn reserve(&mut self, more: usize) {
        let (sheets, hasher) = (&self.sheets, &self.hasher);
        self.index.reserve(more, |id| hash_at(sheets, hasher, *id));
    }

    fn enter(&mut self, name: &str, id: Id) {
        let (sheets, hasher) = (&self.sheets, &self.hasher);
        let hash = hasher.hash_one(name.as_bytes());
        let again = |id: &Id| hash_at(sheets, hasher, *id);
        self.index.insert_unique(hash, id, again);
    }

    /// The number of a sheet on which one more name has room.
    fn with_room(&mut self) -> u32 {
        let has_room = |sheet: &Sheet| sheet.page.has_room();
        if self.sheets.get(self.open as usize).is_some_and(has_room) {
            return self.open;
        }
        while let Some(number) = self.roomy.pop_first() {
            if self.sheets.get(number as usize).is_some_and(has_room) {
                self.open = number;
                return number;
            }
        }
        self.open = u32::try_from(self.sheets.len()).unwrap_or(u32::MAX);
        self.sheets.push(Sheet::default());
        self.open
    }

    /// Moves the names that are left on a sheet together.
    fn tidy(&mut self, number: u32) {
        let Some(sheet) = self.sheets.get_mut(number as usize) else {
            return;
        };
        let old = std::mem::take(sheet);
        let mut new = Sheet::default();
        for (from, name) in old.page.names() {
            let to = new.push(name, old.page.source(from));
            if let (Some(seen), Some(before)) = (new.seen.get_mut(to), old.seen.get(from)) {
                *seen = *before;
            }
            if let (Some(alert), Some(before)) = (new.alert.get_mut(to), old.alert.get(from)) {
                *alert = *before;
            }
            if old.active.has(from) {
                new.active.set(to);
            }
            let (from, to) = (Id::new(number, from), Id::new(number, to));
            let hash = self.hasher.hash_one(name.as_bytes());
            // lines only go up, and from the top, so no other name has this id now
            if let Some(id) = self.index.find_mut(hash, |id| *id == from) {
                *id = to;
            }
        }
        self.changed.insert(number);
        if let Some(sheet) = self.sheets.get_mut(number as usize) {
            *sheet = new;
        }
    }
}

impl Sheet {
    fn new(page: Arc<Page>) -> Self {
        Self {
            seen: vec![0; page.lines()],
            alert: vec![0; page.lines()],
            active: Bits::default(),
            page,
        }
    }

    /// Whether moving its names together is worth while.
    fn is_scattered(&self) -> bool {
        !self.page.has_room() && self.page.len() <= self.page.lines() / 2
    }

    /// Writes a name below the others; the line it stands on.
    fn push(&mut self, name: &str, source: u16) -> usize {
        self.seen.push(0);
        self.alert.push(0);
        Arc::make_mut(&mut self.page).push(name, source)
    }
}

fn name_at(sheets: &[Sheet], id: Id) -> Option<&str> {
    sheets.get(id.page() as usize)?.page.name(id.line())
}

fn hash_at(sheets: &[Sheet], hasher: &RandomState, id: Id) -> u64 {
    let name = name_at(sheets, id).unwrap_or_default();
    hasher.hash_one(name.as_bytes())
}

/// A roster that others may look at while it lives on: whoever changes it then
/// changes a copy, which shares the pages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shared(Arc<Roster>);

impl Shared {
    /// For somebody to look at.
    pub fn share(&self) -> Arc<Roster> {
        Arc::clone(&self.0)
    }

    /// Whether `other` is this very roster, so that an id of one is one of the other.
    pub fn is(&self, other: &Arc<Roster>) -> bool {
        Arc::ptr_eq(&self.0, other)
    }
}

impl From<Roster> for Shared {
    fn from(roster: Roster) -> Self {
        Self(Arc::new(roster))
    }
}

impl Deref for Shared {
    type Target = Roster;

    fn deref(&self) -> &Roster {
        &self.0
    }
}

impl DerefMut for Shared {
    fn deref_mut(&mut self) -> &mut Roster {
        Arc::make_mut(&mut self.0)
    }
}

/// Some of the series of a roster.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    pub fn set(&mut self, id: Id) {
        let word = (id.0 / u64::BITS) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (id.0 % u64::BITS);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Id> {
        let words = (0_u32..).step_by(u64::BITS as usize).zip(&self.0);
        words.flat_map(|(first, &word)| {
            let set = (0..u64::BITS).filter(move |bit| word & (1 << bit) != 0);
            set.map(move |bit| Id(first + bit))
        })
    }
}

impl PartialEq for Roster {
    /// The same series, of which the same is known, on whatever pages.
    fn eq(&self, other: &Self) -> bool {
        let mut all = self.iter();
        self.len() == other.len() && all.all(|(name, known)| other.get(name) == Some(known))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;
    use crate::alert::time::Timestamp;

    /// What a roster is to hold: source, pass, alert, and whether it is active.
    type Model = BTreeMap<String, (u16, u32, u16, bool)>;

    #[derive(Clone, Debug)]
    enum Step {
        Add(u16, u16),
        Remove(u16),
        Mark(u16, u32, u16),
        Source(u16, u16),
        Activate(u16),
        Quiet(u16),
        /// Many come, or go.
        AddAll(u16, u16),
        RemoveAll(u16, u16),
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        let n = || 0_u16..900;
        prop_oneof![
            (n(), 0_u16..4).prop_map(|(n, source)| Step::Add(n, source)),
            n().prop_map(Step::Remove),
            (n(), any::<u32>(), 0_u16..4).prop_map(|(n, pass, alert)| Step::Mark(n, pass, alert)),
            (n(), 0_u16..4).prop_map(|(n, source)| Step::Source(n, source)),
            n().prop_map(Step::Activate),
            n().prop_map(Step::Quiet),
            (n(), n()).prop_map(|(from, to)| Step::AddAll(from, to)),
            (n(), n()).prop_map(|(from, to)| Step::RemoveAll(from, to)),
            Just(Step::Restart),
        ]
    }

    fn name(n: u16) -> String {
        // some so long that a page is full before its last line
        match n % 50 {
            0 => format!("{n}{}", "x".repeat(3000)),
            _ => format!("web-{n}"),
        }
    }

    fn remove(roster: &mut Roster, model: &mut Model, n: u16) {
        assert_eq!(roster.remove(&name(n)), model.remove(&name(n)).is_some());
    }

    fn add(roster: &mut Roster, model: &mut Model, n: u16, source: u16) {
        let id = roster.add(&name(n), source);
        assert_eq!(&*roster.legend(id), name(n));
        model.entry(name(n)).or_insert((source, 0, 0, false));
    }

    fn check(roster: &Roster, model: &Model) {
        let found: Model = roster
            .iter()
            .map(|(name, known)| {
                let Known {
                    source,
                    seen,
                    alert,
                    active,
                } = known;
                assert_eq!(active, roster.active(name));
                (name.to_owned(), (source, seen, alert, active.is_some()))
            })
            .collect();
        assert_eq!(&found, model);
        assert_eq!(roster.len(), model.len());
        for name in model.keys() {
            assert!(roster.find(name).is_some(), "{name}");
        }
        let active = model.values().filter(|known| known.3).count();
        assert_eq!(roster.actives().count(), active);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whatever comes and goes: the same is known as of a plain map, and the
        /// pages that count as changed make what is stored the same.
        #[test]
        fn roster_knows_what_a_plain_map_would(steps in prop::collection::vec(step(), 1..60)) {
            let (mut roster, mut model) = (Roster::default(), Model::new());
            let mut stored: BTreeMap<u32, Arc<Page>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Add(n, source) => add(&mut roster, &mut model, n, source),
                    Step::Remove(n) => remove(&mut roster, &mut model, n),
                    Step::Mark(n, pass, alert) => {
                        if let Some(id) = roster.find(&name(n)) {
                            roster.mark(id, pass, alert);
                            let known = model.get_mut(&name(n)).unwrap();
                            (known.1, known.2) = (pass, alert);
                        }
                    }
                    Step::Source(n, source) => {
                        if let Some(id) = roster.find(&name(n)) {
                            roster.set_source(id, source);
                            model.get_mut(&name(n)).unwrap().0 = source;
                        }
                    }
                    Step::Activate(n) => {
                        let legend = Arc::from(name(n));
                        if let Some(active) = roster.active_mut(&legend) {
                            active.lacking_since = Some(Timestamp::from_secs(i64::from(n)));
                            model.get_mut(&name(n)).unwrap().3 = true;
                        }
                    }
                    Step::Quiet(n) => {
                        let was = roster.quiet(&name(n)).is_some();
                        let known = model.get_mut(&name(n));
                        let is = known.is_some_and(|known| std::mem::take(&mut known.3));
                        prop_assert_eq!(was, is);
                    }
                    Step::AddAll(from, to) => {
                        for n in from..to {
                            add(&mut roster, &mut model, n, 0);
                        }
                    }
                    Step::RemoveAll(from, to) => {
                        for n in from..to {
                            remove(&mut roster, &mut model, n);
                        }
                    }
                    Step::Restart => {
                        let actives: Vec<_> = roster.actives().map(|(l, a)| (Arc::clone(l), Arc::clone(a))).collect();
                        roster = Roster::new(stored.clone());
                        for (legend, active) in actives {
                            roster.restore(legend, active);
                        }
                        for known in model.values_mut() {
                            (known.1, known.2) = (0, 0);
                        }
                        prop_assert!(roster.changed.is_empty());
                    }
                }
                for number in roster.take_changed() {
                    match roster.page(number) {
                        Some(page) => drop(stored.insert(number, page)),
                        None => drop(stored.remove(&number)),
                    }
                }
                let names: usize = stored.values().map(|page| page.len()).sum();
                prop_assert_eq!(names, model.len());
            }
            check(&roster, &model);
            for known in model.values_mut() {
                *known = (known.0, 0, 0, false);
            }
            check(&Roster::new(stored), &model);
        }
    }

    #[test]
    fn known_series_costs_less_than_24_bytes_beside_its_name() {
        let mut roster = Roster::default();
        let (mut names, count) = (0, 100_000);
        for n in 0..count {
            let name = format!("servers.rack-{:03}.host-{n:06}.loadavg.05", n % 100);
            names += name.len();
            roster.add(&name, 0);
        }
        let sheets = roster.sheets.iter().map(|sheet| {
            let Sheet {
                page, seen, alert, ..
            } = sheet;
            let lists = seen.capacity() * size_of::<u32>() + alert.capacity() * size_of::<u16>();
            size_of::<Sheet>() + lists + page.takes()
        });
        // a bucket of the index is an id and a byte; tables double, so at best
        // seven eighths of them are full, and 100,000 are three quarters
        let index = roster.index.capacity() * 8 / 7 * (size_of::<Id>() + 1);
        let beside = (sheets.sum::<usize>() + index).saturating_sub(names);
        assert!(
            beside < 24 * count,
            "{} bytes a series",
            beside as f64 / count as f64
        );
    }

    #[test]
    fn one_more_series_changes_one_page() {
        let mut roster = Roster::default();
        for n in 0..10_000 {
            roster.add(&format!("web-{n}"), 0);
        }
        assert_eq!(roster.take_changed().len(), 10_000_usize.div_ceil(LINES));
        roster.add("web-10000", 0);
        assert_eq!(roster.take_changed().len(), 1);
        roster.remove("web-5000");
        assert_eq!(roster.take_changed().len(), 1);
        let id = roster.find("web-6000").unwrap();
        roster.set_source(id, 0);
        roster.mark(id, 7, 1);
        roster.add("web-6000", 3);
        assert_eq!(roster.take_changed().len(), 0);
    }

    #[test]
    fn pages_that_are_no_pages_of_ours_are_written_anew() {
        let long = (0..1000).map(|n| (format!("web-{n}"), 1)).collect::<Page>();
        let twice = [("a", 0), ("b", 0), ("a", 2)].into_iter().collect::<Page>();
        for (number, page, count) in [(0, long, 1000), (0, twice.clone(), 2), (70_000, twice, 2)] {
            let pages = BTreeMap::from([(number, Arc::new(page))]);
            let mut roster = Roster::new(pages);
            assert_eq!(roster.len(), count);
            let changed = roster.take_changed();
            assert!(changed.contains(&number), "{changed:?}");
            let stored: usize = roster.pages().map(|n| roster.page(n).unwrap().len()).sum();
            assert_eq!(stored, count);
            assert!(roster.get("a").is_none_or(|known| known.source == 2));
        }
    }
}
