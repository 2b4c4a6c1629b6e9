//! What a new configuration changes about receivers.
//!
//! A worker is bound to one way of sending, so it is replaced whenever anything
//! of that changes; but only a receiver that is somewhere else has to be told
//! anew, and the old place that it is over. One that is merely called otherwise
//! at PagerDuty must not be: its end and its beginning would go to the same key,
//! in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::Receiver;
use crate::deliver::settings::Destination;

/// Receivers by what becomes of them; names are those of the old configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// They left, or are reached in another way: their workers end.
    pub changed: BTreeSet<Arc<str>>,
    /// Of these, those that are somewhere else now.
    pub moved: BTreeSet<Arc<str>>,
    /// Those that only have another name, as (old, new).
    pub renamed: Vec<(Arc<str>, Arc<str>)>,
}

impl Changes {
    /// What becomes of the `old` receivers under the `new` configuration.
    pub fn between(old: &[Receiver], new: &[Receiver]) -> Self {
        let mut changes = Self::default();
        for receiver in old {
            let name = &receiver.policy.name;
            let present = named(new, name);
            if present.is_some_and(|new| new.destination == receiver.destination) {
                continue;
            }
            changes.changed.insert(Arc::clone(name));
            match present {
                Some(new) if new.destination.is_where(&receiver.destination) => {}
                Some(_) => {
                    changes.moved.insert(Arc::clone(name));
                }
                None => {
                    let successor = successor(receiver, old, new);
                    changes
                        .renamed
                        .extend(successor.map(|new| (Arc::clone(name), new)));
                }
            }
        }
        changes
    }

    /// Receivers that are now where one still is that was `retired` before, as
    /// (the retired one's name, the present one's).
    pub fn came_back(
        &self,
        retired: &BTreeMap<Arc<str>, Receiver>,
        old: &[Receiver],
        new: &[Receiver],
    ) -> Vec<(Arc<str>, Arc<str>)> {
        let mut came_back = Vec::new();
        for (name, there) in retired {
            let back = new.iter().find(|receiver| {
                let present = &receiver.policy.name;
                let arrives = self.changed.contains(present) || named(old, present).is_none();
                arrives && receiver.destination.is_where(&there.destination)
            });
            came_back.extend(back.map(|back| (Arc::clone(name), Arc::clone(&back.policy.name))));
        }
        came_back
    }
}

fn named<'a>(receivers: &'a [Receiver], name: &str) -> Option<&'a Receiver> {
    receivers.iter().find(|other| *other.policy.name == *name)
}

