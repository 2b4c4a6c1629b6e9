//! The predecessor's keys, so that its `alerts.yml` runs unchanged.
//!
//! Its flat keys become receivers of the same names. A key of an alert's own
//! (`pagerduty_key`, `slack_url` on an alert) becomes a receiver that only this
//! alert tells, in place of the flat ones of its kind. What has no equal is
//! accepted with a warning that says what replaced it.

use std::path::Path;
use std::sync::Arc;

use super::Receiver;
use super::code::Code;
use super::kinds::{PAGERDUTY, SEVERITIES, routing_key};
use super::problem::Place;
use super::reader::Map;
use super::receivers::{Receivers, policy};
use super::values::{secret_url, url_fault};
use crate::alert::{Alert, Levels, Policy};
use crate::deliver::settings::{Destination, PagerDuty, Slack, parse_url};
use crate::secret::Secret;

/// The predecessor's keys at the top level, without those for Graphite.
pub const KEYS: &[&str] = &[
    "pagerduty_key",
    "pagerduty",
    "slack_url",
    "slack",
    "stdout_enabled",
];
/// The keys of `pagerduty:` and `slack:` at the top level.
pub const LEVELS: &[&str] = &["nominal", "warning", "critical", "no_data"];

const NONE: Levels = Levels {
    warning: false,
    no_data: false,
    critical: false,
};

/// The predecessor's two ways to tell that an alert can have of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    PagerDuty,
    Slack,
}

impl Kind {
    const ALL: [Self; 2] = [Self::PagerDuty, Self::Slack];

    /// The flat key, and the key of an alert.
    fn key(self) -> &'static str {
        match self {
            Self::PagerDuty => "pagerduty_key",
            Self::Slack => "slack_url",
        }
    }

    /// The key with an address per level.
    fn levels_key(self) -> &'static str {
        match self {
            Self::PagerDuty => "pagerduty",
            Self::Slack => "slack",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::PagerDuty => "PAGERDUTY_KEY",
            Self::Slack => "SLACK_URL",
        }
    }

    fn read(self, map: &Map<'_>, key: &str) -> Option<Secret> {
        match self {
            Self::PagerDuty => routing_key(map, key),
            Self::Slack => secret_url(map, key),
        }
    }

    fn destination(self, address: Secret) -> Destination {
        match self {
            Self::PagerDuty => Destination::PagerDuty(PagerDuty {
                routing_key: address,
                url: Secret::new(PAGERDUTY),
                severity: SEVERITIES,
                summary: None,
            }),
            Self::Slack => Destination::Slack(Slack {
                url: address,
                channel: None,
                text: None,
            }),
        }
    }
}

/// Notes what is wrong with the keys that an alert has of its own.
pub fn check_own(map: &Map<'_>) {
    for kind in Kind::ALL.into_iter().filter(|kind| map.has(kind.key())) {
        kind.read(map, kind.key());
    }
}

/// The receivers that came from flat keys, and those that only some alerts tell.
#[derive(Default)]
pub struct Flat {
    names: Vec<(Kind, Arc<str>)>,
    private: Vec<(Kind, Arc<str>)>,
}

impl Flat {
    /// Makes receivers of the flat keys at the top level.
    pub fn read(top: &Map<'_>, receivers: &mut Receivers) -> Self {
        let mut flat = Self::default();
        for kind in Kind::ALL {
            flat.single(kind, top, receivers);
            flat.per_level(kind, top, receivers);
        }
        if let Some(entry) = top.entry("stdout_enabled")
            && top.truth("stdout_enabled") == Some(true)
        {
            flat.add(
                None,
                "stdout_enabled",
                Destination::Console,
                Levels::ALL,
                entry.place,
                top,
                receivers,
            );
        }
        flat
    }

    fn single(&mut self, kind: Kind, top: &Map<'_>, receivers: &mut Receivers) {
        let Some(entry) = top.entry(kind.key()) else {
            return;
        };
        let replaced = top.context.env_filled(kind.variable());
        let address = match replaced {
            Some(value) => environment(kind, top, value),
            None => kind.read(top, kind.key()),
        };
        if let Some(address) = address {
            self.add(
                Some(kind),
                kind.key(),
                kind.destination(address),
                Levels::ALL,
                entry.place,
                top,
                receivers,
            );
        }
    }

