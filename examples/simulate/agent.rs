//! A day of one agent: the product's own world, desk, slots and pace, driven by
//! one queue of events. Clock, Graphite, receivers and disk are played.

use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use graphite_pager::agent::compose::{Shown, compose};
use graphite_pager::agent::desk::{Desk, Store, Turn, Unwritten, Written};
use graphite_pager::agent::slots::{Slots, Step, done_with, retry};
use graphite_pager::alert::delivery::Outcome;
use graphite_pager::alert::evaluate::Answer;
use graphite_pager::alert::incident::{BUILT_IN, Incident, Subject};
use graphite_pager::alert::rate::Line;
use graphite_pager::alert::receiver::Policy;
use graphite_pager::alert::world::{Report, World};
use graphite_pager::alert::{Group, Level, Timestamp};
use url::Url;

use super::audience::Audience;
use super::chance::Chance;
use super::count::Counts;
use super::disk::Disk;
use super::graphite::{Graphite, When};
use super::mirror::Mirror;
use super::model;
use super::scenario::{
    DiskFault, Edit, GraphiteFault, HOUR, MINUTE, Point, ReceiverFault, SECOND, Scenario, What,
};
use super::setups::{self, Configured, RECEIVERS};
use super::told::{self, Addresses, Scene, Sending, Told};

/// Why a seed fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: &'static str,
    pub what: String,
    /// Milliseconds since the start.
    pub at: i64,
}

/// How long a send may take (the receivers' own deadlines are of this order).
const DEADLINE: i64 = 30 * SECOND;

/// How long a fetch may take.
const TIMEOUT: i64 = 30 * SECOND;

/// No more than this is ever held, however long the trouble: what is owed is the newest
/// state of each incident, not a queue, and only incidents that are over and owed to
/// somebody add up: a series that flaps at each slot while a receiver is down for hours
/// leaves one each time. The world's own part is what [`super::scenario`] has.
const OWED: usize = 2000;

/// Deliveries of one incident: five receivers, one of them with three addresses, and
/// as many that moved or are called otherwise and are told its end.
const DELIVERIES: usize = 14;

/// Of these, those of one receiver.
const RECIPIENTS: usize = 3;

/// Series that are known of all groups: 30 metrics, and those of a group under its other
/// name.
const KNOWN: usize = 40;

/// The longest sleep of a group's task.
const NAP: i64 = 5 * SECOND;

enum Event {
    Start,
    Tick(u64),
    /// A group's task wakes: the group, and which wake-up this is.
    Due(u64, Arc<str>, u64),
    Fetched(u64, Box<Fetched>),
    /// A receiver's worker wakes.
    Asks(u64, Arc<str>, u64),
    /// A request is whole at its receiver.
    Arrives(Rc<Attempt>),
    /// Its answer, or its deadline, is read.
    Answered(Rc<Attempt>),
    CommitEnds(u64),
    /// Which process, since when it is to, and whether SIGHUP said so.
    Reload(u64, i64, bool),
    Well,
}

/// An event, when it happens, and its number: of those of one instant the first goes first.
struct Coming(i64, u64, Event);

impl Coming {
    fn place(&self) -> Reverse<(i64, u64)> {
        Reverse((self.0, self.1))
    }
}

impl Ord for Coming {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Coming {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Coming {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Coming {}

struct Fetched {
    group: Arc<Group>,
    slot: Timestamp,
    attempt: u32,
    report: Report,
    answers: Rc<Vec<model::Answer>>,
}

struct Attempt {
    life: u64,
    name: Arc<str>,
    sending: Sending,
    /// Who takes it.
    taken_by: Vec<Arc<str>>,
    outcomes: Vec<Outcome>,
    answer_at: i64,
    begun: i64,
}

/// A group's task.
struct Poll {
    group: Arc<Group>,
    slots: Slots,
    wake: u64,
    busy: bool,
    again: Option<(Timestamp, u32)>,
}

/// A receiver's worker.
struct Teller {
    policy: Policy,
    address: Arc<str>,
    wake: u64,
    busy: bool,
}

/// A batch that nothing waits for.
struct Pending {
    written: Written,
    ends: i64,
    slow: bool,
}

struct Process {
    desk: Desk,
    polls: BTreeMap<Arc<str>, Poll>,
    tellers: BTreeMap<Arc<str>, Teller>,
    lines: BTreeMap<Arc<str>, Line>,
    /// The keeper does nothing before this.
    free_at: i64,
    pending: Option<Pending>,
}

pub struct Day<'s> {
    scenario: &'s Scenario,
    now: i64,
    offset: i64,
    events: BinaryHeap<Coming>,
    /// How much of what the scenario has in store has happened: it is in order.
    happened: usize,
    number: u64,
    life: u64,
    process: Option<Process>,
    configured: Rc<Configured>,
    edit: Edit,
    graphite: Graphite,
    disk: Disk,
    mirror: Mirror,
    told: Told,
    graphite_faults: Vec<(GraphiteFault, Option<usize>, i64, i64)>,
    receiver_faults: Vec<(usize, ReceiverFault, i64, i64)>,
    disk_faults: Vec<(DiskFault, i64)>,
    armed: Option<(Point, i64)>,
    paused_until: i64,
    /// The last batch was not written, or not in time.
    store_fails: bool,
    /// The newest slot that the store has of each group, and whether it failed.
    written_slots: BTreeMap<Arc<str>, (Timestamp, bool)>,
    /// The slots that a start has to ask for again.
    failed_slots: BTreeMap<Arc<str>, Timestamp>,
    /// When was last looked whether everybody knows.
    looked: i64,
    failure: Option<Failure>,
    /// On this day the clock is set at some time.
    clock_is_set: bool,
    /// Where the model's incidents were when they were last compared with the agent's.
    places: Vec<usize>,
    pub trace: Option<Vec<String>>,
    pub counts: Counts,
    /// A batch under way: the mirror's place, and the whole mirror where it is everything.
    under_way: Option<(
        graphite_pager::alert::world::Batch,
        usize,
        Option<Box<model::Model>>,
    )>,
    shown: Shown,
    configurations: BTreeMap<Edit, Rc<Configured>>,
    /// Where receivers were that left or moved and are still told ends there.
    retired: Addresses,
}

impl<'s> Day<'s> {
    pub fn new(scenario: &'s Scenario, traced: bool) -> Self {
        let configured = Rc::new(setups::configured(scenario.seed, Edit::Back));
        let mirror = Mirror::new(&configured.model, scenario.start);
        let mut happenings = scenario.happenings.iter();
        let mut day = Self {
            scenario,
            now: 0,
            offset: 0,
            events: BinaryHeap::new(),
            happened: 0,
            number: 0,
            life: 0,
            process: None,
            configured: Rc::clone(&configured),
            edit: Edit::Back,
            graphite: Graphite::new(scenario),
            disk: Disk::default(),
            mirror,
            told: Told::default(),
            graphite_faults: Vec::new(),
            receiver_faults: Vec::new(),
            disk_faults: Vec::new(),
            armed: None,
            paused_until: 0,
            store_fails: false,
            written_slots: BTreeMap::new(),
            failed_slots: BTreeMap::new(),
            looked: 0,
            failure: None,
            clock_is_set: happenings.any(|happening| matches!(happening.what, What::Clock(_))),
            places: Vec::new(),
            trace: traced.then(Vec::new),
            counts: Counts::default(),
            under_way: None,
            shown: Shown {
                base: Url::parse("http://graphite.example").expect("a URL"),
                first_steps: BTreeMap::new(),
            },
            configurations: BTreeMap::from([(Edit::Back, configured)]),
            retired: BTreeMap::new(),
        };
        day.push(0, Event::Start);
        day.push(scenario.trouble, Event::Well);
        day
    }

