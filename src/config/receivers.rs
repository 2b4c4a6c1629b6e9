//! Section `receivers:`: who is told, when and of what.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Receiver;
use super::code::{Allow, Code};
use super::context::Context;
use super::kinds;
use super::problem::{Place, quote};
use super::reader::Map;
use super::scalar;
use super::spots::Spot;
use super::suggest;
use super::tree::{Entry, Kind};
use super::values::{duration_of, positive, unless_off};
use crate::alert::{Levels, Policy};
use crate::deliver::settings::{Destination, Smtp};

/// The keys that every receiver takes beside its kind.
pub const KEYS: &[&str] = &[
    "levels",
    "resolved",
    "repeat",
    "after",
    "fallback",
    "fallback_after",
    "default",
    "allow",
];

/// How often a PagerDuty incident is sent again while it stays open.
pub const PAGERDUTY_REPEAT: Duration = Duration::from_secs(4 * 3600);
const FALLBACK_AFTER: Duration = Duration::from_secs(300);

/// All receivers, and the names of those that could not be read.
#[derive(Default)]
pub struct Receivers {
    /// In file order.
    pub sound: Vec<Receiver>,
    /// Every name with its place, sound or not: naming one of them is no further fault.
    names: Vec<Arc<str>>,
    known: HashMap<Arc<str>, Place>,
    allow: HashMap<Arc<str>, Allow>,
    fallbacks: Vec<Fallback>,
    /// One of them, or their list, could not be read.
    faulty: bool,
}

/// Who says whom to tell as well.
struct Fallback {
    from: Arc<str>,
    to: Arc<str>,
    place: Place,
    /// `to` as messages may quote it.
    quoted: String,
}