/// The new name of a PagerDuty receiver, where there is exactly one that it can be.
fn successor(receiver: &Receiver, old: &[Receiver], new: &[Receiver]) -> Option<Arc<str>> {
    let same = |other: &&Receiver| {
        matches!(other.destination, Destination::PagerDuty(_))
            && other.destination.is_where(&receiver.destination)
    };
    let mut before = old.iter().filter(same);
    let mut after = new.iter().filter(same);
    match (before.next(), before.next(), after.next(), after.next()) {
        (Some(_), None, Some(only), None) if named(old, &only.policy.name).is_none() => {
            Some(Arc::clone(&only.policy.name))
        }
        _ => None,
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
    use crate::config;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210";

    fn receivers(yaml: &str) -> Vec<Receiver> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alerts.yml");
        let alerts =
            "graphite: {url: http://127.0.0.1:1}\nalerts: [{name: A, target: a, critical: 1}]\n";
        let yaml = yaml.replace("KEY", KEY).replace("OTHER", OTHER);
        std::fs::write(&file, format!("{alerts}receivers:\n{yaml}\n")).unwrap();
        config::load(&[file], &|_| None).unwrap().config.receivers
    }

    /// Changed, moved and renamed, as words.
    fn check(old: &str, new: &str, expected: (&str, &str, &str)) {
        let changes = Changes::between(&receivers(old), &receivers(new));
        let words = |names: &BTreeSet<Arc<str>>| {
            names
                .iter()
                .map(|name| &**name)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let renamed: Vec<_> = changes
            .renamed
            .iter()
            .map(|(old, new)| format!("{old}>{new}"))
            .collect();
        let found = (
            words(&changes.changed),
            words(&changes.moved),
            renamed.join(" "),
        );
        let found = (found.0.as_str(), found.1.as_str(), found.2.as_str());
        assert_eq!(found, expected, "from {old} to {new}");
    }

    #[test]
    fn what_is_the_same_stays_whatever_its_policy_says() {
        let a = "  a: {pagerduty: {routing_key: KEY}}";
        check(a, a, ("", "", ""));
        check(
            a,
            "  a: {pagerduty: {routing_key: KEY}, levels: [critical]}",
            ("", "", ""),
        );
    }

    #[test]
    fn other_words_are_another_way_to_the_same_place() {
        check(
            "  a: {pagerduty: {routing_key: KEY}}",
            "  a: {pagerduty: {routing_key: KEY, summary: x}}",
            ("a", "", ""),
        );
        check(
            "  a: {webhook: {url: 'http://h/'}}",
            "  a: {webhook: {url: 'http://h/', headers: {X: y}}}",
            ("a", "", ""),
        );
    }

    #[test]
    fn another_key_address_or_kind_is_another_place() {
        check(
            "  a: {pagerduty: {routing_key: KEY}}",
            "  a: {pagerduty: {routing_key: OTHER}}",
            ("a", "a", ""),
        );
        check(
            "  a: {webhook: {url: 'http://h/'}}",
            "  a: {webhook: {url: 'http://i/'}}",
            ("a", "a", ""),
        );
        check(
            "  a: {webhook: {url: 'http://h/'}}",
            "  a: {slack: {url: 'http://h/'}}",
            ("a", "a", ""),
        );
    }

    #[test]
    fn mail_is_compared_by_its_recipients_elsewhere() {
        check(
            "  a: {email: {to: [x@example.com], from: y@example.com}}",
            "  a: {email: {to: [z@example.com], from: y@example.com}}",
            ("a", "", ""),
        );
    }

    #[test]
    fn one_that_left_is_changed() {
        check(
            "  a: {console: {}}\n  b: {console: {}}",
            "  b: {console: {}}",
            ("a", "", ""),
        );
    }

    #[test]
    fn another_name_for_the_same_routing_key_is_a_rename() {
        check(
            "  a: {pagerduty: {routing_key: KEY}}",
            "  b: {pagerduty: {routing_key: KEY}}",
            ("a", "", "a>b"),
        );
        check(
            "  a: {webhook: {url: 'http://h/'}}",
            "  b: {webhook: {url: 'http://h/'}}",
            ("a", "", ""),
        );
    }

    #[test]
    fn one_that_moves_back_is_where_it_is_still_told_ends() {
        let there = receivers("  a: {pagerduty: {routing_key: KEY}}");
        let elsewhere = receivers("  a: {pagerduty: {routing_key: OTHER}}");
        let retired = BTreeMap::from([(Arc::from("a (until 1)"), there[0].clone())]);
        let changes = Changes::between(&elsewhere, &there);
        let back = changes.came_back(&retired, &elsewhere, &there);
        assert_eq!(back, [(Arc::from("a (until 1)"), Arc::from("a"))]);
        // another that was always there is told nothing twice
        let both = receivers(
            "  a: {pagerduty: {routing_key: OTHER}}\n  b: {pagerduty: {routing_key: KEY}}",
        );
        let changes = Changes::between(&both, &both);
        assert_eq!(changes.came_back(&retired, &both, &both), []);
    }

    #[test]
    fn a_rename_that_could_be_two_things_is_none() {
        check(
            "  a: {pagerduty: {routing_key: KEY}}\n  b: {pagerduty: {routing_key: OTHER}}",
            "  b: {pagerduty: {routing_key: KEY}}",
            ("a b", "b", ""),
        );
    }
}