    /// Plays it to its end.
    pub fn play(&mut self) -> Option<Failure> {
        let quiet = self.scenario.trouble + 75 * MINUTE;
        let end = quiet + 100 * MINUTE;
        self.play_until(quiet);
        self.settled("after trouble");
        self.graphite.all_well(quiet);
        self.say(|| "--- every series is well".to_owned());
        self.play_until(end);
        self.settled("after everything is well");
        self.finish_telling(end);
        self.bounds();
        self.failure.take()
    }

    /// What ended just before the end is told and written in the seconds after it.
    fn finish_telling(&mut self, mut end: i64) {
        let latest = end + 10 * MINUTE;
        while end < latest && self.is_telling() {
            end += SECOND;
            self.play_until(end);
        }
    }

    fn is_telling(&self) -> bool {
        let Some(process) = self.process.as_ref().filter(|_| self.failure.is_none()) else {
            return false;
        };
        let just = self.wall().minus(Duration::from_secs(60));
        let mut ends = process.desk.world.incidents().filter_map(|i| i.ended);
        process.pending.is_some() || ends.any(|ended| ended > just)
    }

    fn play_until(&mut self, end: i64) {
        while self.failure.is_none() {
            let Some(next) = self.events.peek_mut() else {
                return;
            };
            let at = next.0;
            let happening = self.scenario.happenings.get(self.happened);
            let trouble = self.scenario.trouble;
            // what happens to the agent goes before what it does at that instant
            let first = happening.filter(|first| first.at <= at.min(end) && first.at < trouble);
            if let Some(first) = first {
                drop(next);
                self.now = first.at;
                self.happened += 1;
                self.happening(self.happened - 1);
                continue;
            }
            if at > end {
                break;
            }
            let Coming(_, _, event) = PeekMut::pop(next);
            self.now = at;
            self.happen(event);
        }
        self.now = end;
    }

    fn push(&mut self, at: i64, event: Event) {
        self.number += 1;
        self.events.push(Coming(at, self.number, event));
    }

    fn wall(&self) -> Timestamp {
        self.wall_at(self.now)
    }

    fn wall_at(&self, at: i64) -> Timestamp {
        Timestamp::from_millis(self.scenario.start + at + self.offset)
    }

    fn fail(&mut self, kind: &'static str, what: String) {
        self.say(|| format!("FAILED {kind}: {what}"));
        let at = self.now;
        self.failure.get_or_insert(Failure { kind, what, at });
    }

    fn verdict(&mut self, verdict: Result<(), (&'static str, String)>) {
        if let Err((kind, what)) = verdict {
            self.fail(kind, what);
        }
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let seconds = self.now / SECOND;
            let line = format!(
                "{:02}:{:02}:{:02}.{:03}  {}",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60,
                self.now % SECOND,
                what()
            );
            trace.push(line);
        }
    }

    /// A small chance of the play: the same for the same occasion.
    fn dice(&self, occasion: &str, number: i64) -> Chance {
        let hash = occasion
            .bytes()
            .fold(self.scenario.seed ^ number.unsigned_abs(), |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            });
        Chance::new(hash, 40)
    }

    fn happen(&mut self, event: Event) {
        // a stopped process does nothing until it goes on
        let of = match &event {
            Event::Tick(life)
            | Event::Due(life, ..)
            | Event::Fetched(life, _)
            | Event::Asks(life, ..)
            | Event::CommitEnds(life)
            | Event::Reload(life, ..) => Some(*life),
            Event::Answered(attempt) => Some(attempt.life),
            _ => None,
        };
        if let Some(life) = of {
            if life != self.life || self.process.is_none() {
                return;
            }
            let keeper = matches!(
                event,
                Event::Tick(_)
                    | Event::Fetched(..)
                    | Event::Asks(..)
                    | Event::Answered(_)
                    | Event::Reload(..)
            );
            let free = self.process.as_ref().map_or(0, |process| process.free_at);
            let wait = if keeper {
                self.paused_until.max(free)
            } else {
                self.paused_until
            };
            if wait > self.now {
                return self.push(wait, event);
            }
            if keeper {
                self.notice_sleep();
            }
        }
        match event {
            Event::Start => self.start(),
            Event::Tick(_) => self.tick(),
            Event::Due(_, name, wake) => self.due(&name, wake),
            Event::Fetched(_, fetched) => self.fetched(*fetched),
            Event::Asks(_, name, wake) => self.asks(&name, wake),
            Event::Arrives(attempt) => self.arrives(&attempt),
            Event::Answered(attempt) => self.answered(&attempt),
            Event::CommitEnds(_) => self.commit_ends(),
            Event::Reload(_, since, at_once) => self.reload(since, at_once),
            Event::Well => self.well(),
        }
    }

    // --- what happens to it ---------------------------------------------------------------

    fn happening(&mut self, index: usize) {
        let what = self.scenario.happenings[index].what.clone();
        self.say(|| format!("    ({what:?})"));
        match what {
            What::Shows(..) => {}
            What::Graphite(fault, group, lasts) => {
                self.graphite_faults
                    .push((fault, group, self.now, self.now + lasts));
            }
            What::Receiver(index, fault, lasts) => {
                self.receiver_faults
                    .push((index, fault, self.now, self.now + lasts));
            }
            What::Disk(DiskFault::Gone, _) => {
                self.counts.add("disk: gone");
                self.disk.delete();
                self.written_slots.clear();
                let now = self.wall().as_millis();
                self.mirror.blank(&self.configured.model, now);
                if self.process.is_none() {
                    self.told.confuse_all();
                    let place = self.mirror.place();
                    self.mirror.fall_back(place);
                }
            }
            What::Disk(fault, lasts) => self.disk_faults.push((fault, self.now + lasts)),
            What::Kill(Point::Waiting, down) => self.kill("kill: waiting", down, false),
            What::Kill(point, down) => self.armed = Some((point, down)),
            What::PowerLoss(down) => self.kill("power loss", down, true),
            What::Pause(lasts) => {
                if self.process.is_some() {
                    self.counts.add("pause");
                    self.paused_until = self.paused_until.max(self.now + lasts);
                    self.excuse_all(self.paused_until);
                }
            }
            What::Clock(by) => {
                self.counts.add(if by < 0 {
                    "clock: back"
                } else {
                    "clock: forward"
                });
                self.offset += by;
                self.told.tried_since(self.now);
                if by < 0 {
                    self.told.clock_set_back(self.now);
                }
                self.excuse_all(self.now + HOUR);
                self.rouse();
            }
            What::Reload(edit, at_once) => {
                self.edit = edit;
                if self.process.is_some() {
                    self.push(self.now, Event::Reload(self.life, self.now, at_once));
                }
            }
        }
    }

    fn excuse_all(&mut self, until: i64) {
        for address in self.configured.addresses.values() {
            self.told.excuse(address, until);
        }
    }

    /// Every group's task notices within its nap that the time is another.
    fn rouse(&mut self) {
        let Some(process) = &mut self.process else {
            return;
        };
        let life = self.life;
        let mut wakes = Vec::new();
        for (name, poll) in &mut process.polls {
            if !poll.busy && poll.again.is_none() {
                poll.wake += 1;
                wakes.push((Arc::clone(name), poll.wake));
            }
        }
        for (name, wake) in wakes {
            self.push(self.now + NAP, Event::Due(life, name, wake));
        }
        self.wake_tellers();
    }

    /// The end of all trouble.
    fn well(&mut self) {
        self.graphite_faults.clear();
        self.receiver_faults.clear();
        self.disk_faults.clear();
        self.armed = None;
        self.paused_until = self.paused_until.min(self.now);
        self.edit = Edit::Back;
        self.say(|| "--- all trouble is over".to_owned());
        if self.process.is_some() {
            self.push(self.now, Event::Reload(self.life, self.now, false));
        } else {
            self.push(self.now, Event::Start);
        }
    }

