//! What receivers have heard, seen from their side, and whether that is right.
//!
//! It knows what was taken at which address, and what the naive model says is
//! open; of the agent it knows only what was handed out and what was written.
//! Rules (the words): *truth*, *no loss*, *no doubles*, *no false
//! resolve*, *order*.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use graphite_pager::alert::delivery::{Outcome, Tell};
use graphite_pager::alert::incident::{Incident, IncidentId, Subject};
use graphite_pager::alert::receiver::Policy;
use graphite_pager::alert::world::{Job, World};
use graphite_pager::alert::{Level, Timestamp};
use graphite_pager::deliver::message::{Key, Message};
use graphite_pager::deliver::{email, links};

use super::scenario::MINUTE;

mod ears;
mod owed;
mod timely;

use ears::Ears;
pub use owed::Scene;
use owed::{Unwritten, Watched};
pub use timely::Time;

/// Nobody is told later than this after the last thing that kept it from them:
/// a permanent refusal by SMTP is tried again every quarter of an hour.
const LATEST: i64 = 17 * MINUTE;

/// How long the page before a raise may stay open once that is accepted.
const JUST_NOW: Duration = Duration::from_secs(60);

/// What may follow an incident's key: a raise, and what begins anew after an end
/// that may have been taken, have one of their own.
const SUFFIXES: [Option<Level>; 4] = [
    None,
    Some(Level::Warning),
    Some(Level::NoData),
    Some(Level::Critical),
];

/// Whether the agent knows what was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It cannot: no answer was read, or what was noted of it is lost.
    Unsure,
    /// It was noted.
    Noted,
    /// What was noted is being written.
    Batched,
    /// It is written.
    Written,
}

/// One thing somebody heard.
#[derive(Clone, Debug)]
struct Heard {
    level: Level,
    /// Open, left, or over.
    word: &'static str,
    /// What identifies the message.
    id: String,
    event: u32,
    reminder: u32,
    /// When.
    at: i64,
    known: Known,
    /// Whether its receiver is told ends.
    wants_end: bool,
    /// Which process sent it.
    life: u64,
}

/// Where receivers are, by their names.
pub type Addresses = BTreeMap<Arc<str>, Arc<str>>;

/// Who heard of which incident: an address, and a recipient there.
type Who = (IncidentId, Arc<str>, Arc<str>);

/// An address, and a key there.
type Under = (Arc<str>, String);

/// An open page at an address that keeps incidents by key.
#[derive(Clone, Debug)]
struct Page {
    level: Level,
    /// The highest since it was opened.
    highest: Level,
    reminder: u32,
    /// When it was last triggered.
    at: i64,
    known: Known,
    /// Which process did that.
    life: u64,
}

/// An empty name, and not the one that all threads share.
struct Nobody(Arc<str>);

