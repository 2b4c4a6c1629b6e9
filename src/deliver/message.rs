//! What one receiver is told of one incident, and the words for it.
//!
//! Every receiver kind takes its sentence from here, so that a page, a mail and
//! a line on a screen say the same. Pure: a message carries all that its words
//! need, the time included. It knows no receiver and escapes for none of them,
//! but whatever it shows on one line is one line ([`text::clean`]).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;

use super::text;
pub use crate::alert::delivery::Outcome;
use crate::alert::{Level, Timestamp, duration};

/// Why a receiver is told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It has not been told of this incident, which is open.
    New,
    /// The incident is worse than anything it accepted.
    Raised,
    /// The level differs from what it was last told.
    Changed,
    /// Nothing changed; the incident is still open.
    Reminder,
    /// The incident is open at a level that it does not listen to.
    Left,
    /// The incident it was told of is over.
    Resolved,
    /// The incident began and ended before it could be told.
    Both,
}

impl Kind {
    /// The kind as JSON and templates name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Raised => "raised",
            Self::Changed => "changed",
            Self::Reminder => "reminder",
            Self::Left => "left",
            Self::Resolved => "resolved",
            Self::Both => "both",
        }
    }
}

/// Everything that can be told of one incident at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Why it is told.
    pub kind: Kind,
    /// `instance:` of the configuration.
    pub instance: Arc<str>,
    /// The incident's id (UUIDv7 as text).
    pub incident: String,
    /// Number of this event in the incident, from 1; the same whenever it is sent again.
    pub event: u32,
    /// Number of the reminder since then; 0: it is none.
    pub reminder: u32,
    /// Alert's name.
    pub alert: Arc<str>,
    /// Series' legend.
    pub series: String,
    /// Level of the incident now (`ok` once it is over).
    pub level: Level,
    /// What this receiver was last told (`ok`: nothing).
    pub told: Level,
    /// The worst level so far.
    pub worst: Level,
    /// The last value, where it has one; once it is over, the one that ended
    /// it, `None` where something else did (then `reason` is shown).
    pub value: Option<f64>,
    /// The condition that holds (or for a resolve: that held at worst), such as `>= 20`.
    pub condition: Option<String>,
    /// When the incident began.
    pub started: Timestamp,
    /// How long the series had been so when the level was reached (`for`), e.g. 2m; zero: at once.
    pub lasted: std::time::Duration,
    /// When its level last changed.
    pub changed: Timestamp,
    /// When this message was made: reminders count from it, and times of the
    /// same day are shown without a date.
    pub at: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Since when there is no data, where it lacks.
    pub no_data_since: Option<Timestamp>,
    /// What the incident says in words instead of value and condition
    /// (`is not answering: connection refused`, `only 3 of 10 series`); not
    /// shown any more once it is over.
    pub words: Option<String>,
    /// The lifecycle's reason for the last transition, in words.
    pub reason: String,
    /// The Graphite target.
    pub target: Option<String>,
    /// The alert's labels.
    pub labels: BTreeMap<String, String>,
    /// The alert's description.
    pub description: Option<String>,
    /// What the documentation says to do first, in Markdown; while there is something to do.
    pub first_steps: Option<Arc<str>>,
    /// Link to the documentation.
    pub docs: Option<String>,
    /// Link to the graph.
    pub graph: Option<String>,
    /// The graph itself, a PNG, for receivers that show it.
    pub picture: Option<Bytes>,
    /// For receivers that keep incidents by key.
    pub key: Option<Key>,
}

/// What happens to which key at a receiver that keeps incidents by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Open it or update it.
    Trigger(String),
    /// Close it.
    Resolve(String),
}

/// Characters of an incident's own words that a headline shows.
const WORDS: usize = 400;

impl Message {
    /// The sentence that says it all, on one line, such as
    /// `[CRITICAL] Load web-1 is 23.4 (>= 20) for 2m`.
    pub fn headline(&self) -> String {
        let level = match self.kind {
            Kind::Resolved | Kind::Both => Level::Ok,
            _ => self.level,
        };
        format!("[{}] {} {}", level.text(), self.subject(), self.predicate())
    }