    /// Dies here, if that is where it was to die.
    fn point(&mut self, point: Point, name: &'static str) -> bool {
        match self.armed {
            Some((armed, down)) if armed == point => {
                self.armed = None;
                self.kill(name, down, false);
                true
            }
            _ => false,
        }
    }

    fn kill(&mut self, how: &'static str, down: i64, power: bool) {
        let Some(process) = self.process.take() else {
            return;
        };
        // ends at old addresses are told while the process lives
        for (name, address) in std::mem::take(&mut self.retired) {
            if process.tellers.contains_key(&name) {
                self.told.confuse(&address);
            }
        }
        self.counts.add(how);
        self.say(|| format!("*** {how}, for {} s", down / SECOND));
        self.life += 1;
        self.paused_until = 0;
        self.under_way = None;
        self.failed_slots.clear();
        if power {
            self.written_slots.clear();
        }
        let gone = self.disk.gone;
        let place = if power {
            let unsynced = self.disk.unsynced();
            let keep = self.dice("power", self.now).below(unsynced as u64 + 1) as usize;
            if keep < unsynced {
                self.counts.add("power loss: of what was not synced");
            }
            self.disk.power_lost(keep)
        } else {
            self.disk.killed()
        };
        if gone {
            self.told.confuse_all();
            let now = self.wall().as_millis();
            self.mirror.blank(&self.configured.model, now);
            let place = self.mirror.place();
            self.mirror.fall_back(place);
        } else {
            self.mirror.fall_back(place);
        }
        let saved = self.disk.load();
        let verdict = self.told.crashed(|id| saved.incidents.contains_key(&id));
        self.verdict(verdict);
        self.push(self.now + down, Event::Start);
    }

    // --- start, reload ------------------------------------------------------------------

    fn configuration(&mut self) -> Rc<Configured> {
        let (seed, edit) = (self.scenario.seed, self.edit);
        let made = self
            .configurations
            .entry(edit)
            .or_insert_with(|| Rc::new(setups::configured(seed, edit)));
        Rc::clone(made)
    }

    fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        self.counts.add("start");
        self.store_fails = false;
        self.told.tried_since(self.now);
        let new = self.configuration();
        // where a receiver is, is not stored: what was told elsewhere is not known
        for (name, address) in &self.configured.addresses {
            if new.addresses.get(name) != Some(address) {
                self.told.confuse(address);
                if let Some(other) = new.addresses.get(name) {
                    self.told.confuse(other);
                }
            }
        }
        for (name, address) in &new.addresses {
            if self.configured.addresses.get(name) != Some(address) {
                self.told.confuse(address);
            }
        }
        self.configured = new;
        self.told
            .heed(&self.configured.setup.receivers, &self.configured.addresses);
        let now = self.wall();
        let saved = self.disk.load();
        let slots: BTreeMap<Arc<str>, Option<Timestamp>> = saved
            .heads
            .iter()
            .map(|(name, head)| (Arc::clone(name), done_with(head)))
            .collect();
        let mut world = World::new(self.configured.setup.clone(), saved, now);
        world.tick(now);
        self.mirror
            .restarted(&self.configured.model, now.as_millis());
        let mut process = Process {
            desk: Desk::new(world),
            polls: BTreeMap::new(),
            tellers: BTreeMap::new(),
            lines: BTreeMap::new(),
            free_at: self.now,
            pending: None,
        };
        for group in &self.configured.setup.groups {
            let last = slots.get(&group.name).copied().flatten();
            let (begin, _) = Slots::start(&group.schedule, last, now);
            process
                .polls
                .insert(Arc::clone(&group.name), poll(group, begin));
        }
        self.process = Some(process);
        self.life += 1;
        self.say(|| "*** the agent starts".to_owned());
        if self.now == 0 {
            for group in &Rc::clone(&self.configured).model.groups {
                self.say(|| format!("{group:?}"));
            }
        }
        self.excuse_all(self.now);
        for policy in self.configured.setup.receivers.clone() {
            let address = self
                .configured
                .addresses
                .get(&policy.name)
                .cloned()
                .unwrap_or_default();
            self.employ(policy, address);
        }
        let names: Vec<Arc<str>> = self
            .configured
            .setup
            .groups
            .iter()
            .map(|g| Arc::clone(&g.name))
            .collect();
        for name in names {
            self.push(self.now, Event::Due(self.life, name, 0));
        }
        self.push(self.now, Event::Tick(self.life));
        self.expect_failed_slots(now);
        self.compare("start");
    }

    /// A slot that failed before the start is asked for again while it is fresh.
    fn expect_failed_slots(&mut self, now: Timestamp) {
        for group in &self.configured.setup.groups {
            let newest = group.schedule.latest_at(now);
            let failed = self.written_slots.get(&group.name);
            let failed = failed.filter(|(slot, failed)| *failed && Some(*slot) == newest);
            let Some((slot, _)) = failed else { continue };
            let fresh = group.schedule.period_before(*slot) / 10;
            if now.since(*slot) < fresh.max(Duration::from_secs(60)) {
                self.failed_slots.insert(Arc::clone(&group.name), *slot);
            }
        }
    }

    fn employ(&mut self, policy: Policy, address: Arc<str>) {
        let Some(process) = &mut self.process else {
            return;
        };
        let name = Arc::clone(&policy.name);
        process
            .lines
            .entry(address.clone())
            .or_insert_with(|| Line::new(policy.keyed));
        let teller = Teller {
            policy,
            address,
            wake: 0,
            busy: false,
        };
        process.tellers.insert(Arc::clone(&name), teller);
        self.push(self.now, Event::Asks(self.life, name, 0));
    }

    fn reload(&mut self, since: i64, at_once: bool) {
        let new = self.configuration();
        let old = Rc::clone(&self.configured);
        let (moved, renamed) = setups::changes(&old, &new);
        let changed: BTreeSet<Arc<str>> = old
            .addresses
            .iter()
            .filter(|(name, address)| new.addresses.get(*name) != Some(address))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        let Some(process) = &mut self.process else {
            return;
        };
        self.retired
            .retain(|name, _| process.tellers.contains_key(name));
        let came_back: Vec<(Arc<str>, Arc<str>)> = self
            .retired
            .iter()
            .filter_map(|(retired, address)| {
                let arrives = |(name, there): &(&Arc<str>, &Arc<str>)| {
                    *there == address && old.addresses.get(*name) != Some(there)
                };
                let (name, _) = new.addresses.iter().find(arrives)?;
                Some((Arc::clone(retired), Arc::clone(name)))
            })
            .collect();
        // what is being sent to an address that changes is finished first
        let mut ending = changed.iter().chain(came_back.iter().map(|(name, _)| name));
        let busy = ending.any(|name| process.tellers.get(name).is_some_and(|teller| teller.busy));
        if busy && self.now < since + 8 * SECOND {
            return self.push(self.now + SECOND, Event::Reload(self.life, since, at_once));
        }
        for name in changed.iter().chain(came_back.iter().map(|(name, _)| name)) {
            process.tellers.remove(name);
        }
        let now = self.wall();
        self.counts.add(match at_once {
            true => "reload: by SIGHUP",
            false => "reload: files changed",
        });
        self.counts.add(match self.edit {
            Edit::Back => "reload: back",
            Edit::Thresholds => "reload: thresholds",
            Edit::Removed => "reload: a group leaves",
            Edit::Renamed => "reload: a group is renamed",
            Edit::Levels => "reload: levels",
            Edit::Left => "reload: a receiver leaves",
            Edit::Moved => "reload: a receiver moves",
            Edit::Called => "reload: a receiver is renamed",
            Edit::Targets => "reload: targets",
        });
        let edit = self.edit;
        self.say(|| {
            format!(
                "*** reload: {edit:?}{}",
                if at_once { ", at once" } else { "" }
            )
        });
        self.configured = Rc::clone(&new);
        self.failed_slots.clear();
        let Some(process) = &mut self.process else {
            return;
        };
        for (old, new) in &renamed {
            process.desk.world.rename(old, new);
        }
        let retired = process
            .desk
            .world
            .reload(new.setup.clone(), &moved, at_once, now);
        for (retired, name) in &came_back {
            process.desk.world.came_back(retired, name);
        }
        self.mirror.reload(&new.model, at_once, now.as_millis());
        self.mirror.time(now.as_millis());
        for (name, retired) in retired {
            let policy = old.setup.policy(&name).cloned();
            if let (Some(policy), Some(address)) = (policy, old.addresses.get(&name)) {
                self.retired.insert(Arc::clone(&retired), address.clone());
                let policy = Policy {
                    name: retired,
                    ..policy
                };
                self.employ(policy, address.clone());
            }
        }
        self.assign(&new);
        self.told.heed(&new.setup.receivers, &new.addresses);
        self.excuse_all(self.now);
        self.after(false);
        self.compare("reload");
    }

