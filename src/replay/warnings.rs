//! What a replay has to say about itself: where it may differ from what `run`
//! would have judged, and why.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use super::feed::{Coarse, Feed, Feeds, Watcher};
use super::player::Player;
use super::span::Span;
use super::{cannot, doubts};
use crate::alert::{Group, duration};
use crate::deliver::text;

/// Something that makes the replay of an alert doubtful.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The alert.
    pub alert: String,
    /// What, and why.
    pub text: String,
}

/// What is said of one alert, or in the same words of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// Which.
    pub alerts: Vec<&'a str>,
    /// What, and why.
    pub text: &'a str,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.alerts.iter();
        let names = names.map(|name| format!("`{}`", text::clean(name)));
        let names = names.collect::<Vec<_>>().join(", ");
        let alerts = if self.alerts.len() == 1 {
            "alert"
        } else {
            "alerts"
        };
        write!(f, "{alerts} {names}: {}", text::clean(self.text))
    }
}

/// The same, each thing said once, in the order of the first alert that it is said of.
pub fn once(warnings: &[Warning]) -> Vec<Said<'_>> {
    let mut all: Vec<Said<'_>> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for warning in warnings {
        let at = *known.entry(&warning.text).or_insert(all.len());
        match all.get_mut(at) {
            Some(said) => said.alerts.push(&warning.alert),
            None => all.push(Said {
                alerts: vec![&warning.alert],
                text: &warning.text,
            }),
        }
    }
    all
}

/// Everything there is to say, of each alert together.
pub fn warnings(
    groups: &[std::sync::Arc<Group>],
    feeds: &Feeds,
    player: &Player,
    span: Span,
) -> Vec<Warning> {
    let mut all = BTreeSet::new();
    let mut add = |alert: &str, text: String| {
        let alert = alert.to_owned();
        all.insert(Warning { alert, text });
    };
    for group in groups {
        match cannot(group) {
            Some(why) => add(&group.name, why),
            None => {
                for doubt in group.alerts.iter().flat_map(doubts::of) {
                    add(&group.name, doubt);
                }
            }
        }
    }
    for feed in &feeds.0 {
        for watcher in &feed.alerts {
            for text in of_feed(feed, watcher) {
                add(&watcher.alert, text);
            }
        }
    }
    for (name, at) in player.began_late(span.from) {
        add(
            name,
            format!(
                "Graphite has nothing of it before {at}, though its series are there now: it is replayed from then"
            ),
        );
    }
    all.into_iter().collect()
}

fn of_feed(feed: &Feed, watcher: &Watcher) -> Vec<String> {
    let target = &feed.target;
    let mut texts = Vec::new();
    if let Some(coarse) = &feed.coarse {
        texts.push(coarser(coarse, watcher, target.as_str()));
    }
    let step = feed
        .present
        .values()
        .filter_map(|present| present.step)
        .max();
    if let (Some(step), Some(settle)) = (step.and_then(span), watcher.settle)
        && watcher.window < step.saturating_mul(2).saturating_add(settle)
    {
        texts.push(format!(
            "its window of {} does not always hold a full bucket of {} (target `{target}`): `run` then judges one that is still being filled, and history has it full",
            duration::format(watcher.window),
            duration::format(step)
        ));
    }
    for failed in &feed.failed {
        texts.push(format!(
            "from {} until {} Graphite counts as failing, for history could not be had (target `{target}`): {}",
            failed.from, failed.until, failed.why
        ));
    }
    texts
}

fn coarser(coarse: &Coarse, watcher: &Watcher, target: &str) -> String {
    let shown = |step| span(step).map_or_else(|| format!("{step} s"), duration::format);
    let step = shown(coarse.step);
    let than = match coarse.now {
        Some(now) => format!("and now at {}", shown(now)),
        None => match watcher.every {
            Some(every) => format!("and it is evaluated every {}", duration::format(every)),
            None => "and it is not there now".to_owned(),
        },
    };
    let mut text = format!(
        "from {} until {} Graphite has target `{target}` at {step} only, {than}: what lasted less is not seen there",
        coarse.from, coarse.until
    );
    if span(coarse.step).is_some_and(|step| step >= watcher.window) {
        text.push_str(&format!(
            "; its window of {} often holds no point there, which reads as no data",
            duration::format(watcher.window)
        ));
    }
    text
}

fn span(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_several_alerts_is_said_once() {
        let warning = |alert: &str, text: &str| Warning {
            alert: alert.to_owned(),
            text: text.to_owned(),
        };
        let all = [
            warning("A", "late"),
            warning("A", "off"),
            warning("B", "off"),
            warning("C", "off"),
        ];
        let said: Vec<String> = once(&all).iter().map(ToString::to_string).collect();
        assert_eq!(said, ["alert `A`: late", "alerts `A`, `B`, `C`: off"]);
    }
}