    /// Alert and series, each clean and clipped.
    pub fn subject(&self) -> String {
        format!("{} {}", text::name(&self.alert), text::name(&self.series))
    }

    /// Whether the incident is over.
    pub const fn is_over(&self) -> bool {
        matches!(self.kind, Kind::Resolved | Kind::Both)
    }

    /// The value as people read it, with the condition that holds: `23.4 (>= 20)`.
    pub fn reading(&self) -> Option<String> {
        let mut reading = text::number(self.value?);
        if let Some(condition) = self.condition.as_deref().filter(|_| !self.is_over()) {
            let _ = write!(reading, " ({})", text::clip(&text::clean(condition), 100));
        }
        Some(reading)
    }

    /// Whatever else there is to say, as headed lines: `("Since", "2026-11-23 12:00 UTC")`.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("Alert", text::name(&self.alert)),
            ("Series", text::name(&self.series)),
        ];
        let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        add("Value", self.reading());
        add("Since", Some(date_and_time(self.started)));
        add("Until", self.ended.map(date_and_time));
        add(
            "No data since",
            self.no_data_since
                .filter(|_| !self.is_over())
                .map(date_and_time),
        );
        add(
            "Worst level",
            (self.worst != self.level).then(|| self.worst.text().to_owned()),
        );
        add(
            "Reason",
            Some(text::clip(&text::clean(&self.reason), WORDS).into_owned())
                .filter(|reason| !reason.is_empty()),
        );
        add(
            "Labels",
            Some(self.labels_on_one_line()).filter(|labels| !labels.is_empty()),
        );
        add(
            "Target",
            self.target
                .as_deref()
                .map(|target| text::clip(&text::clean(target), 2000).into_owned()),
        );
        add(
            "Incident",
            Some(format!(
                "{} ({})",
                text::clean(&self.incident),
                text::clean(&self.instance)
            )),
        );
        facts
    }

    /// The whole message as plain text: headline, description, links, first steps, facts.
    pub fn plain(&self) -> String {
        let mut plain = self.headline();
        if let Some(description) = &self.description {
            let _ = write!(plain, "\n\n{}", text::clean_lines(description));
        }
        plain.push('\n');
        for (name, link) in self.links() {
            let _ = write!(plain, "\n{name}: {link}");
        }
        plain.push('\n');
        if let Some(steps) = &self.first_steps {
            let _ = write!(plain, "\nFirst steps:\n{}\n", text::clean_lines(steps));
        }
        for (name, value) in self.facts() {
            let _ = write!(plain, "\n{name}: {value}");
        }
        plain.push('\n');
        plain
    }

    /// Documentation and graph, as far as there are any.
    pub fn links(&self) -> Vec<(&'static str, String)> {
        [("Documentation", &self.docs), ("Graph", &self.graph)]
            .into_iter()
            .filter_map(|(name, link)| {
                link.as_deref()
                    .map(|link| (name, text::clean(link).into_owned()))
            })
            .collect()
    }

    fn labels_on_one_line(&self) -> String {
        let labels: Vec<_> = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        text::clip(&text::clean(&labels.join(", ")), 1000).into_owned()
    }

    fn predicate(&self) -> String {
        match self.kind {
            Kind::New => format!("{}{}", self.state(), self.for_how_long()),
            Kind::Raised | Kind::Changed => {
                let lasted = if self.kind == Kind::Raised {
                    self.for_how_long()
                } else {
                    String::new()
                };
                format!("{}{lasted}{}", self.state(), self.was())
            }
            Kind::Reminder => self.still(),
            Kind::Left => format!(
                "no longer {}: now {}, {}",
                self.told.text(),
                self.level.text(),
                self.state()
            ),
            Kind::Resolved => self.end(),
            Kind::Both => self.beginning_and_end(),
        }
    }

    /// How it stands, with a verb: `is 23.4 (>= 20)`, `has no data since 12:01 UTC`.
    fn state(&self) -> String {
        if let Some(words) = self.own_words() {
            return words;
        }
        let since = self
            .no_data_since
            .map(|since| format!(" since {}", self.time(since)));
        let lacks = since.is_some() || self.level == Level::NoData;
        match self.reading() {
            // what was last read explains a level that data brought about, not one that want of data did
            Some(reading) if lacks && self.level != Level::NoData => {
                format!("was {reading}, no data{}", since.unwrap_or_default())
            }
            _ if lacks => format!("has no data{}", since.unwrap_or_default()),
            Some(reading) => format!("is {reading}"),
            None => format!("is {}", self.level.text()),
        }
    }

    fn own_words(&self) -> Option<String> {
        let words = self
            .words
            .as_deref()
            .map(str::trim)
            .filter(|words| !words.is_empty())?;
        Some(text::clip(&text::clean(words), WORDS).into_owned())
    }

    fn for_how_long(&self) -> String {
        // `no data since` says it better, and an incident's own words say what they say
        if self.lasted.is_zero() || self.no_data_since.is_some() || self.own_words().is_some() {
            return String::new();
        }
        format!(" for {}", duration::format(self.lasted))
    }

    fn was(&self) -> String {
        if self.told == Level::Ok || self.told == self.level {
            return String::new();
        }
        format!(", was {}", self.told.text())
    }

    fn still(&self) -> String {
        let open = format!(
            "since {} ({})",
            self.time(self.started),
            duration::rough(self.at.since(self.started))
        );
        let state = self.state();
        if state.starts_with("was ") {
            return format!("{state}, still open {open}");
        }
        format!("still {state}, {open}")
    }

    fn end(&self) -> String {
        let lasted = duration::rough(self.ended.unwrap_or(self.at).since(self.started));
        let was = format!("was {} for {lasted}", self.worst.text());
        let reason = text::clip(&text::clean(self.reason.trim()), WORDS).into_owned();
        match self.reading() {
            Some(reading) => format!("is {reading}, {was}"),
            None if reason.is_empty() => format!("is over, {was}"),
            None => format!("is over ({reason}), {was}"),
        }
    }

    fn beginning_and_end(&self) -> String {
        let ended = self.ended.unwrap_or(self.at);
        let from = self.time(self.started);
        // one `UTC` at the end is enough
        let from = from.trim_end_matches(" UTC");
        format!(
            "was {} from {from} to {}, is over",
            self.worst.text(),
            self.time(ended)
        )
    }

    /// `12:01 UTC`, with the date where it is not that of the message.
    fn time(&self, at: Timestamp) -> String {
        match (at.to_utc(), self.at.to_utc()) {
            (Some(time), Some(now)) if time.date_naive() == now.date_naive() => {
                time.format("%H:%M UTC").to_string()
            }
            _ => date_and_time(at),
        }
    }
}