    fn assign(&mut self, new: &Configured) {
        let now = self.wall();
        let life = self.life;
        let mut wakes = Vec::new();
        let Some(process) = &mut self.process else {
            return;
        };
        process
            .polls
            .retain(|name, _| new.setup.groups.iter().any(|group| group.name == *name));
        for group in &new.setup.groups {
            match process.polls.get_mut(&group.name) {
                Some(poll) => {
                    if poll.group.schedule != group.schedule {
                        poll.slots.go_on_from(now);
                    }
                    poll.group = Arc::clone(group);
                }
                None => {
                    let (begin, _) = Slots::start(&group.schedule, None, now);
                    process
                        .polls
                        .insert(Arc::clone(&group.name), poll(group, begin));
                    wakes.push(Arc::clone(&group.name));
                }
            }
        }
        for policy in &new.setup.receivers {
            if let Some(teller) = process.tellers.get_mut(&policy.name) {
                teller.policy = policy.clone();
            }
        }
        let missing: Vec<Policy> = new
            .setup
            .receivers
            .iter()
            .filter(|policy| !process.tellers.contains_key(&policy.name))
            .cloned()
            .collect();
        for name in wakes {
            self.push(self.now, Event::Due(life, name, 0));
        }
        for policy in missing {
            let address = new.addresses.get(&policy.name).cloned().unwrap_or_default();
            self.employ(policy, address);
        }
    }

    // --- fetching and judging -----------------------------------------------------------

    fn due(&mut self, name: &Arc<str>, wake: u64) {
        let now = self.wall();
        let life = self.life;
        let Some(poll) = self
            .process
            .as_mut()
            .and_then(|process| process.polls.get_mut(name))
        else {
            return;
        };
        if poll.wake != wake || poll.busy {
            return;
        }
        let (slot, attempt) = match poll.again.take() {
            Some(again) => again,
            None => match poll.slots.next(&poll.group.schedule, now) {
                Step::Due { slot, missed } => {
                    if missed > 0 {
                        self.counts.add("slots missed");
                    }
                    (slot, 0)
                }
                Step::Wait(wait) => {
                    poll.wake += 1;
                    let wake = poll.wake;
                    let wait =
                        wait.map_or(HOUR, |wait| i64::try_from(wait.as_millis()).unwrap_or(HOUR));
                    let event = Event::Due(life, Arc::clone(name), wake);
                    return self.push(self.now + wait.max(1), event);
                }
                Step::SetBack => {
                    let event = Event::Due(life, Arc::clone(name), wake);
                    return self.push(self.now, event);
                }
            },
        };
        let Some(poll) = self
            .process
            .as_mut()
            .and_then(|process| process.polls.get_mut(name))
        else {
            return;
        };
        poll.busy = true;
        let group = Arc::clone(&poll.group);
        self.fetch(&group, slot, attempt);
    }

    fn graphite_fault(&self, group: usize) -> Option<(GraphiteFault, i64)> {
        let found = self
            .graphite_faults
            .iter()
            .find(|(_, of, _, until)| of.is_none_or(|of| of == group) && self.now < *until);
        found.map(|(fault, _, since, _)| (*fault, *since))
    }

    fn fetch(&mut self, group: &Arc<Group>, slot: Timestamp, attempt: u32) {
        let failed = self.failed_slots.remove(&group.name);
        if let Some(failed) = failed.filter(|failed| *failed != slot) {
            let what = format!("{} for {failed}, but for {slot}", group.name);
            self.fail("a failed slot is not asked for again", what);
        }
        let index = match &*group.name {
            "Store" => 1,
            "Queue" => 2,
            "Nightly" => 3,
            _ => 0,
        };
        let fault = self.graphite_fault(index);
        let mut dice = self.dice(&group.name, slot.as_millis() + i64::from(attempt));
        let quick = dice.between(5, 300);
        let (takes, fails) = match fault.map(|(fault, _)| fault) {
            Some(GraphiteFault::Refuses) => (2, true),
            Some(GraphiteFault::CutOff) => (quick, true),
            Some(GraphiteFault::Hangs) => (TIMEOUT, true),
            Some(GraphiteFault::Slow) => (dice.between(2 * SECOND, 29 * SECOND), false),
            _ => (quick, false),
        };
        if let Some((fault, _)) = fault {
            self.counts.add(match fault {
                GraphiteFault::Refuses => "graphite: refuses",
                GraphiteFault::Hangs => "graphite: hangs",
                GraphiteFault::Slow => "graphite: slow",
                GraphiteFault::CutOff => "graphite: cut off",
                GraphiteFault::Empty => "graphite: empty",
                GraphiteFault::Partial => "graphite: partial",
                GraphiteFault::Stale => "graphite: stale",
                GraphiteFault::BackInTime => "graphite: back in time",
                GraphiteFault::OneTarget => "graphite: one target fails",
            });
        }
        let known = match &self.process {
            Some(process) => process.desk.world.known(&group.name),
            None => Arc::default(),
        };
        let last = group.alerts.len() - 1;
        let when = When {
            slot,
            now: self.now,
            shift: self.offset + self.scenario.start,
        };
        let mut report = Report::default();
        let mut answers = Vec::with_capacity(group.alerts.len());
        for (number, alert) in group.alerts.iter().enumerate() {
            let one = matches!(fault, Some((GraphiteFault::OneTarget, _)))
                && (number == last) == (fault.is_some_and(|(_, since)| since % 2 == 0));
            // as the agent does: of what is known and quiet nothing is kept
            let mut kept = Answer::knowing(alert, &known);
            let naive = (!fails && !one).then(|| {
                let of = (index, number);
                let counts = &mut self.counts;
                self.graphite.ask(of, alert, when, fault, &mut kept, counts)
            });
            let product = naive.is_some().then_some(kept);
            report.answers.push(product);
            answers.push(naive);
        }
        if report.answers.iter().any(Option::is_none) {
            report.failure = Some("refused".to_owned());
        }
        let fetched = Fetched {
            group: Arc::clone(group),
            slot,
            attempt,
            report,
            answers: Rc::new(answers),
        };
        self.push(
            self.now + takes,
            Event::Fetched(self.life, Box::new(fetched)),
        );
    }

