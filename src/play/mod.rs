//! The whole agent in virtual time: the world, the desk, the slots and the pace
//! of `run`, driven by a clock that jumps from one thing to the next. No socket,
//! no clock, no task, no sleep.
//!
//! Whoever plays gives the answers: `next` goes on until Graphite is to be asked
//! and says what for, `evaluated` takes what it would have said. So tests of
//! alerts, which make answers up, and a look at history, which fetches them, are
//! played alike.
//!
//! What it does not play: lateness, and receivers that fail. Each evaluation
//! comes at its slot and takes no time, everybody takes what they are told.
//! Invariant: what is told was decided by `alert/` alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::agent::desk::{Desk, Turn};
use crate::agent::receivers::Changes;
use crate::agent::slots::{Slots, Step, retry};
use crate::alert::delivery::{Outcome, Tell};
use crate::alert::incident::{BUILT_IN, IncidentId};
use crate::alert::rate::Line;
use crate::alert::world::{Report, Saved, Setup, Transition, World};
use crate::alert::{Group, Level, Timestamp};
use crate::config::Receiver;
use crate::deliver::settings::Destination;
use crate::secret::Secret;

/// The least time: slots and instants are at whole seconds, what comes just
/// before one is one less than that.
const JUST: Duration = Duration::from_millis(1);

/// What left the configuration is over after so long (design 5).
const LEAVE: Duration = Duration::from_secs(5 * 60);

/// A silence in numbers of which few are left is over after so long (design 4.10).
const FEW_FOR: Duration = Duration::from_secs(10 * 60);

/// Messages at one instant; more is a fault of this program.
const MANY: usize = 1_000_000;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// An incident changed its level.
    Turned(Transition),
    /// Somebody was told something.
    Told(Told),
}

/// A message that a receiver took.
#[derive(Clone, Debug)]
pub struct Told {
    /// Who.
    pub receiver: Arc<str>,
    /// Of which incident.
    pub incident: IncidentId,
    /// The incident's alert.
    pub alert: Arc<str>,
    /// The incident's series.
    pub series: Arc<str>,
    /// What it was told.
    pub tell: Tell,
    /// At which level; `ok` where it is over for the receiver.
    pub level: Level,
}

/// Graphite is to be asked for a group.
#[derive(Clone, Debug)]
pub struct Due {
    /// Which group.
    pub group: Arc<Group>,
    /// For which slot.
    pub slot: Timestamp,
    /// When: later than the slot where a failed one is tried again.
    pub at: Timestamp,
    attempt: u32,
}

/// A group's schedule.
#[derive(Debug)]
struct Poll {
    group: Arc<Group>,
    slots: Slots,
    /// When to look for a slot; `None`: never.
    wake: Option<Timestamp>,
    /// A failed slot to be tried again then.
    again: Option<(Timestamp, u32)>,
}

impl Poll {
    fn new(group: &Arc<Group>, from: Timestamp) -> Self {
        let (slots, _) = Slots::start(&group.schedule, None, from.minus(JUST));
        Self {
            group: Arc::clone(group),
            slots,
            wake: Some(from),
            again: None,
        }
    }
}

/// A receiver's worker.
#[derive(Debug)]
struct Teller {
    name: Arc<str>,
    /// As the configuration calls it, also once that calls it otherwise.
    shown: Arc<str>,
    /// The way to it, which receivers of one routing key share.
    line: Secret,
    keyed: bool,
    wake: Option<Timestamp>,
}

/// An agent that is being played.
#[derive(Debug)]
pub struct Play {
    desk: Desk,
    now: Timestamp,
    receivers: Vec<Receiver>,
    /// Receivers that left or moved and are still told ends where they were.
    retired: BTreeMap<Arc<str>, Receiver>,
    polls: Vec<Poll>,
    tellers: Vec<Teller>,
    lines: HashMap<Secret, Line>,
    /// When time alone may bring something about. `run` looks every second; here
    /// nothing can come of any other.
    ripens: BTreeSet<Timestamp>,
    /// Groups whose latest try failed.
    failing: BTreeSet<Arc<str>>,
    /// When time was last looked at.
    ticked: Option<Timestamp>,
    happened: Vec<Happened>,
}