    fn per_level(&mut self, kind: Kind, top: &Map<'_>, receivers: &mut Receivers) {
        let section = kind.levels_key();
        let Some(map) = top.map(section) else { return };
        map.only(LEVELS);
        if let Some(entry) = map.entry("nominal") {
            let message = format!("{} has no effect any more", map.name("nominal"));
            let hint = "the end of an incident goes to the receiver that was told of it";
            map.warn(Code::RetiredKey, entry.place, message, hint);
        }
        // one address is one receiver: two would resolve each other's incidents
        let mut addresses: Vec<(Secret, Levels, Vec<&str>, Place)> = Vec::new();
        for level in LEVELS.iter().copied().filter(|level| *level != "nominal") {
            let Some(entry) = map.entry(level) else {
                continue;
            };
            let Some(address) = kind.read(&map, level) else {
                continue;
            };
            let at = addresses.iter().position(|(known, ..)| *known == address);
            let at = at.unwrap_or_else(|| {
                addresses.push((address, NONE, Vec::new(), entry.place));
                addresses.len() - 1
            });
            if let Some((_, levels, names, _)) = addresses.get_mut(at) {
                listen(levels, level);
                names.push(level);
            }
        }
        for (address, levels, names, place) in addresses {
            let destination = kind.destination(address);
            let known = receivers.sound.iter().any(|receiver| {
                receiver.policy.name.as_ref() == kind.key() && receiver.destination == destination
            });
            if known {
                continue;
            }
            let name = if levels == Levels::ALL {
                section.to_owned()
            } else {
                format!("{section}.{}", names.join("+"))
            };
            self.add(
                Some(kind),
                &name,
                destination,
                levels,
                place,
                top,
                receivers,
            );
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call for each kind, named at the call"
    )]
    fn add(
        &mut self,
        kind: Option<Kind>,
        name: &str,
        destination: Destination,
        levels: Levels,
        place: Place,
        top: &Map<'_>,
        receivers: &mut Receivers,
    ) {
        let name: Arc<str> = Arc::from(name);
        if receivers.declare(top.context, &name, place) {
            let policy = Policy {
                levels,
                ..policy(&name, kind == Some(Kind::PagerDuty))
            };
            receivers.sound.push(Receiver {
                policy,
                destination,
            });
            if let Some(kind) = kind {
                self.names.push((kind, name));
            }
        }
    }

    /// The receivers that the alert read from `map` has of its own, if it has any: with the kind that each replaces.
    pub fn own(&mut self, map: &Map<'_>, alert: &Alert, sound: &mut Vec<Receiver>) -> Own {
        let mut own = Own::default();
        for kind in Kind::ALL {
            let Some(address) = map
                .entry(kind.key())
                .and_then(|_| kind.read(map, kind.key()))
            else {
                continue;
            };
            let destination = kind.destination(address);
            let flat = |name: &Arc<str>| {
                self.names
                    .iter()
                    .chain(&self.private)
                    .any(|(_, known)| known == name)
            };
            let known = sound.iter().find(|receiver| {
                receiver.destination == destination
                    && receiver.policy.levels == Levels::ALL
                    && flat(&receiver.policy.name)
            });
            let name = match known {
                Some(receiver) => Arc::clone(&receiver.policy.name),
                None => {
                    let name: Arc<str> =
                        Arc::from(unused(&format!("{} of {}", kind.key(), alert.name), sound));
                    let policy = policy(&name, kind == Kind::PagerDuty);
                    sound.push(Receiver {
                        policy,
                        destination,
                    });
                    self.private.push((kind, Arc::clone(&name)));
                    name
                }
            };
            own.0.push((kind, name));
        }
        own
    }

    /// Sets who is told by an alert with receivers of its own: these, in place of the flat ones of their kind.
    pub fn apply(&self, own: &Own, alert: &mut Alert, sound: &[Receiver]) {
        if own.0.is_empty() {
            return;
        }
        let any_default = sound.iter().any(|receiver| receiver.policy.default);
        let usual = alert.notify.clone().unwrap_or_else(|| {
            let told = sound
                .iter()
                .filter(|receiver| receiver.policy.default || !any_default);
            told.map(|receiver| Arc::clone(&receiver.policy.name))
                .filter(|name| !self.is_private(name))
                .collect()
        });
        let replaced = |name: &Arc<str>| {
            self.names.iter().any(|(kind, known)| {
                known == name && own.0.iter().any(|(replacing, _)| replacing == kind)
            })
        };
        let mut notify: Vec<Arc<str>> = usual.into_iter().filter(|name| !replaced(name)).collect();
        notify.extend(own.0.iter().map(|(_, name)| Arc::clone(name)));
        alert.notify = Some(notify);
    }

    /// Keeps receivers of single alerts from being told of every other: where nobody is told by default, all the others are.
    pub fn shut_out(&self, sound: &mut [Receiver]) {
        if self.private.is_empty() || sound.iter().any(|receiver| receiver.policy.default) {
            return;
        }
        for receiver in sound {
            receiver.policy.default = !self.is_private(&receiver.policy.name);
        }
    }

    fn is_private(&self, name: &Arc<str>) -> bool {
        self.private.iter().any(|(_, known)| known == name)
    }
}

/// What one alert tells of its own.
#[derive(Default)]
pub struct Own(Vec<(Kind, Arc<str>)>);

fn unused(name: &str, sound: &[Receiver]) -> String {
    let taken = |name: &str| sound.iter().any(|receiver| &*receiver.policy.name == name);
    let numbered = (2..).map(|number| format!("{name} {number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken(name))
        .unwrap_or_default()
}

fn listen(levels: &mut Levels, level: &str) {
    match level {
        "warning" => levels.warning = true,
        "no_data" => levels.no_data = true,
        _ => levels.critical = true,
    }
}

fn environment(kind: Kind, top: &Map<'_>, value: String) -> Option<Secret> {
    let why = match kind {
        Kind::PagerDuty if value.trim().contains(char::is_whitespace) => {
            "it is more than one word".to_owned()
        }
        Kind::PagerDuty => return Some(Secret::new(value.trim())),
        Kind::Slack => match parse_url(value.trim()) {
            Ok(_) => return Some(Secret::new(value.trim())),
            Err(why) => url_fault(&why),
        },
    };
    top.context.error_of(
        Path::new("environment"),
        format!("{}: {why}", kind.variable()),
        "correct the variable, or take it out of the environment",
    );
    None
}