    fn fetched(&mut self, fetched: Fetched) {
        let Fetched {
            group,
            slot,
            attempt,
            report,
            answers,
        } = fetched;
        if self.point(Point::Fetched, "kill: fetched") {
            return;
        }
        let now = self.wall();
        let failed = report.failure.is_some();
        let words = self.trace.is_some().then(|| words(&report));
        let Some(process) = &mut self.process else {
            return;
        };
        let asked = process.desk.world.asks(&group);
        process.desk.world.evaluated(&group, report, slot, now);
        if asked {
            self.mirror
                .evaluated(&group.name, slot.as_millis(), answers, now.as_millis());
        }
        if asked {
            self.silenced(&group, slot);
        }
        let words = words.unwrap_or_default();
        self.say(|| format!("evaluated {} for {slot}{words}", group.name));
        self.compare("evaluated");
        if self.point(Point::Judged, "kill: judged") {
            return;
        }
        self.after(false);
        self.slot_written(&group.name, slot, failed && asked);
        if self.point(Point::Written, "kill: written") {
            return;
        }
        let (life, at) = (self.life, self.now);
        let Some(poll) = self
            .process
            .as_mut()
            .and_then(|process| process.polls.get_mut(&group.name))
        else {
            return;
        };
        poll.busy = false;
        poll.wake += 1;
        let wake = poll.wake;
        let wait = if !asked {
            // what is asked now has not been asked for this slot
            poll.again = Some((slot, attempt + 1));
            Some(0)
        } else {
            let again = retry(&poll.group.schedule, slot, attempt, now);
            again.filter(|_| failed).map(|wait| {
                poll.again = Some((slot, attempt + 1));
                i64::try_from(wait.as_millis()).unwrap_or(0)
            })
        };
        if poll.again.is_some() {
            self.counts.add("slot tried again");
        }
        self.push(
            at + wait.unwrap_or(0),
            Event::Due(life, Arc::clone(&group.name), wake),
        );
    }

    /// Who would have been told of what this evaluation found to be silent with others.
    fn silenced(&mut self, group: &Group, slot: Timestamp) {
        let Some((since, silent)) = self.mirror.live().silent(&group.name) else {
            return self.told.silenced(None);
        };
        let hours = group.active.as_ref();
        if hours.is_some_and(|hours| !hours.covers(slot)) {
            return;
        }
        let audience = &self.configured.audience;
        let hearing = |(series, of)| audience.hearing(&group.name, series, level(of));
        let receivers = silent.flat_map(hearing).collect();
        self.told.silenced(Some((since, receivers)));
    }

    fn slot_written(&mut self, group: &Arc<str>, slot: Timestamp, failed: bool) {
        let process = self.process.as_ref();
        let works =
            process.is_some_and(|process| !process.desk.is_broken() && process.pending.is_none());
        if works && !self.disk.gone {
            self.written_slots.insert(Arc::clone(group), (slot, failed));
        } else {
            self.written_slots.remove(group);
        }
    }

    /// As the keeper does before everything else.
    fn notice_sleep(&mut self) {
        let now = self.wall();
        let Some(process) = &mut self.process else {
            return;
        };
        if process.desk.notice_sleep(now).is_some() {
            self.counts.add("sleep noticed");
            self.told.tried_since(self.now);
            self.mirror.slept(now.as_millis());
        }
    }

    fn tick(&mut self) {
        self.push(self.now + self.scenario.tick, Event::Tick(self.life));
        self.look_at_pending();
        let now = self.wall();
        let Some(process) = &mut self.process else {
            return;
        };
        process.desk.world.tick(now);
        let changed = process.desk.world.is_dirty();
        self.mirror.time(now.as_millis());
        self.after(changed);
        let due = self.now >= self.looked + MINUTE;
        // where nothing is to be written nothing has changed: that is looked at now and then
        if changed || due {
            self.compare("tick");
        }
        if due {
            self.looked = self.now;
            self.look();
        }
    }

    fn look(&mut self) {
        self.excuses();
        let wall = self.wall();
        let Some(process) = &self.process else { return };
        let scene = scene(&process.desk.world, &self.configured, self.now, wall);
        let verdict = self.told.look(&scene, &mut self.counts);
        let verdict = verdict.and_then(|()| is_bounded(scene.world, &self.disk));
        self.verdict(verdict);
    }

    fn excuses(&mut self) {
        for address in self.configured.addresses.values() {
            if self.receiver_fault(address).is_some() {
                self.told.excuse(address, self.now);
            }
        }
    }

    // --- writing ------------------------------------------------------------------------

    fn disk_fault(&self) -> Option<DiskFault> {
        let found = self.disk_faults.iter().find(|(_, until)| self.now < *until);
        found.map(|(fault, _)| *fault)
    }

    /// Writes what changed; how long everything waits for it.
    fn commit(&mut self) -> i64 {
        let fault = self.disk_fault();
        let Some(process) = &mut self.process else {
            return 0;
        };
        let Some(write) = process.desk.write() else {
            return 0;
        };
        self.told.batched();
        let place = self.mirror.place();
        let whole = write
            .batch
            .whole
            .then(|| Box::new(self.mirror.live().clone()));
        let gone = self.disk.gone && !write.batch.whole;
        let written = match (fault, gone) {
            (Some(DiskFault::Full), _) => Err(Unwritten {
                why: "full".to_owned(),
                gone: false,
            }),
            (_, true) => Err(Unwritten {
                why: "gone".to_owned(),
                gone: true,
            }),
            _ => Ok(()),
        };
        if fault == Some(DiskFault::Full) {
            self.counts.add("disk: full");
        }
        let slow = fault == Some(DiskFault::Slow);
        let ends = if slow {
            self.now + 10 * SECOND
        } else {
            self.now
        };
        self.under_way = Some((write.batch, place, whole));
        if !slow {
            self.land(written.is_ok());
        } else {
            self.counts.add("disk: slow");
            self.push(ends, Event::CommitEnds(self.life));
        }
        let now = self.wall();
        let Some(process) = &mut self.process else {
            return 0;
        };
        if !write.wait {
            process.pending = Some(Pending {
                written,
                ends,
                slow,
            });
            return 0;
        }
        if slow {
            process.pending = Some(Pending {
                written,
                ends,
                slow,
            });
            process.free_at = self.now + 5 * SECOND;
            self.store_fails = true;
            let late = now.plus(Duration::from_secs(5));
            let store = process.desk.late("slow", late);
            self.store(store);
            return 5 * SECOND;
        }
        let written_now = written.is_ok();
        self.store_fails = !written_now;
        let store = process.desk.written(written, now);
        if written_now {
            self.told.all_written();
        }
        self.store(store);
        0
    }

    fn store(&mut self, store: Store) {
        match store {
            Store::Broke => self.counts.add("store broke"),
            Store::Mended => self.counts.add("store mended"),
            Store::Same => {}
        }
    }

    /// The batch under way reaches the disk, or does not.
    fn land(&mut self, written: bool) {
        let Some((batch, place, whole)) = self.under_way.take() else {
            return;
        };
        if !written || (self.disk.gone && whole.is_none()) {
            return;
        }
        let synced = self.disk.write(batch, place);
        if let Some(live) = whole {
            self.mirror.keep_all(*live, place);
        } else if synced {
            self.mirror.keep(place);
        }
    }

    fn commit_ends(&mut self) {
        let process = self.process.as_ref();
        let pending = process.and_then(|process| process.pending.as_ref());
        if pending.is_some_and(|pending| pending.ends > self.now) {
            return; // another one's
        }
        self.land(true);
    }