impl Play {
    /// An agent that starts at `start` and knows nothing; a slot at that very
    /// instant is its first.
    pub fn new(setup: Setup, receivers: Vec<Receiver>, start: Timestamp) -> Self {
        let polls = setup.groups.iter();
        let polls = polls.map(|group| Poll::new(group, start)).collect();
        let mut play = Self {
            desk: Desk::new(World::new(setup, Saved::default(), start)),
            now: start,
            receivers: Vec::new(),
            retired: BTreeMap::new(),
            polls,
            tellers: Vec::new(),
            lines: HashMap::new(),
            ripens: BTreeSet::new(),
            failing: BTreeSet::new(),
            ticked: None,
            happened: Vec::new(),
        };
        for receiver in &receivers {
            play.employ(receiver, Arc::clone(&receiver.policy.name));
        }
        play.receivers = receivers;
        play
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Everything that the agent knows.
    pub fn world(&self) -> &World {
        &self.desk.world
    }

    /// What happened since this was last called, in order.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// Goes on to the next evaluation that is due no later than `until`; `None`:
    /// there is none, and it is `until` now.
    pub fn next(&mut self, until: Timestamp) -> Option<Due> {
        loop {
            self.look();
            if let Some(due) = self.due() {
                return Some(due);
            }
            let next = self.wakes().filter(|at| *at <= until);
            let Some(next) = next else {
                self.now = self.now.max(until);
                self.look();
                return None;
            };
            self.now = next.max(self.now);
        }
    }

    /// Takes what was answered, and tells whoever is to be told.
    pub fn evaluated(&mut self, due: &Due, report: Report) {
        let (group, slot, now) = (&due.group, due.slot, self.now);
        let failed = report.failure.is_some();
        match failed {
            true => drop(self.failing.insert(Arc::clone(&group.name))),
            false => drop(self.failing.remove(&group.name)),
        }
        self.desk.world.evaluated(group, report, slot, now);
        let poll = self.polls.iter_mut().find(|p| p.group.name == group.name);
        if let (Some(poll), true) = (poll, failed)
            && let Some(wait) = retry(&group.schedule, slot, due.attempt, now)
        {
            poll.again = Some((slot, due.attempt + 1));
            poll.wake = Some(now.plus(wait));
        }
        self.after();
    }

    /// Goes over to a new configuration at `at`, before evaluations of that
    /// instant; what left ends at once or five minutes later. Whoever plays has
    /// gone on to just before it.
    pub fn reload(&mut self, setup: Setup, receivers: Vec<Receiver>, at_once: bool, at: Timestamp) {
        self.now = self.now.max(at);
        self.look();
        let changes = Changes::between(&self.receivers, &receivers);
        let came_back = changes.came_back(&self.retired, &self.receivers, &receivers);
        let world = &mut self.desk.world;
        for (old, new) in &changes.renamed {
            world.rename(old, new);
        }
        let groups = setup.groups.clone();
        let retired = world.reload(setup, &changes.moved, at_once, self.now);
        for (old, present) in &came_back {
            world.came_back(old, present);
        }
        self.ripens.insert(self.now.plus(LEAVE));
        self.tellers
            .retain(|teller| !changes.changed.contains(&teller.name));
        let old = std::mem::replace(&mut self.receivers, receivers.clone());
        for (name, retired) in retired {
            if let Some(receiver) = old.iter().find(|receiver| receiver.policy.name == name) {
                self.employ(receiver, Arc::clone(&retired));
                self.retired.insert(retired, receiver.clone());
            }
        }
        for receiver in &receivers {
            let name = &receiver.policy.name;
            if !self.tellers.iter().any(|teller| teller.name == *name) {
                self.employ(receiver, Arc::clone(name));
            }
        }
        self.assign(&groups);
        self.after();
        self.retired
            .retain(|name, _| self.tellers.iter().any(|teller| teller.name == *name));
    }

    fn assign(&mut self, groups: &[Arc<Group>]) {
        let now = self.now;
        let mut before: BTreeMap<Arc<str>, Poll> = std::mem::take(&mut self.polls)
            .into_iter()
            .map(|poll| (Arc::clone(&poll.group.name), poll))
            .collect();
        for group in groups {
            let poll = match before.remove(&group.name) {
                Some(mut poll) => {
                    if poll.group.schedule != group.schedule {
                        poll.slots.go_on_from(now.minus(JUST));
                        (poll.wake, poll.again) = (Some(now), None);
                    }
                    poll.group = Arc::clone(group);
                    poll
                }
                None => Poll::new(group, now),
            };
            self.polls.push(poll);
        }
    }

    fn employ(&mut self, receiver: &Receiver, name: Arc<str>) {
        let line = match &receiver.destination {
            Destination::PagerDuty(pagerduty) => pagerduty.routing_key.clone(),
            _ => Secret::new(&*name),
        };
        self.tellers.push(Teller {
            shown: Arc::clone(&receiver.policy.name),
            name,
            line,
            keyed: receiver.policy.keyed,
            wake: Some(self.now),
        });
    }

    // --- time -------------------------------------------------------------------------------

    /// When something is next to be done.
    fn wakes(&self) -> Option<Timestamp> {
        let polls = self.polls.iter().filter_map(|poll| poll.wake);
        let tellers = self.tellers.iter().filter_map(|teller| teller.wake);
        let ripens = self.ripens.first().copied();
        polls.chain(tellers).chain(ripens).min()
    }

    /// Notes when time alone may bring something about.
    fn look_ahead(&mut self) {
        let (now, world) = (self.now, &self.desk.world);
        let error_for = world.setup().error_for;
        let since = |name: &Arc<str>| world.life(name)?.head.failing_since;
        let failing = self.failing.iter().filter_map(since);
        let failing = failing.map(|since| since.plus(error_for));
        let mut own = world.incidents().filter(|incident| incident.is_open());
        let own = own.any(|incident| *incident.group == *BUILT_IN);
        let few = own.then(|| now.plus(FEW_FOR));
        let ripens = failing.chain(few).filter(|at| *at > now);
        self.ripens.extend(ripens);
    }

    /// Lets time bring about what it does, once an instant, and tells what is due.
    fn look(&mut self) {
        if self.ticked.replace(self.now) != Some(self.now) {
            self.ripens = self.ripens.split_off(&self.now.plus(JUST));
            self.desk.world.tick(self.now);
            self.after();
        }
    }

    fn due(&mut self) -> Option<Due> {
        let now = self.now;
        for poll in &mut self.polls {
            if poll.wake.is_none_or(|wake| wake > now) {
                continue;
            }
            let (slot, attempt) = match poll.again.take() {
                Some(again) => again,
                None => match poll.slots.next(&poll.group.schedule, now) {
                    Step::Due { slot, .. } => (slot, 0),
                    Step::Wait(wait) => {
                        poll.wake = wait.map(|wait| now.plus(wait.max(JUST)));
                        continue;
                    }
                    // this clock never is; but whatever waits, waits for later
                    Step::SetBack => {
                        poll.wake = Some(now.plus(JUST));
                        continue;
                    }
                },
            };
            return Some(Due {
                group: Arc::clone(&poll.group),
                slot,
                at: now,
                attempt,
            });
        }
        None
    }

    // --- what follows -----------------------------------------------------------------------

    /// What follows every change: it is written, remembered, and told.
    fn after(&mut self) {
        self.commit();
        for _ in 0..MANY {
            if !self.tell_one() {
                break;
            }
        }
        self.look_ahead();
    }

    fn commit(&mut self) {
        if self.desk.write().is_some() {
            self.desk.written(Ok(()), self.now);
        }
        let (at, world) = (self.now, &mut self.desk.world);
        let turned = world.take_transitions().into_iter().map(What::Turned);
        let happened = turned.map(|what| Happened { at, what });
        self.happened.extend(happened);
        let _ = world.take_given_up();
    }

    /// Tells the first receiver that is owed something; `false`: nobody is.
    fn tell_one(&mut self) -> bool {
        let now = self.now;
        let mut gone = None;
        for (index, teller) in self.tellers.iter_mut().enumerate() {
            let line = self.lines.entry(teller.line.clone());
            let line = line.or_insert_with(|| Line::new(teller.keyed));
            if let Some(free) = line.free_at(now) {
                teller.wake = Some(free);
                continue;
            }
            let job = match self.desk.next(&teller.name, now) {
                Turn::Tell { job, .. } => job,
                Turn::Wait(until) => {
                    teller.wake = until.map(|until| until.max(now.plus(JUST)));
                    continue;
                }
                Turn::Stop => {
                    gone = Some(index);
                    break;
                }
            };
            let outcomes = vec![Outcome::Accepted; job.recipients.len()];
            line.take(now);
            line.settled(&outcomes, now);
            let world = &mut self.desk.world;
            // a key that holds nothing any more is no news to anybody
            let news = !matches!(job.tell, Tell::Stray(_));
            if let (true, Some(incident)) = (news, world.incident(job.incident)) {
                let told = Told {
                    receiver: Arc::clone(&teller.shown),
                    incident: incident.id,
                    alert: Arc::clone(&incident.group),
                    series: Arc::clone(&incident.series),
                    tell: job.tell,
                    level: job.level,
                };
                let what = What::Told(told);
                self.happened.push(Happened { at: now, what });
            }
            world.settled(&job, &outcomes, now);
            self.commit();
            return true;
        }
        match gone {
            Some(index) => {
                self.tellers.remove(index);
                true
            }
            None => false,
        }
    }
}