impl Default for Nobody {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

#[derive(Default)]
pub struct Told {
    /// Who hears what is told to no single recipient.
    nobody: Nobody,
    heard: Ears,
    pages: BTreeMap<Under, Page>,
    watched: BTreeMap<IncidentId, Watched>,
    /// When each key was last resolved.
    closed: BTreeMap<Under, i64>,
    /// When an address was last in trouble.
    excused: BTreeMap<Arc<str>, i64>,
    /// Addresses of which the agent may believe something else than is so.
    confused: BTreeSet<Arc<str>>,
    /// Until when an address asked to be left alone.
    left_alone: BTreeMap<Arc<str>, i64>,
    /// What was noted and is not written yet.
    unsettled: Vec<(Who, Under)>,
    /// Incidents told while the store failed: a kill may make them unheard of.
    unwritten: BTreeSet<IncidentId>,
    /// Of these, those that a process took with it.
    rolled_back: BTreeSet<IncidentId>,
    /// The same of pages.
    unwritten_pages: BTreeSet<Under>,
    rolled_back_pages: BTreeSet<Under>,
    /// Fallbacks that are told as well, which are not known to be written.
    unwritten_fallbacks: Vec<Unwritten>,
    /// Fallbacks of receivers that ever took something not at once.
    stumbled: BTreeSet<Arc<str>>,
    /// Who would have been told of what is told in a silence in numbers.
    silenced: BTreeSet<Arc<str>>,
    /// Since when there is that silence.
    silent_since: i64,
    /// When messages lately went one way, in one process.
    sent: BTreeMap<(Arc<str>, u64), Vec<i64>>,
    /// Since when receivers are tried without a break.
    tried_since: i64,
}

type Verdict = Result<(), (&'static str, String)>;

/// What is being told.
pub struct Sending {
    pub address: Arc<str>,
    pub policy: Policy,
    pub job: Job,
    pub message: Message,
    /// What makes a repeated message the same one.
    pub id: String,
    /// Which process sends it.
    pub life: u64,
}

impl Sending {
    pub fn new(address: Arc<str>, policy: Policy, job: Job, message: Message, life: u64) -> Self {
        let id = match &message.key {
            Some(Key::Trigger(key) | Key::Resolve(key)) => key.clone(),
            None => email::id(&message),
        };
        Self {
            address,
            policy,
            job,
            message,
            id,
            life,
        }
    }

    pub fn word(&self) -> &'static str {
        match self.job.tell {
            Tell::Left => "left",
            Tell::Resolved | Tell::Both | Tell::Stray(_) => "over",
            Tell::New | Tell::Raised | Tell::Changed | Tell::Reminder => "open",
        }
    }
}

impl Told {
    /// Is what is about to be told true, now that it is composed?
    pub fn composed(
        &self,
        sending: &Sending,
        incident: &Incident,
        truth: Option<(Level, bool)>,
        scene: &Scene<'_>,
    ) -> Verdict {
        let Sending {
            job,
            message,
            policy,
            ..
        } = sending;
        let words = || {
            format!(
                "{:?} of {} {} to {}",
                job.tell, message.alert, message.series, sending.address
            )
        };
        match sending.word() {
            "open" => {
                if !incident.is_open() {
                    return Err(("a late trigger", words()));
                }
                let Some((level, alone)) = truth else {
                    return Err(("told of what is not so", words()));
                };
                if level != message.level || level != job.level || !alone {
                    return Err((
                        "told a level that is not so",
                        format!("{}: {} is {level}", words(), job.level),
                    ));
                }
                if !owed::listens(incident, policy) {
                    return Err(("told a level that it does not listen to", words()));
                }
                // what others are told together was theirs when it came to that, and of an
                // alert that left, those go on to hear who had to do with it before
                let told = !matches!(incident.subject, Subject::Series | Subject::Agent)
                    || incident.subject == Subject::Series && !scene.is_configured(&incident.group)
                    || self.is_told(incident, &policy.name, scene)
                    || self.may_fall_to(&policy.name);
                if !told {
                    return Err(("told who has nothing to do with it", words()));
                }
            }
            "over" if !matches!(job.tell, Tell::Stray(_)) => {
                // an open incident is over for one who is no longer told of it
                let still = incident.is_open()
                    && truth.is_some_and(|(_, alone)| alone)
                    && owed::listens(incident, policy);
                if still && self.is_told(incident, &policy.name, scene) {
                    return Err(("a false resolve", words()));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The receiver has it.
    pub fn taken(
        &mut self,
        sending: &Sending,
        recipients: &[Arc<str>],
        now: i64,
        world: Option<&World>,
    ) -> Verdict {
        match &sending.message.key {
            Some(Key::Trigger(key)) => self.triggered(sending, key, now),
            Some(Key::Resolve(key)) => self.resolved(sending, key, now, world),
            None => recipients
                .iter()
                .try_for_each(|recipient| self.messaged(sending, recipient, now)),
        }
        .map_err(|(kind, what)| (kind, format!("{what} at {now}")))
    }

    fn triggered(&mut self, sending: &Sending, key: &str, now: i64) -> Verdict {
        let Sending {
            address,
            job,
            message,
            ..
        } = sending;
        let before = self
            .pages
            .get(&(Arc::clone(address), key.to_owned()))
            .cloned();
        let highest = before.as_ref().map_or(job.level, |page| page.highest);
        let opened = Page {
            level: job.level,
            highest: highest.max(job.level),
            reminder: message.reminder,
            at: now,
            known: Known::Unsure,
            life: sending.life,
        };
        let under = (Arc::clone(address), key.to_owned());
        self.pages.insert(under.clone(), opened);
        let sure = |page: &Page| page.known != Known::Unsure && !self.confused.contains(address);
        if let Some(before) = before.filter(sure) {
            if before.level == job.level && before.reminder == message.reminder {
                if sending.life < before.life {
                    // what a process had sent when it was killed comes after the same of the next
                    self.pages.insert(under, before);
                    return Ok(());
                }
                return Err(("told twice", format!("trigger of {key} at {address}")));
            }
            // who acknowledged the lower level hears nothing of this one; where a process
            // took with it that the page was closed, nobody can know that it is another
            let taken_back = self.rolled_back_pages.contains(&page(sending));
            if before.highest < job.level && !taken_back {
                return Err(("a raise that wakes nobody", format!("{key} at {address}")));
            }
        }
        self.heard_by_key(sending, "open", now);
        Ok(())
    }

    fn heard_by_key(&mut self, sending: &Sending, word: &'static str, now: i64) {
        let heard = Heard {
            level: sending.job.level,
            word,
            id: sending.id.clone(),
            event: sending.message.event,
            reminder: sending.message.reminder,
            at: now,
            known: Known::Unsure,
            wants_end: sending.policy.resolved,
            life: sending.life,
        };
        self.heard.insert(who(sending, &self.nobody.0), heard);
    }

    fn resolved(
        &mut self,
        sending: &Sending,
        key: &str,
        now: i64,
        world: Option<&World>,
    ) -> Verdict {
        let Sending { address, job, .. } = sending;
        self.pages.remove(&(Arc::clone(address), key.to_owned()));
        self.closed
            .insert((Arc::clone(address), key.to_owned()), now);
        if matches!(job.tell, Tell::Stray(_)) {
            self.only_another_is_left(sending, key, world);
        } else {
            self.heard_by_key(sending, "over", now);
        }
        // whose page did this close?
        let Some(world) = world else { return Ok(()) };
        for (other, delivery) in world.deliveries() {
            let theirs =
                other.1 == job.receiver && other.0 != job.incident && delivery.told != Level::Ok;
            let incident = theirs.then(|| world.incident(other.0)).flatten();
            let Some(incident) = incident.filter(|incident| incident.is_open()) else {
                continue;
            };
            let suffix = delivery.key.filter(|level| *level != Level::Ok);
            let held = links::dedup_key(
                &incident.instance,
                &incident.group,
                &incident.series,
                suffix,
            );
            if held == key {
                return Err((
                    "a resolve closed the page of another incident",
                    format!("{key} at {address}"),
                ));
            }
        }
        Ok(())
    }

    /// The page that was heard of last is closed: the incident's other one says
    /// what is known of it.
    fn only_another_is_left(&mut self, sending: &Sending, key: &str, world: Option<&World>) {
        let incident = world.and_then(|world| world.incident(sending.job.incident));
        let Some(incident) = incident else {
            return;
        };
        let last = self.heard.get_mut(&who(sending, &self.nobody.0));
        let Some(heard) = last.filter(|last| last.id == key) else {
            return;
        };
        for suffix in SUFFIXES {
            let (instance, series) = (&incident.instance, &incident.series);
            let other = links::dedup_key(instance, &incident.group, series, suffix);
            if let Some(page) = self
                .pages
                .get(&(Arc::clone(&sending.address), other.clone()))
            {
                (heard.level, heard.known, heard.id) = (page.level, page.known, other);
                (heard.at, heard.reminder) = (page.at, page.reminder);
            }
        }
    }

    fn messaged(&mut self, sending: &Sending, recipient: &Arc<str>, now: i64) -> Verdict {
        let Sending {
            address,
            job,
            message,
            ..
        } = sending;
        let heard = Heard {
            level: job.level,
            word: sending.word(),
            id: sending.id.clone(),
            event: message.event,
            reminder: message.reminder,
            at: now,
            known: Known::Unsure,
            wants_end: sending.policy.resolved,
            life: sending.life,
        };
        let words = || {
            format!(
                "{:?} {} of {} {} to {address} {recipient}",
                job.tell, job.level, message.alert, message.series
            )
        };
        let before = self.heard.insert(who(sending, recipient), heard.clone());
        let Some(before) = before.filter(|_| !self.confused.contains(address)) else {
            return Ok(());
        };
        let same = (before.level, before.word, before.reminder)
            == (heard.level, heard.word, heard.reminder);
        if same && before.known != Known::Unsure {
            if heard.life < before.life && heard.id == before.id {
                // what a process had sent when it was killed comes after the same of the next
                self.heard.insert(who(sending, recipient), before);
                return Ok(());
            }
            return Err(("told twice", words()));
        }
        if same && before.event == heard.event && before.id != heard.id {
            return Err((
                "repeated under another name",
                format!("{}: {} and {}", words(), before.id, heard.id),
            ));
        }
        if before.event != heard.event && before.id == heard.id {
            return Err((
                "another message under the same name",
                format!("{}: {}", words(), heard.id),
            ));
        }
        let forgotten = self.rolled_back.contains(&job.incident);
        if heard.event < before.event && !forgotten {
            return Err(("out of order", words()));
        }
        Ok(())
    }

    /// This is told while the store fails: whoever dies now takes it with them.
    pub fn unwritten(&mut self, sending: &Sending) {
        self.unwritten.insert(sending.job.incident);
        self.unwritten_pages.insert(page(sending));
    }

    /// Everything is written.
    pub fn all_written(&mut self) {
        self.unwritten.clear();
        self.unwritten_pages.clear();
    }

    /// The agent noted what came of it.
    pub fn noted(&mut self, sending: &Sending, outcomes: &[Outcome]) {
        for (recipient, outcome) in sending.job.recipients.iter().zip(outcomes) {
            let accepted = *outcome == Outcome::Accepted;
            let unsure = matches!(outcome, Outcome::Later { unsure: true, .. });
            let known = if accepted {
                Known::Noted
            } else {
                Known::Unsure
            };
            if accepted || unsure {
                self.know(sending, recipient, known);
            }
        }
    }

    fn know(&mut self, sending: &Sending, recipient: &Arc<str>, known: Known) {
        let (who, page) = (who(sending, recipient), page(sending));
        // the answer to the end of one page says nothing of what is heard of another
        let of_another =
            |heard: &Heard| matches!(sending.job.tell, Tell::Stray(_)) && heard.id != sending.id;
        if let Some(heard) = self.heard.get_mut(&who)
            && !of_another(heard)
        {
            heard.known = known;
        }
        if sending.message.key.is_some()
            && let Some(page) = self.pages.get_mut(&page)
        {
            page.known = known;
        }
        if known == Known::Noted {
            self.unsettled.push((who, page));
        }
    }

    /// The agent can no longer learn what became of this.
    pub fn lost(&mut self, sending: &Sending) {
        for recipient in &sending.job.recipients {
            self.know(sending, recipient, Known::Unsure);
        }
    }

    fn turn(&mut self, from: &[Known], to: Known) {
        let ends = to == Known::Written || to == Known::Unsure;
        self.unsettled.retain(|(heard, page)| {
            let heard = self.heard.get_mut(heard).map(|heard| &mut heard.known);
            let page = self.pages.get_mut(page).map(|page| &mut page.known);
            let mut settled = true;
            for known in heard.into_iter().chain(page) {
                if from.contains(known) {
                    *known = to;
                }
                settled &= !matches!(known, Known::Noted | Known::Batched);
            }
            !(ends && settled)
        });
    }

    /// What was noted so far is in the batch that is being written.
    pub fn batched(&mut self) {
        self.turn(&[Known::Noted], Known::Batched);
        self.fallbacks_batched();
    }

    /// The batch is written, or is not.
    pub fn batch_ended(&mut self, written: bool) {
        let to = if written {
            Known::Written
        } else {
            Known::Noted
        };
        self.turn(&[Known::Batched], to);
        self.fallbacks_written(written);
    }

    /// The process is gone, and what it had not written.
    pub fn crashed(&mut self, knew: impl Fn(IncidentId) -> bool) -> Verdict {
        self.turn(&[Known::Noted, Known::Batched], Known::Unsure);
        self.left_alone.clear();
        self.fallbacks_forgotten();
        let mut lost = None;
        self.rolled_back.append(&mut self.unwritten);
        self.rolled_back_pages.append(&mut self.unwritten_pages);
        let unwritten = &self.rolled_back;
        self.heard.retain(|id, (address, _, heard)| {
            let heeded = heard.wants_end && !self.confused.contains(address);
            let orphan = heard.word == "open" && heeded && !knew(id);
            if orphan && heard.known == Known::Written && !unwritten.contains(&id) {
                lost = Some(format!("{address} heard {} of {id}", heard.level));
            }
            !orphan
        });
        match lost {
            Some(what) => Err(("a start forgot what was told", what)),
            None => Ok(()),
        }
    }

    /// The store lost everything, or the address changed while no agent ran:
    /// what was told before may never be taken back.
    pub fn confuse(&mut self, address: &Arc<str>) {
        self.confused.insert(Arc::clone(address));
    }

    /// Who is told no ends any more is not waited for.
    pub fn heed(&mut self, policies: &[Policy], addresses: &Addresses) {
        for policy in policies.iter().filter(|policy| !policy.resolved) {
            let Some(address) = addresses.get(&policy.name) else {
                continue;
            };
            for (there, _, heard) in self.heard.iter_mut() {
                heard.wants_end &= there != address;
            }
        }
    }

    /// Everything that was told may be forgotten.
    pub fn confuse_all(&mut self) {
        let known = self.heard.iter().map(|(_, (address, ..))| address);
        let paged = self.pages.keys().map(|(address, _)| address);
        self.confused.extend(known.chain(paged).cloned());
        for page in self.pages.values_mut() {
            page.known = Known::Unsure;
        }
        self.heard.clear();
        for watched in self.watched.values_mut() {
            watched.owed.clear();
            watched.due.clear();
            watched.fallbacks.clear();
        }
    }

    /// Nothing can have been waited for since an instant that is not over yet.
    pub fn clock_set_back(&mut self, now: i64) {
        let watched = self.watched.values_mut();
        for (_, since) in watched.flat_map(|watched| &mut watched.listening) {
            *since = now;
        }
    }

    /// Something at or near this address keeps it from being told.
    pub fn excuse(&mut self, address: &Arc<str>, now: i64) {
        let until = self.excused.entry(Arc::clone(address)).or_insert(now);
        *until = now.max(*until);
    }

    /// Everything has been quiet for long: every last word must be true.
    pub fn settled(&self, world: &World, addresses: &Addresses, wall: Timestamp) -> Verdict {
        let mut pages: BTreeSet<Under> = BTreeSet::new();
        for ((id, receiver, recipient), delivery) in world.deliveries() {
            let (Some(address), Some(incident)) = (addresses.get(receiver), world.incident(*id))
            else {
                continue;
            };
            let mut may_be_open = || {
                for level in SUFFIXES {
                    let (instance, series) = (&incident.instance, &incident.series);
                    let key = links::dedup_key(instance, &incident.group, series, level);
                    pages.insert((Arc::clone(address), key));
                }
            };
            if self.rolled_back.contains(id) {
                // told by a process that took it with it: open or not, as it may be
                may_be_open();
                continue;
            }
            let Some(policy) = world
                .setup()
                .policy(receiver)
                .filter(|_| !self.confused.contains(address))
            else {
                continue;
            };
            let who = (*id, Arc::clone(address), Arc::clone(recipient));
            let heard = self.heard.get(&who);
            let last = heard
                .filter(|heard| heard.word == "open")
                .map_or(Level::Ok, |heard| heard.level);
            // taken without an answer, and its hours ended before it could be repeated
            let unsure = heard.is_some_and(|heard| heard.known == Known::Unsure);
            if last != delivery.told && unsure && owed::is_held(world, incident, wall) {
                if incident.is_open() {
                    may_be_open();
                }
                continue;
            }
            if last != delivery.told {
                return Err((
                    "the agent believes what is not so",
                    format!(
                        "{} {} at {address}: heard {last}, noted {}",
                        incident.group, incident.series, delivery.told
                    ),
                ));
            }
            if policy.keyed && delivery.told != Level::Ok {
                let suffix = delivery.key.filter(|level| *level != Level::Ok);
                let key = links::dedup_key(
                    &incident.instance,
                    &incident.group,
                    &incident.series,
                    suffix,
                );
                if self
                    .pages
                    .get(&(Arc::clone(address), key.clone()))
                    .map(|page| page.level)
                    != Some(delivery.told)
                {
                    return Err(("a page is not open", format!("{key} at {address}")));
                }
                pages.insert((Arc::clone(address), key));
                // a raise was accepted just now: the page whose place it takes is resolved
                // next, after all that is more urgent
                if delivery.told_at.is_some_and(|at| wall < at.plus(JUST_NOW)) {
                    for level in &delivery.sent {
                        let suffix = Some(*level).filter(|level| *level != Level::Ok);
                        let (instance, series) = (&incident.instance, &incident.series);
                        let key = links::dedup_key(instance, &incident.group, series, suffix);
                        pages.insert((Arc::clone(address), key));
                    }
                }
            }
        }
        // nobody believes in anything else
        for page in self.pages.keys() {
            let configured = addresses.values().any(|address| *address == page.0);
            let excused = self.confused.contains(&page.0) || self.rolled_back_pages.contains(page);
            if configured && !excused && !pages.contains(page) {
                return Err(("a page stays open", format!("{} at {}", page.1, page.0)));
            }
        }
        self.nothing_lost(world, addresses)
    }
}

/// One of those that `sending` is told to.
fn who(sending: &Sending, recipient: &Arc<str>) -> Who {
    let (id, address) = (sending.job.incident, Arc::clone(&sending.address));
    (id, address, Arc::clone(recipient))
}

/// The page that it is about.
fn page(sending: &Sending) -> Under {
    (Arc::clone(&sending.address), sending.id.clone())
}