    fn look_at_pending(&mut self) {
        let now = self.wall();
        let Some(process) = &mut self.process else {
            return;
        };
        let Some(pending) = process.pending.take_if(|pending| pending.ends <= self.now) else {
            let late = |pending: &Pending| pending.slow && pending.ends - self.now < 5 * SECOND;
            if process.pending.as_ref().is_some_and(late) {
                self.store_fails = true;
                let store = process.desk.late("slow", now);
                self.store(store);
            }
            return;
        };
        self.land(pending.written.is_ok());
        let Some(process) = &mut self.process else {
            return;
        };
        let written = pending.written.is_ok();
        self.store_fails = !written || pending.slow;
        if pending.slow {
            process.desk.late("slow", now);
        }
        let store = process.desk.written(pending.written, now);
        self.told.batch_ended(written);
        self.store(store);
    }

    /// As the keeper does after everything that happens: workers are woken where
    /// something is `due`, or is news to somebody.
    fn after(&mut self, due: bool) {
        let waited = self.commit();
        let ended = self
            .process
            .as_ref()
            .is_some_and(|process| process.pending.is_none());
        if waited == 0 && ended {
            let broken = self
                .process
                .as_ref()
                .is_some_and(|process| process.desk.is_broken());
            self.told.batch_ended(!broken);
        }
        let Some(process) = &mut self.process else {
            return;
        };
        // also what writing brought about
        let news = process.desk.world.take_news();
        let transitions = process.desk.world.take_transitions();
        let _ = process.desk.world.take_given_up();
        for change in &transitions {
            if *change.alert == *BUILT_IN && change.event() == "opened" {
                match &*change.series {
                    "(store)" => self.counts.add("opened: (store)"),
                    series if is_own(series) => self.counts.add("opened: (receiver)"),
                    _ => {}
                }
            }
            self.counts.add(match change.event() {
                "opened" => "incident opened",
                "raised" => "incident raised",
                "lowered" => "incident lowered",
                _ => "incident resolved",
            });
        }
        for change in transitions {
            self.say(|| {
                format!(
                    "{} {}/{} {} -> {}: {}",
                    change.event(),
                    change.alert,
                    change.series,
                    change.from,
                    change.to,
                    change.reason
                )
            });
        }
        if due || news {
            self.wake_tellers();
        }
    }

    fn wake_tellers(&mut self) {
        let (life, now) = (self.life, self.now);
        let Some(process) = &mut self.process else {
            return;
        };
        let at = now.max(process.free_at);
        let mut wakes = Vec::with_capacity(process.tellers.len());
        for (name, teller) in &mut process.tellers {
            if !teller.busy {
                teller.wake += 1;
                wakes.push(Event::Asks(life, Arc::clone(name), teller.wake));
            }
        }
        for wake in wakes {
            self.push(at, wake);
        }
    }

    // --- telling ------------------------------------------------------------------------

    fn receiver_fault(&self, address: &str) -> Option<ReceiverFault> {
        let index = RECEIVERS
            .iter()
            .position(|name| address.starts_with(name))?;
        let found = self
            .receiver_faults
            .iter()
            .find(|(of, _, _, until)| *of == index && self.now < *until);
        found.map(|(_, fault, _, _)| *fault)
    }

    fn asks(&mut self, name: &Arc<str>, wake: u64) {
        let (now, life) = (self.wall(), self.life);
        let Some(process) = &mut self.process else {
            return;
        };
        let Some(teller) = process
            .tellers
            .get_mut(name)
            .filter(|teller| teller.wake == wake && !teller.busy)
        else {
            return;
        };
        let line = process.lines.get_mut(&teller.address);
        if let Some(free) = line.and_then(|line| line.free_at(now)) {
            teller.wake += 1;
            let (wake, wait) = (teller.wake, millis(free.since(now)).max(1));
            self.counts.add("pause of a receiver");
            return self.push(self.now + wait, Event::Asks(life, Arc::clone(name), wake));
        }
        match process.desk.next(name, now) {
            Turn::Stop => drop(process.tellers.remove(name)),
            Turn::Wait(None) => {}
            Turn::Wait(Some(until)) => {
                teller.wake += 1;
                let (wake, wait) = (teller.wake, millis(until.since(now)).max(1));
                self.push(self.now + wait, Event::Asks(life, Arc::clone(name), wake));
            }
            Turn::Tell { job, write_first } => {
                let waited = if write_first { self.commit() } else { 0 };
                if waited == 0 {
                    self.settle_batch();
                }
                let Some(process) = &mut self.process else {
                    return;
                };
                let composed = compose(&process.desk.world, &job, &self.shown, now);
                let Some(teller) = process.tellers.get_mut(name) else {
                    return;
                };
                let Some(composed) = composed else { return };
                let (address, policy) = (Arc::clone(&teller.address), teller.policy.clone());
                let sending = Sending::new(address, policy, *job, composed.message, life);
                self.send(name, sending, waited);
            }
        }
    }

    fn settle_batch(&mut self) {
        let done = self
            .process
            .as_ref()
            .is_some_and(|process| process.pending.is_none());
        if done {
            let broken = self
                .process
                .as_ref()
                .is_some_and(|process| process.desk.is_broken());
            self.told.batch_ended(!broken);
        }
    }

    fn send(&mut self, name: &Arc<str>, sending: Sending, waited: i64) {
        self.check_composed(&sending);
        self.check_written(&sending);
        if sending.policy.keyed && !self.clock_is_set {
            let verdict = self.told.paced(&sending, self.now);
            self.verdict(verdict);
        }
        if self
            .armed
            .is_some_and(|(point, _)| point == Point::HandedOut)
        {
            self.told.lost(&sending);
            self.point(Point::HandedOut, "kill: handed out");
            return;
        }
        let fault = self.receiver_fault(&sending.address);
        let mut dice = self.dice(&sending.address, self.now);
        let quick = dice.between(20, 400);
        let (taken_by, outcomes, arrives, takes) = self.outcome(&sending, fault, quick, &mut dice);
        let now = self.wall();
        let Some(process) = &mut self.process else {
            return;
        };
        if let Some(line) = process.lines.get_mut(&sending.address) {
            line.take(now);
        }
        if let Some(teller) = process.tellers.get_mut(name) {
            teller.busy = true;
        }
        self.counts.add(match sending.job.tell {
            graphite_pager::alert::delivery::Tell::New => "tell: new",
            graphite_pager::alert::delivery::Tell::Raised => "tell: raised",
            graphite_pager::alert::delivery::Tell::Changed => "tell: changed",
            graphite_pager::alert::delivery::Tell::Reminder => "tell: reminder",
            graphite_pager::alert::delivery::Tell::Left => "tell: left",
            graphite_pager::alert::delivery::Tell::Resolved => "tell: resolved",
            graphite_pager::alert::delivery::Tell::Both => "tell: both",
            graphite_pager::alert::delivery::Tell::Stray(_) => "tell: stray",
        });
        let begun = self.now + waited;
        self.say(|| {
            format!(
                "to {}: {:?} {} {} {} [{}] {}",
                sending.address,
                sending.job.tell,
                sending.job.level,
                sending.message.alert,
                sending.message.series,
                sending.id,
                fault.map_or(String::new(), |fault| format!("({fault:?})"))
            )
        });
        let attempt = Rc::new(Attempt {
            life: self.life,
            name: Arc::clone(name),
            sending,
            taken_by,
            outcomes,
            answer_at: begun + takes,
            begun,
        });
        self.push(begun + arrives, Event::Arrives(attempt));
    }