impl Receivers {
    /// Adds the receivers of one `receivers:` section; what is allowed at the top level is allowed in it.
    pub fn read(&mut self, top: &Map<'_>, section: &Entry, smtp: &Smtp) {
        let context = top.context;
        if section.value.is_null() {
            return;
        }
        let Some(map) = Map::of(context, &section.value, "`receivers`") else {
            self.faulty = true;
            return;
        };
        for entry in map.entries() {
            let name: Arc<str> = Arc::from(&*entry.key);
            if !self.declare(context, &name, entry.place) {
                continue;
            }
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                context.error(
                    entry.place,
                    "a receiver's name is empty or holds control characters",
                    "write a word, such as `oncall`",
                );
                continue;
            }
            match self.one(top, &name, entry, smtp) {
                Some(receiver) => self.sound.push(receiver),
                None => self.faulty = true,
            }
        }
    }

    /// Whether one that is meant to be there is not among those that are sound: how
    /// many there will be is not known then.
    pub fn is_faulty(&self) -> bool {
        self.faulty
    }

    /// Notes a name; a second one of the same kind is a fault.
    pub fn declare(&mut self, context: &Context<'_>, name: &Arc<str>, place: Place) -> bool {
        if let Some(first) = self.known.get(name) {
            let message = format!(
                "receiver {} is defined twice, here and at {}",
                quote(name),
                context.show(place)
            );
            context.error(*first, message, "give one of the two another name");
            return false;
        }
        self.known.insert(Arc::clone(name), place);
        self.names.push(Arc::clone(name));
        true
    }

    /// Checks that a name in a list of receivers is one; what is not known is a fault.
    pub fn resolve(
        &self,
        context: &Context<'_>,
        text: scalar::Text<'_>,
        what: &str,
    ) -> Option<Arc<str>> {
        let known = self.known.get_key_value(text.value);
        if known.is_none() && context.complete() {
            let hint = if self.names.is_empty() {
                "no receiver is defined: add `receivers:`".to_owned()
            } else {
                suggest::hint(
                    text.value,
                    self.names.iter().map(|name| &**name),
                    "receivers",
                )
            };
            context.error(
                text.place,
                format!("{what}: there is no receiver {}", text.quoted()),
                hint,
            );
        }
        known.map(|(name, _)| Arc::clone(name))
    }

    /// Checks every `fallback:` once all receivers are known.
    pub fn check_fallbacks(&self, context: &Context<'_>) {
        for Fallback {
            from,
            to,
            place,
            quoted,
        } in &self.fallbacks
        {
            let what = format!("`fallback` of receiver {}", quote(from));
            if from == to {
                context.error(
                    *place,
                    format!("{what} is the receiver itself"),
                    "name another receiver, or take the key out",
                );
            } else if !self.known.contains_key(to) && context.complete() {
                let names = self
                    .names
                    .iter()
                    .map(|name| &**name)
                    .filter(|name| *name != &**from);
                let hint = suggest::hint(to, names, "receivers");
                context.error(
                    *place,
                    format!("{what}: there is no receiver {quoted}"),
                    hint,
                );
            }
        }
        self.check_circles(context);
    }

    /// Warns of two receivers at one PagerDuty key: what one resolves, the other has open.
    pub fn warn_of_shared_keys(&self, top: &Map<'_>) {
        let spots = self.spots(top);
        let mut keys: HashMap<&str, &Arc<str>> = HashMap::new();
        for Receiver {
            policy,
            destination,
        } in &self.sound
        {
            let Destination::PagerDuty(pagerduty) = destination else {
                continue;
            };
            let Some(first) = keys.insert(pagerduty.routing_key.expose(), &policy.name) else {
                continue;
            };
            let spot = spots.get(&policy.name);
            if let Some(spot) = spot.filter(|spot| !spot.allows(Code::SharedKey)) {
                let message = format!(
                    "receivers {} and {} have the same routing key, and would resolve each other's incidents",
                    quote(first),
                    quote(&policy.name)
                );
                top.context.warn(
                    Code::SharedKey,
                    spot.place,
                    message,
                    "make them one receiver, or give each an integration of its own",
                );
            }
        }
    }

    /// Where each receiver stands, and what is allowed there.
    pub fn spots(&self, top: &Map<'_>) -> HashMap<Arc<str>, Spot> {
        let spot = |(name, place): (&Arc<str>, &Place)| {
            let allow = self.allow.get(name).unwrap_or(top.allow());
            let spot = Spot {
                place: *place,
                allow: allow.clone(),
            };
            (Arc::clone(name), spot)
        };
        self.known.iter().map(spot).collect()
    }

    /// Says each circle of fallbacks once, at its first receiver in file order.
    fn check_circles(&self, context: &Context<'_>) {
        let next: HashMap<&str, &Fallback> = self
            .fallbacks
            .iter()
            .map(|fallback| (&*fallback.from, fallback))
            .collect();
        let mut visited: HashSet<&str> = HashSet::new();
        for start in &self.fallbacks {
            let mut path: Vec<&Fallback> = Vec::new();
            let mut at = next.get(&*start.from);
            while let Some(fallback) = at.filter(|fallback| visited.insert(&fallback.from)) {
                path.push(fallback);
                at = next.get(&*fallback.to);
            }
            let Some(closing) = at else { continue };
            // a circle of one has been reported; one that an earlier walk met is not on this path
            let Some(begin) = path
                .iter()
                .position(|fallback| fallback.from == closing.from)
            else {
                continue;
            };
            let mut circle = path.split_off(begin);
            let first = circle
                .iter()
                .enumerate()
                .min_by_key(|(_, fallback)| self.known.get(&fallback.from))
                .map_or(0, |(at, _)| at);
            circle.rotate_left(first);
            if let [first, _, ..] = circle.as_slice() {
                let names: Vec<String> = circle
                    .iter()
                    .chain([first])
                    .take(12)
                    .map(|fallback| quote(&fallback.from))
                    .collect();
                let message = format!(
                    "`fallback` of receiver {} leads back to itself: {}",
                    quote(&first.from),
                    names.join(" -> ")
                );
                context.error(
                    first.place,
                    message,
                    "take one `fallback` of the circle out",
                );
            }
        }
    }

    fn one(
        &mut self,
        top: &Map<'_>,
        name: &Arc<str>,
        entry: &Entry,
        smtp: &Smtp,
    ) -> Option<Receiver> {
        let context = top.context;
        let what = format!("receiver {}", quote(name));
        if entry.value.is_null() {
            no_kind(context, entry.place, &what);
            return None;
        }
        let map = Map::of(context, &entry.value, what)?.allowing(Some(top.allow()));
        self.allow.insert(Arc::clone(name), map.allow().clone());
        let known: Vec<&str> = kinds::KEYS
            .iter()
            .map(|(kind, _)| *kind)
            .chain(KEYS.iter().copied())
            .collect();
        map.only(&known);
        let destination = destination(&map, smtp, entry.place);
        let keyed = map.entries().iter().any(|entry| &*entry.key == "pagerduty");
        let policy = self.policy(&map, name, keyed);
        let destination = destination?;
        Some(Receiver {
            policy: Policy {
                recipients: recipients(&destination),
                ..policy
            },
            destination,
        })
    }

    fn policy(&mut self, map: &Map<'_>, name: &Arc<str>, keyed: bool) -> Policy {
        let default = policy(name, keyed);
        let fallback = map.filled("fallback").map(|text| {
            let to: Arc<str> = Arc::from(text.value);
            self.fallbacks.push(Fallback {
                from: Arc::clone(name),
                to: Arc::clone(&to),
                place: text.place,
                quoted: text.quoted(),
            });
            to
        });
        Policy {
            levels: levels(map).unwrap_or(default.levels),
            resolved: map.truth("resolved").unwrap_or(default.resolved),
            repeat: unless_off(map, "repeat", positive).unwrap_or(default.repeat),
            after: duration_of(map, "after").unwrap_or(default.after),
            fallback,
            fallback_after: duration_of(map, "fallback_after").unwrap_or(default.fallback_after),
            default: map.truth("default").unwrap_or(default.default),
            ..default
        }
    }
}