/// `2026-11-23 12:01 UTC`.
fn date_and_time(at: Timestamp) -> String {
    at.to_utc().map_or_else(
        || at.to_string(),
        |time| time.format("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::*;

    /// 2026-11-23, `hour`:`minute` UTC.
    pub(crate) fn at(hour: i64, minute: i64) -> Timestamp {
        Timestamp::from_secs(1_795_392_000 + hour * 3600 + minute * 60)
    }

    /// A critical load since 12:00, told for the first time.
    pub(crate) fn message() -> Message {
        Message {
            kind: Kind::New,
            instance: Arc::from("graphite-pager"),
            incident: "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000".to_owned(),
            event: 1,
            reminder: 0,
            alert: Arc::from("Load"),
            series: "web-1".to_owned(),
            level: Level::Critical,
            told: Level::Ok,
            worst: Level::Critical,
            value: Some(23.4),
            condition: Some(">= 20".to_owned()),
            started: at(12, 0),
            lasted: Duration::from_secs(120),
            changed: at(12, 0),
            at: at(12, 0),
            ended: None,
            no_data_since: None,
            words: None,
            reason: "critical for 2m".to_owned(),
            target: Some("aliasByNode(servers.*.loadavg.05, 1)".to_owned()),
            labels: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
            description: Some("The five-minute load of a web server.".to_owned()),
            first_steps: None,
            docs: Some("https://wiki.example.com/alerts/Load#web-1".to_owned()),
            graph: Some("https://graphite.example.com/render?target=a&from=-1h".to_owned()),
            picture: None,
            key: Some(Key::Trigger("graphite-pager/Load/web-1".to_owned())),
        }
    }

    #[test]
    fn new_says_value_condition_and_how_long() {
        assert_snapshot!(message().headline(), @"[CRITICAL] Load web-1 is 23.4 (>= 20) for 2m");
        let at_once = Message {
            lasted: Duration::ZERO,
            ..message()
        };
        assert_snapshot!(at_once.headline(), @"[CRITICAL] Load web-1 is 23.4 (>= 20)");
    }

    #[test]
    fn no_data_says_since_when() {
        let gone = Message {
            level: Level::NoData,
            value: Some(3.0),
            condition: None,
            no_data_since: Some(at(12, 1)),
            at: at(12, 3),
            ..message()
        };
        assert_snapshot!(gone.headline(), @"[NO DATA] Load web-1 has no data since 12:01 UTC");
        let the_next_day = Message {
            at: at(30, 0),
            ..gone.clone()
        };
        assert_snapshot!(the_next_day.headline(), @"[NO DATA] Load web-1 has no data since 2026-11-23 12:01 UTC");
        let never = Message {
            no_data_since: None,
            value: None,
            lasted: Duration::ZERO,
            ..gone.clone()
        };
        assert_snapshot!(never.headline(), @"[NO DATA] Load web-1 has no data");
        let critical = Message {
            level: Level::Critical,
            value: None,
            ..gone
        };
        assert_snapshot!(critical.headline(), @"[CRITICAL] Load web-1 has no data since 12:01 UTC");
    }

    #[test]
    fn critical_that_lost_its_data_says_both() {
        let dead = Message {
            no_data_since: Some(at(12, 5)),
            at: at(12, 6),
            ..message()
        };
        assert_snapshot!(dead.headline(), @"[CRITICAL] Load web-1 was 23.4 (>= 20), no data since 12:05 UTC");
        let reminder = Message {
            kind: Kind::Reminder,
            at: at(16, 0),
            ..dead
        };
        assert_snapshot!(reminder.headline(), @"[CRITICAL] Load web-1 was 23.4 (>= 20), no data since 12:05 UTC, still open since 12:00 UTC (4h)");
    }

    #[test]
    fn changes_say_what_was_told_before() {
        let raised = Message {
            kind: Kind::Raised,
            told: Level::Warning,
            ..message()
        };
        assert_snapshot!(raised.headline(), @"[CRITICAL] Load web-1 is 23.4 (>= 20) for 2m, was WARNING");
        let lowered = Message {
            kind: Kind::Changed,
            level: Level::Warning,
            told: Level::Critical,
            value: Some(12.0),
            condition: Some(">= 10".to_owned()),
            ..message()
        };
        assert_snapshot!(lowered.headline(), @"[WARNING] Load web-1 is 12 (>= 10), was CRITICAL");
    }

    #[test]
    fn leaving_the_levels_of_a_receiver_is_said_in_words() {
        let left = Message {
            kind: Kind::Left,
            told: Level::Warning,
            ..message()
        };
        assert_snapshot!(left.headline(), @"[CRITICAL] Load web-1 no longer WARNING: now CRITICAL, is 23.4 (>= 20)");
    }

    #[test]
    fn reminders_say_since_when() {
        let reminder = Message {
            kind: Kind::Reminder,
            told: Level::Critical,
            at: at(16, 0),
            ..message()
        };
        assert_snapshot!(reminder.headline(), @"[CRITICAL] Load web-1 still is 23.4 (>= 20), since 12:00 UTC (4h)");
        let gone = Message {
            level: Level::NoData,
            no_data_since: Some(at(12, 1)),
            ..reminder
        };
        assert_snapshot!(gone.headline(), @"[NO DATA] Load web-1 still has no data since 12:01 UTC, since 12:00 UTC (4h)");
    }

    fn resolved() -> Message {
        Message {
            kind: Kind::Resolved,
            level: Level::Ok,
            told: Level::Critical,
            value: Some(3.2),
            at: at(12, 12),
            ended: Some(at(12, 12)),
            reason: "below 20 for 2m".to_owned(),
            ..message()
        }
    }

    #[test]
    fn an_end_says_the_value_and_what_it_was() {
        assert_snapshot!(resolved().headline(), @"[OK] Load web-1 is 3.2, was CRITICAL for 12m");
    }

    #[test]
    fn an_end_that_data_did_not_bring_says_its_reason() {
        let left = Message {
            value: None,
            reason: "the alert left the configuration".to_owned(),
            ..resolved()
        };
        assert_snapshot!(left.headline(), @"[OK] Load web-1 is over (the alert left the configuration), was CRITICAL for 12m");
        let unexplained = Message {
            value: None,
            reason: String::new(),
            ..resolved()
        };
        assert_snapshot!(unexplained.headline(), @"[OK] Load web-1 is over, was CRITICAL for 12m");
    }

    #[test]
    fn beginning_and_end_are_one_message() {
        let both = Message {
            kind: Kind::Both,
            told: Level::Ok,
            ..resolved()
        };
        assert_snapshot!(both.headline(), @"[OK] Load web-1 was CRITICAL from 12:00 to 12:12 UTC, is over");
        let over_midnight = Message {
            ended: Some(at(24, 10)),
            at: at(24, 10),
            ..both
        };
        assert_snapshot!(over_midnight.headline(), @"[OK] Load web-1 was CRITICAL from 2026-11-23 12:00 to 00:10 UTC, is over");
    }

    fn unreachable() -> Message {
        Message {
            alert: Arc::from("graphite-pager"),
            series: "graphite.example.com".to_owned(),
            value: None,
            condition: None,
            words: Some("is not answering: connection refused".to_owned()),
            ..message()
        }
    }

    #[test]
    fn words_of_its_own_take_the_place_of_the_value() {
        assert_snapshot!(unreachable().headline(), @"[CRITICAL] graphite-pager graphite.example.com is not answering: connection refused");
        let over = Message {
            words: unreachable().words,
            value: None,
            reason: "it answers again".to_owned(),
            ..resolved()
        };
        assert_snapshot!(over.headline(), @"[OK] Load web-1 is over (it answers again), was CRITICAL for 12m");
    }

    #[test]
    fn nothing_known_still_makes_a_sentence() {
        let empty = Message {
            value: None,
            condition: None,
            lasted: Duration::ZERO,
            ..message()
        };
        assert_snapshot!(empty.headline(), @"[CRITICAL] Load web-1 is CRITICAL");
    }

    #[test]
    fn a_hostile_legend_stays_one_harmless_line() {
        let hostile = Message {
            series: "a\r\nBcc: x\u{1b}[2J\u{202e}".to_owned(),
            ..message()
        };
        assert_snapshot!(hostile.headline(), @r"[CRITICAL] Load a\r\nBcc: x\u{1b}[2J\u{202e} is 23.4 (>= 20) for 2m");
    }

    #[test]
    fn a_very_long_legend_is_clipped_between_characters() {
        let long = Message {
            series: "日".repeat(10_000),
            ..message()
        };
        let headline = long.headline();
        assert!(headline.chars().count() < 260, "{headline}");
        assert!(headline.contains("日… is 23.4"), "{headline}");
    }

    #[test]
    fn the_plain_text_quotes_the_first_steps_as_they_are_written() {
        let steps = "1. Look at `top`.\n2. <Restart> it.\u{1b}[2J";
        let message = Message {
            first_steps: Some(Arc::from(steps)),
            ..message()
        };
        let plain = message.plain();
        let quoted = "Graph: https://graphite.example.com/render?target=a&from=-1h\n\nFirst steps:\n1. Look at `top`.\n2. <Restart> it.";
        assert!(plain.contains(quoted), "{plain}");
        assert!(!plain.contains('\u{1b}'), "{plain}");
    }

    #[test]
    fn the_plain_text_has_description_links_and_facts() {
        assert_snapshot!(message().plain(), @r"
        [CRITICAL] Load web-1 is 23.4 (>= 20) for 2m

        The five-minute load of a web server.

        Documentation: https://wiki.example.com/alerts/Load#web-1
        Graph: https://graphite.example.com/render?target=a&from=-1h

        Alert: Load
        Series: web-1
        Value: 23.4 (>= 20)
        Since: 2026-11-23 12:00 UTC
        Reason: critical for 2m
        Labels: team=web
        Target: aliasByNode(servers.*.loadavg.05, 1)
        Incident: 0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000 (graphite-pager)
        ");
    }
}