    /// Who takes it, what is answered, when it arrives, and when that is read.
    fn outcome(
        &mut self,
        sending: &Sending,
        fault: Option<ReceiverFault>,
        quick: i64,
        dice: &mut Chance,
    ) -> (Vec<Arc<str>>, Vec<Outcome>, i64, i64) {
        let all = sending.job.recipients.clone();
        let same = |outcome: Outcome| vec![outcome; all.len()];
        let later = |after: Option<u64>, pause, unsure| Outcome::Later {
            why: "later".to_owned(),
            after: after.map(Duration::from_secs),
            pause,
            unsure,
        };
        let rejected = || Outcome::Rejected {
            why: "refused".to_owned(),
            smtp: !sending.policy.recipients.is_empty(),
        };
        if let Some(fault) = fault {
            // it may be over before anybody looks
            self.told.excuse(&sending.address, self.now);
            self.counts.add(match fault {
                ReceiverFault::Hangs => "receiver: hangs",
                ReceiverFault::TakesAndHangs => "receiver: takes and hangs",
                ReceiverFault::LosesAnswers => "receiver: loses answers",
                ReceiverFault::TooMany(_) => "receiver: 429 with Retry-After",
                ReceiverFault::TooManyForNow => "receiver: 429",
                ReceiverFault::Rejects => "receiver: rejects",
                ReceiverFault::Fails => "receiver: fails",
                ReceiverFault::BadGateway => "receiver: bad gateway",
                // who has no recipients to refuse one of is as well as ever
                ReceiverFault::RefusesOne if all.len() < 2 => "receiver: nobody to refuse",
                ReceiverFault::RefusesOne => "receiver: refuses one recipient",
                ReceiverFault::Slow => "receiver: slow",
            });
        }
        match fault {
            None => (all.clone(), same(Outcome::Accepted), quick, quick),
            Some(ReceiverFault::Slow) => {
                let takes = dice.between(SECOND, 25 * SECOND);
                (all.clone(), same(Outcome::Accepted), takes / 2, takes)
            }
            Some(ReceiverFault::Hangs) => {
                (Vec::new(), same(later(None, true, true)), quick, DEADLINE)
            }
            Some(ReceiverFault::TakesAndHangs) => {
                (all.clone(), same(later(None, true, true)), quick, DEADLINE)
            }
            Some(ReceiverFault::LosesAnswers) => {
                (all.clone(), same(later(None, false, true)), quick, quick)
            }
            Some(ReceiverFault::TooMany(after)) => (
                Vec::new(),
                same(later(Some(after), true, false)),
                quick,
                quick,
            ),
            Some(ReceiverFault::TooManyForNow) => {
                (Vec::new(), same(later(None, true, false)), quick, quick)
            }
            Some(ReceiverFault::Rejects) => (Vec::new(), same(rejected()), quick, quick),
            Some(ReceiverFault::Fails) => {
                (Vec::new(), same(later(None, false, false)), quick, quick)
            }
            Some(ReceiverFault::BadGateway) => {
                let taken = if dice.once_in(2) {
                    all.clone()
                } else {
                    Vec::new()
                };
                (taken, same(later(None, false, true)), quick, quick)
            }
            Some(ReceiverFault::RefusesOne) if all.len() > 1 => {
                let outcomes = all.iter().enumerate();
                let outcomes = outcomes.map(|(i, _)| {
                    if i == 1 {
                        rejected()
                    } else {
                        Outcome::Accepted
                    }
                });
                let taken = all
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| *i != 1)
                    .map(|(_, who)| Arc::clone(who));
                (taken.collect(), outcomes.collect(), quick, quick)
            }
            Some(ReceiverFault::RefusesOne) => (all.clone(), same(Outcome::Accepted), quick, quick),
        }
    }

    fn check_composed(&mut self, sending: &Sending) {
        if self
            .process
            .as_ref()
            .is_some_and(|process| process.desk.is_broken())
        {
            self.told.unwritten(sending);
        }
        let wall = self.wall();
        let Some(process) = &self.process else { return };
        let world = &process.desk.world;
        let Some(incident) = world.incident(sending.job.incident) else {
            return;
        };
        let truth = match *incident.group == *BUILT_IN && is_own(&incident.series) {
            true => self.own_truth(incident),
            false => {
                let name = (&*sending.message.alert, &*sending.message.series);
                let mut open = self.mirror.live().opened().into_iter();
                let truth = open.find(|(other, _)| *other == name);
                truth.map(|(_, open)| (level(open.level), open.inside.is_none()))
            }
        };
        let time = told::Time {
            now: self.now,
            wall,
            clock_was_set: self.clock_is_set,
        };
        let scene = scene(world, &self.configured, self.now, wall);
        let verdict = self
            .told
            .composed(sending, incident, truth, &scene)
            .and_then(|()| self.told.timely(sending, incident, world, time));
        self.verdict(verdict);
    }

    /// What is so of the agent's own trouble: of the store it is known, of receivers
    /// when it must and when it cannot be open is looked at in `told/owed.rs`.
    fn own_truth(&self, incident: &Incident) -> Option<(Level, bool)> {
        let open = match &*incident.series {
            "(store)" => self.store_fails,
            _ => incident.is_open(),
        };
        open.then_some((Level::Critical, true))
    }

    /// What is told was written before, as long as the store works.
    fn check_written(&mut self, sending: &Sending) {
        let Some(process) = &self.process else { return };
        let broken = process.desk.is_broken() || process.pending.is_some();
        if broken || self.disk_fault().is_some() || self.disk.gone || sending.word() != "open" {
            return;
        }
        if !self.disk.holds(&sending.job) {
            let (tell, level) = (sending.job.tell, sending.job.level);
            let what = format!("{tell:?} {level} [{}]", sending.id);
            self.fail("told before it was written", what);
        }
    }

    fn arrives(&mut self, attempt: &Rc<Attempt>) {
        let alive = attempt.life == self.life && self.process.is_some();
        let world = self
            .process
            .as_ref()
            .filter(|_| alive)
            .map(|process| &process.desk.world);
        if !attempt.taken_by.is_empty() {
            count_told(
                &attempt.sending,
                &self.configured.audience,
                &mut self.counts,
            );
            let verdict = self
                .told
                .taken(&attempt.sending, &attempt.taken_by, self.now, world);
            self.verdict(verdict);
        }
        if !alive {
            return;
        }
        if self.armed.is_some_and(|(point, _)| point == Point::Taken)
            && !attempt.taken_by.is_empty()
        {
            self.told.lost(&attempt.sending);
            self.point(Point::Taken, "kill: taken");
            return;
        }
        self.push(attempt.answer_at, Event::Answered(Rc::clone(attempt)));
    }

    fn answered(&mut self, attempt: &Rc<Attempt>) {
        let sending = &attempt.sending;
        if self
            .armed
            .is_some_and(|(point, _)| point == Point::Answered)
        {
            self.told.lost(sending);
            self.point(Point::Answered, "kill: answered");
            return;
        }
        let now = self.wall();
        let mut outcomes = attempt.outcomes.clone();
        // a process that was stopped meanwhile finds its deadline over
        if self.now - attempt.begun > 2 * DEADLINE && self.dice("late", self.now).once_in(2) {
            for outcome in &mut outcomes {
                *outcome = Outcome::Later {
                    why: "no answer".to_owned(),
                    after: None,
                    pause: true,
                    unsure: true,
                };
            }
        }
        let Some(process) = &mut self.process else {
            return;
        };
        let Some(teller) = process
            .tellers
            .get_mut(&attempt.name)
            .filter(|teller| teller.busy && teller.address == sending.address)
        else {
            // its receiver was replaced meanwhile
            self.told.lost(sending);
            return;
        };
        teller.busy = false;
        if let Some(line) = process.lines.get_mut(&sending.address) {
            line.settled(&outcomes, now);
        }
        process.desk.world.settled(&sending.job, &outcomes, now);
        let asked = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Later {
                after, pause: true, ..
            } => *after,
            _ => None,
        });
        if let Some(asked) = asked {
            let until = self.now + millis(asked).min(HOUR);
            self.told.leave_alone(&sending.address, until);
        }
        self.told.noted(sending, &outcomes);
        let scene = scene(&process.desk.world, &self.configured, self.now, now);
        let verdict = self.told.answered(sending, &outcomes, &scene);
        self.verdict(verdict);
        if self.point(Point::Recorded, "kill: recorded") {
            return;
        }
        self.after(false);
        self.compare("settled");
        let (life, at) = (self.life, self.now);
        let Some(process) = &mut self.process else {
            return;
        };
        let Some(teller) = process.tellers.get_mut(&attempt.name) else {
            return;
        };
        teller.wake += 1;
        let event = Event::Asks(life, Arc::clone(&attempt.name), teller.wake);
        self.push(at, event);
    }

    // --- is it right? -------------------------------------------------------------------

    /// The agent's open incidents against the naive model's.
    fn compare(&mut self, when: &str) {
        let Some(process) = &self.process else { return };
        let world = &process.desk.world;
        let naive = self.mirror.live().opened();
        let mut differences = Vec::new();
        let mut seen = vec![false; naive.len()];
        let (mut count, mut number) = (0, 0);
        let mut store_is_told = false;
        for incident in world.incidents().filter(|incident| incident.is_open()) {
            count += 1;
            if *incident.group == *BUILT_IN && is_own(&incident.series) {
                store_is_told |= *incident.series == *"(store)";
                if incident.level != Level::Critical {
                    differences.push(format!("{} is {}", incident.series, incident.level));
                }
                continue;
            }
            let name = (&*incident.group, &*incident.series);
            let inside = match incident.inside {
                Some(Subject::More) => Some("(more)"),
                Some(_) => Some("(more without data)"),
                None => None,
            };
            // it is mostly where it was the last time
            let is_there = |place: &usize| naive.get(*place).is_some_and(|(n, _)| *n == name);
            let before = self.places.get(number).copied().filter(is_there);
            let search = || naive.binary_search_by_key(&name, |(name, _)| *name).ok();
            let place = before.or_else(search);
            match self.places.get_mut(number) {
                Some(last) => *last = place.unwrap_or(*last),
                None => self.places.push(place.unwrap_or_default()),
            }
            number += 1;
            let wanted = place.map(|place| &naive[place].1);
            let same = wanted
                .is_some_and(|open| level(open.level) == incident.level && open.inside == inside);
            if !same {
                let wanted = wanted.map(|open| (level(open.level), open.inside));
                differences.push(format!(
                    "{} {}: the agent says {} {inside:?}, the model {wanted:?}",
                    name.0, name.1, incident.level
                ));
            }
            if let Some(place) = place {
                seen[place] = true;
            }
        }
        for (((group, series), open), seen) in naive.iter().zip(seen) {
            if !seen {
                differences.push(format!(
                    "{group} {series}: the agent says ok, the model {:?} {:?}",
                    open.level, open.inside
                ));
            }
        }
        if store_is_told != self.store_fails {
            let (told, fails) = (store_is_told, self.store_fails);
            differences.push(format!("(store) is open: {told}, the store fails: {fails}"));
        }
        let (all, deliveries) = (world.incidents().len(), world.deliveries().count());
        if all > count + OWED || deliveries > DELIVERIES * all {
            differences.push("more incidents and deliveries than there can be owed".to_owned());
        }
        if !differences.is_empty() {
            self.fail(
                "another truth",
                format!("{when}: {}", differences.join("; ")),
            );
        }
    }

    fn settled(&mut self, when: &'static str) {
        if self.failure.is_some() {
            return;
        }
        let wall = self.wall();
        let Some(process) = &self.process else {
            return self.fail("no agent", when.to_owned());
        };
        let verdict = self
            .told
            .settled(&process.desk.world, &self.configured.addresses, wall);
        self.verdict(verdict.map_err(|(kind, what)| (kind, format!("{when}: {what}"))));
    }

    fn bounds(&mut self) {
        if self.failure.is_some() {
            return;
        }
        let Some(process) = &self.process else { return };
        if process.desk.is_broken() {
            return self.fail("the store is not written again", String::new());
        }
        let world = &process.desk.world;
        let open = world
            .incidents()
            .filter(|incident| incident.is_open())
            .count();
        let all = world.incidents().len();
        let (rows, deliveries) = self.disk.rows();
        if all > open || rows > all || deliveries > world.deliveries().count() {
            let what = format!(
                "{all} incidents, {open} of them open, {rows} rows, {deliveries} rows of deliveries"
            );
            self.fail("something is owed at the end", what);
        }
    }
}