/// What a receiver wants to hear where its definition says nothing.
pub fn policy(name: &Arc<str>, keyed: bool) -> Policy {
    Policy {
        name: Arc::clone(name),
        levels: Levels::ALL,
        resolved: true,
        repeat: keyed.then_some(PAGERDUTY_REPEAT),
        after: Duration::ZERO,
        fallback: None,
        fallback_after: FALLBACK_AFTER,
        default: false,
        keyed,
        recipients: Vec::new(),
    }
}

fn recipients(destination: &Destination) -> Vec<Arc<str>> {
    match destination {
        Destination::Email(email) => email
            .to
            .iter()
            .chain(&email.cc)
            .map(|mailbox| Arc::from(mailbox.email.to_string()))
            .collect(),
        _ => Vec::new(),
    }
}

fn no_kind(context: &Context<'_>, place: Place, what: &str) {
    let kinds: Vec<String> = kinds::KEYS
        .iter()
        .map(|(kind, _)| format!("`{kind}`"))
        .collect();
    let message = format!("{what} does not say how it is told");
    context.error(
        place,
        message,
        format!("add one of {}, such as `console: {{}}`", kinds.join(", ")),
    );
}

fn destination(map: &Map<'_>, smtp: &Smtp, place: Place) -> Option<Destination> {
    let is_kind = |entry: &&Entry| kinds::KEYS.iter().any(|(kind, _)| *kind == &*entry.key);
    let mut given = map.entries().iter().filter(is_kind);
    let Some(entry) = given.next() else {
        // an unknown key is most likely a misspelt kind, and has been reported
        let misspelt = map
            .entries()
            .iter()
            .any(|entry| !KEYS.contains(&&*entry.key));
        if !misspelt {
            no_kind(map.context, place, &map.what);
        }
        return None;
    };
    let destination = kinds::read(map, entry, smtp);
    for other in given {
        let message = format!(
            "{} is both `{}` and `{}`, here and at {}",
            map.what,
            entry.key,
            other.key,
            map.context.show(other.place)
        );
        map.context.error(
            entry.place,
            message,
            "define two receivers, one of each kind",
        );
        kinds::read(map, other, smtp);
    }
    destination
}

fn levels(map: &Map<'_>) -> Option<Levels> {
    let texts = map.texts("levels")?;
    let mut levels = Levels {
        warning: false,
        no_data: false,
        critical: false,
    };
    let mut sound = true;
    for text in &texts {
        match text.value {
            "warning" => levels.warning = true,
            "no_data" => levels.no_data = true,
            "critical" => levels.critical = true,
            _ => {
                sound = false;
                let hint = suggest::hint(text.value, ["warning", "critical", "no_data"], "levels");
                map.context.error(
                    text.place,
                    format!("{}: unknown level {}", map.name("levels"), text.quoted()),
                    hint,
                );
            }
        }
    }
    let entry = map.entry("levels")?;
    if matches!(&entry.value.kind, Kind::List(items) if items.is_empty()) {
        map.context.error(entry.value.place, format!("{} is empty: this receiver would never be told anything", map.name("levels")), "name at least one of `warning`, `critical`, `no_data`, or take the key out for all three");
    }
    (sound && !texts.is_empty()).then_some(levels)
}