/// What is so now, for those who ask who should know of it.
fn scene<'a>(world: &'a World, configured: &'a Configured, now: i64, wall: Timestamp) -> Scene<'a> {
    Scene {
        world,
        audience: &configured.audience,
        addresses: &configured.addresses,
        now,
        wall,
    }
}

/// Whether no more is held, here and on disk, than there can be.
fn is_bounded(world: &World, disk: &Disk) -> Result<(), (&'static str, String)> {
    let all = world.incidents().len();
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    for ((_, receiver, _), _) in world.deliveries() {
        *held.entry(receiver).or_default() += 1;
    }
    let most = held.values().copied().max().unwrap_or(0);
    let groups = world.setup().groups.iter();
    let known: usize = groups.map(|group| world.known(&group.name).len()).sum();
    let (incidents, deliveries, series) = disk.synced();
    let rows_fit = incidents <= KNOWN + OWED && deliveries <= DELIVERIES * (KNOWN + OWED);
    match most <= RECIPIENTS * all && known <= KNOWN && series <= 2 * KNOWN && rows_fit {
        true => Ok(()),
        false => Err((
            "more is held than there can be",
            format!(
                "{known} series, {all} incidents, {most} deliveries of one receiver; on disk \
                 {series}, {incidents} and {deliveries} of all"
            ),
        )),
    }
}

/// Counts what is told, by what it is about and to whom.
fn count_told(sending: &Sending, audience: &Audience, counts: &mut Counts) {
    if sending.word() != "open" {
        return;
    }
    let (alert, series) = (&*sending.message.alert, &*sending.message.series);
    match (alert == BUILT_IN, series) {
        (true, "(store)") => counts.add("told: (store)"),
        (true, series) if is_own(series) => counts.add("told: (receiver)"),
        (true, series) if series.ends_with(" (no data)") => {
            counts.add("told: a silence in numbers");
        }
        (true, _) => counts.add("told: Graphite fails"),
        (false, series) if series.starts_with("(more") => counts.add("told: an overflow"),
        (false, series) => {
            if !audience.of(alert, series).contains(&sending.policy.name) {
                counts.add("told: a fallback");
            }
        }
    }
}

/// What was read, for the trace.
fn words(report: &Report) -> String {
    let failed = report
        .failure
        .as_deref()
        .map_or(String::new(), |why| format!(": {why}"));
    let answers = report.answers.iter().flatten();
    let value = |value: Option<graphite_pager::alert::Value>| {
        value.map_or("-".to_owned(), |value| value.value.to_string())
    };
    let read: Vec<String> = answers
        .flat_map(|answer| answer.series())
        .map(|seen| format!("{}={}", seen.legend, value(seen.value)))
        .collect();
    format!("{failed} {}", read.join(" "))
}

fn poll(group: &Arc<Group>, slots: Slots) -> Poll {
    Poll {
        group: Arc::clone(group),
        slots,
        wake: 0,
        busy: false,
        again: None,
    }
}

fn is_own(series: &str) -> bool {
    series == "(store)" || series.starts_with("(receiver ")
}

fn level(level: model::Level) -> Level {
    match level {
        model::Level::Ok => Level::Ok,
        model::Level::Warning => Level::Warning,
        model::Level::NoData => Level::NoData,
        model::Level::Critical => Level::Critical,
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
