//! One test: its series, what happens to Graphite and to the configuration, and
//! what is expected.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::names::{Names, spot};
use super::{
    Around, At, ExpectEvent, ExpectLevel, ExpectTold, Fails, Fault, Happens, Library, Reload, Said,
    Says, Series, Test, Values, every, start,
};
use crate::alert::{Level, Timestamp, duration};
use crate::config::Config;
use crate::config::context::Context;
use crate::config::node::{Kind, Node};
use crate::config::problem::quote;
use crate::config::reader::Map;
use crate::config::scalar;
use crate::config::suggest;
use crate::config::values::{printable, required};

/// All keys of a test.
pub const KEYS: &[&str] = &[
    "name", "every", "start", "series", "expect", "events", "told", "only", "graphite", "reload",
];
/// All keys of an item of `series`.
pub const SERIES: &[&str] = &["alert", "name", "target", "values"];
/// All keys of an item of `expect`.
pub const EXPECT: &[&str] = &["at", "alert", "series", "level"];
/// All keys of an item of `events`.
pub const EVENTS: &[&str] = &["at", "alert", "series", "event", "level", "only"];
/// All keys of an item of `told`.
pub const TOLD: &[&str] = &["at", "receiver", "alert", "series", "says", "only"];
/// All keys of an item of `graphite`.
pub const GRAPHITE: &[&str] = &["from", "to", "fails", "alert"];
/// All keys of an item of `reload`.
pub const RELOAD: &[&str] = &["at", "alerts", "at_once"];

/// A Monday, at an hour at which people are at work in most of the world.
const START: Timestamp = Timestamp::from_secs(978_350_400);
/// Where the configuration does not say how far apart values are.
const EVERY: Duration = Duration::from_secs(60);
/// Evaluations that a test may take.
const MOST: u128 = 100_000;

/// What `level` takes.
pub const LEVELS: [(&str, Level); 4] = [
    ("ok", Level::Ok),
    ("warning", Level::Warning),
    ("no_data", Level::NoData),
    ("critical", Level::Critical),
];
/// What `event` takes.
pub const HAPPENINGS: [(&str, &str); 4] = [
    ("opened", "opened"),
    ("raised", "raised"),
    ("lowered", "lowered"),
    ("resolved", "resolved"),
];
/// What `says` takes.
pub const SAYS: [(&str, Says); 7] = [
    ("warning", Says::Level(Level::Warning)),
    ("no_data", Says::Level(Level::NoData)),
    ("critical", Says::Level(Level::Critical)),
    ("reminder", Says::Reminder),
    ("left", Says::Left),
    ("resolved", Says::Resolved),
    ("ok", Says::Resolved),
];
/// Ways to fail other than by a status, with what is said of them.
pub const FAILURES: [(&str, &str); 6] = [
    ("timeout", "no answer in time"),
    ("refused", "the connection is refused"),
    ("cut_off", "the answer is cut off"),
    ("undecodable", "the answer cannot be decoded"),
    ("login_page", "the answer is a login page"),
    ("error", "the answer is an error"),
];

/// Reads the test number `number` of a file.
pub fn read<'a>(
    context: &'a Context<'a>,
    node: &'a Node,
    number: usize,
    around: &Around,
    config: &Rc<Config>,
    library: &mut Library,
) -> Option<Test> {
    let map = Map::of(context, node, format!("test {number}"))?;
    let hint = "write `name: pages after two minutes`: it is what a failure is called by";
    let name = required(&map, "name", hint, printable);
    let what = name.as_ref().map(|name| format!("test {}", quote(name)));
    let map = match what {
        Some(what) => map.called(what),
        None => map,
    };
    map.only(KEYS);
    let reloads = reloads(&map, around, library);
    let configs = || std::iter::once(config).chain(reloads.iter().map(|reload| &reload.config));
    let mut names = Names::of(configs());
    let series = items(&map, "series", "series", |item| {
        one_series(item, &names, configs().collect())
    });
    refuse_twins(&map, &series);
    let series: Vec<Series> = kept(series);
    if let Some(entry) = map.entry("series") {
        names.add(&entry.value);
    }
    let levels = items(&map, "expect", "expectation", |item| level(item, &names));
    let mut events = items(&map, "events", "event", |item| event(item, &names));
    let mut told = items(&map, "told", "`told`", |item| said(item, &names));
    let faults = items(&map, "graphite", "failure", |item| fault(item, &names));
    if map.truth("only").unwrap_or(false) {
        events.iter_mut().for_each(|(event, _)| event.only = true);
        told.iter_mut().for_each(|(told, _)| told.only = true);
    }
    if !["expect", "events", "told"].iter().any(|key| map.has(key)) {
        let hint = "add `expect: [{at: 7m, alert: Load, series: web-1, level: critical}]`, or `events` or `told`";
        context.error(map.place, format!("{} expects nothing", map.what), hint);
    }
    let every = every(&map)
        .or(around.every)
        .unwrap_or_else(|| usual(config, &series));
    let test = Test {
        name: name?,
        place: spot(map.place),
        every,
        start: start(&map).or(around.start).unwrap_or(START),
        series,
        levels: kept(levels),
        events: kept(events),
        told: kept(told),
        faults: kept(faults),
        reloads,
    };
    let evaluations = test.lasts().as_millis() / every.as_millis().max(1);
    if evaluations > MOST {
        let message = format!("{} takes {evaluations} evaluations", map.what);
        let hint = format!("at most {MOST}: write a greater `every`, or fewer values");
        context.error(map.place, message, hint);
        return None;
    }
    Some(test)
}

impl Test {
    /// From its start to the last value, expectation or happening.
    pub fn lasts(&self) -> Duration {
        let values = self.series.iter().map(|series| {
            let last = series.values.len().saturating_sub(1);
            self.every
                .saturating_mul(u32::try_from(last).unwrap_or(u32::MAX))
        });
        let levels = self.levels.iter().map(|expected| &expected.at);
        let events = self
            .events
            .iter()
            .filter_map(|expected| expected.what.as_ref());
        let told = self
            .told
            .iter()
            .filter_map(|expected| expected.what.as_ref());
        let times = levels
            .chain(events.map(|what| &what.at))
            .chain(told.map(|what| &what.at))
            .map(|at| at.span);
        let reloads = self.reloads.iter().map(|reload| reload.at);
        values.chain(times).chain(reloads).max().unwrap_or_default()
    }
}

/// As often as the alerts whose series are shown are evaluated.
fn usual(config: &Config, series: &[Series]) -> Duration {
    let shown = |name: &str| series.iter().any(|series| *series.alert == *name);
    let groups = config.groups.iter().filter(|group| shown(&group.name));
    let gaps = groups.map(|group| group.schedule.shortest_gap());
    gaps.min().unwrap_or(EVERY)
}

/// The items of a list, each a map, with the maps that they were read from.
fn items<'a, T>(
    map: &Map<'a>,
    key: &str,
    noun: &str,
    mut read: impl FnMut(&Map<'a>) -> Option<T>,
) -> Vec<(T, &'a Node)> {
    let Some(entry) = map.entry(key) else {
        return Vec::new();
    };
    let items: &[Rc<Node>] = match &entry.value.kind {
        Kind::List(items) => items,
        // one alone needs no list
        Kind::Map(_) => {
            let item = Map::of(map.context, &entry.value, format!("{noun} of {}", map.what));
            let read = item.and_then(|item| read(&item));
            return read.map(|read| (read, &*entry.value)).into_iter().collect();
        }
        Kind::Scalar(_) => {
            scalar::list(
                map.context,
                &entry.value,
                &map.name(key),
                "write a list of maps, such as `[{...}, {...}]`",
            );
            return Vec::new();
        }
    };
    let one = |(index, node): (usize, &'a Rc<Node>)| {
        let what = format!("{noun} {} of {}", index + 1, map.what);
        let item = Map::of(map.context, node, what)?;
        Some((read(&item)?, &**node))
    };
    items.iter().enumerate().filter_map(one).collect()
}

fn kept<T>(items: Vec<(T, &Node)>) -> Vec<T> {
    items.into_iter().map(|(item, _)| item).collect()
}

fn at(map: &Map<'_>, key: &str) -> Option<At> {
    let text = map.text(key)?;
    let span = map.parsed(key, "a time since the start, such as `7m`", duration::parse)?;
    Some(At {
        span,
        text: text.value.trim().to_owned(),
    })
}

fn required_at(map: &Map<'_>) -> Option<At> {
    required(map, "at", "write when, such as `at: 7m`", at)
}

fn one_series(map: &Map<'_>, names: &Names, configs: Vec<&Rc<Config>>) -> Option<Series> {
    map.only(SERIES);
    let alert = names.alert(map, false);
    let name = required(
        map,
        "name",
        "write `name: web-1`: its legend",
        |map, key| map.filled(key),
    );
    let hint = "write `values: \"1x4 30x10\"`: one value for each evaluation";
    let values = required(map, "values", hint, values);
    let alert = alert?;
    let target = target(map, &alert, &configs);
    Some(Series {
        alert,
        name: Arc::from(name?.value),
        target,
        values: values?,
    })
}

fn values(map: &Map<'_>, key: &str) -> Option<Values> {
    let texts = map.texts(key)?;
    let joined: Vec<&str> = texts.iter().map(|text| text.value).collect();
    let first = texts.first()?;
    match Values::parse(&joined.join(" ")) {
        Ok(values) => Some(values),
        Err(fault) => {
            // in a list the column says nothing of the place
            let place = match texts.len() {
                1 => first.place_of(fault.column),
                _ => map.entry(key)?.value.place,
            };
            let (message, hint) = fault.why.split_once("; ").unwrap_or((&fault.why, ""));
            map.context
                .error(place, format!("{}: {message}", map.name(key)), hint);
            None
        }
    }
}

/// One of the alert's targets.
fn target(map: &Map<'_>, alert: &str, configs: &[&Rc<Config>]) -> Option<String> {
    let text = map.filled("target")?;
    let groups = configs.iter().flat_map(|config| &config.groups);
    let alerts = groups
        .filter(|group| *group.name == *alert)
        .flat_map(|group| &group.alerts);
    let targets: Vec<&str> = alerts
        .flat_map(|alert| &alert.targets)
        .map(|target| target.as_str())
        .collect();
    let asked = text.value.trim().replace('\n', " ");
    if !targets.contains(&asked.as_str()) {
        let message = format!(
            "{}: alert {} has no target {}",
            map.name("target"),
            quote(alert),
            text.quoted()
        );
        let hint = suggest::hint(&asked, targets, "targets");
        map.context.error(text.place, message, hint);
        return None;
    }
    Some(asked)
}

/// The same series twice is a mistake, unless it is said that two targets return it.
fn refuse_twins(map: &Map<'_>, series: &[(Series, &Node)]) {
    for (index, (later, node)) in series.iter().enumerate() {
        let earlier = series.iter().take(index).find(|(earlier, _)| {
            (&earlier.alert, &earlier.name) == (&later.alert, &later.name)
                && (earlier.target == later.target)
        });
        if let Some((_, first)) = earlier {
            let message = format!(
                "series {} of alert {} is shown twice, here and at {}",
                quote(&later.name),
                quote(&later.alert),
                map.context.show(node.place)
            );
            let hint = "keep one of the two; where two targets return it, name them with `target`";
            map.context.error(first.place, message, hint);
        }
    }
}

fn level(map: &Map<'_>, names: &Names) -> Option<ExpectLevel> {
    map.only(EXPECT);
    let (at, subject) = (required_at(map), names.subject(map));
    let hint = "write `level: critical`, or `ok` where there is no incident";
    let level = required(map, "level", hint, |map, key| map.word(key, &LEVELS));
    Some(ExpectLevel {
        subject: subject?,
        at: at?,
        level: level?,
    })
}

/// Whether an item says only that nothing else happens.
fn is_bare(map: &Map<'_>, keys: &[&str]) -> bool {
    map.truth("only") == Some(true) && !keys.iter().any(|key| map.has(key))
}

fn event(map: &Map<'_>, names: &Names) -> Option<ExpectEvent> {
    map.only(EVENTS);
    let only = map.truth("only").unwrap_or(false);
    if is_bare(map, &["at", "event", "level"]) {
        let (subject, what) = (names.subject(map)?, None);
        return Some(ExpectEvent {
            subject,
            what,
            only,
        });
    }
    let (at, subject) = (required_at(map), names.subject(map));
    let hint = "write `event: opened`, `raised`, `lowered` or `resolved`";
    let event = required(map, "event", hint, |map, key| map.word(key, &HAPPENINGS));
    let level = match map.has("level") {
        true => Some(map.word("level", &LEVELS)?),
        false => None,
    };
    Some(ExpectEvent {
        subject: subject?,
        what: Some(Happens {
            at: at?,
            event: event?,
            level,
        }),
        only,
    })
}

fn said(map: &Map<'_>, names: &Names) -> Option<ExpectTold> {
    map.only(TOLD);
    let only = map.truth("only").unwrap_or(false);
    let receiver = names.receiver(map);
    if is_bare(map, &["at", "says"]) {
        return Some(ExpectTold {
            subject: names.subject(map)?,
            receiver: receiver?,
            what: None,
            only,
        });
    }
    let (at, subject) = (required_at(map), names.subject(map));
    let hint = "write `says: critical`, or another level, `reminder`, `left` or `resolved`";
    let says = required(map, "says", hint, |map, key| map.word(key, &SAYS));
    Some(ExpectTold {
        subject: subject?,
        receiver: receiver?,
        what: Some(Said {
            at: at?,
            says: says?,
        }),
        only,
    })
}

fn fault(map: &Map<'_>, names: &Names) -> Option<Fault> {
    map.only(GRAPHITE);
    let from = at(map, "from").map_or(Duration::ZERO, |at| at.span);
    let to = at(map, "to").map(|at| at.span);
    if let (Some(to), Some(entry)) = (to, map.entry("to"))
        && to <= from
    {
        map.context.error(
            entry.value.place,
            format!("{} is not after `from`", map.name("to")),
            "Graphite fails from `from` on, and answers again at `to`",
        );
    }
    let hint = "write `fails: 503`, or `timeout`, `refused`, `cut_off`, `undecodable`, `login_page`, `error`";
    let fails = required(map, "fails", hint, fails);
    let alert = match map.has("alert") {
        true => Some(names.alert(map, false)?),
        false => None,
    };
    Some(Fault {
        from,
        to,
        fails: fails?,
        alert,
    })
}

fn fails(map: &Map<'_>, key: &str) -> Option<Fails> {
    let words = FAILURES.map(|(word, _)| word);
    let expected = "a status that is a failure, such as `503`, or a word such as `timeout`";
    map.parsed(key, expected, |text| {
        let text = text.trim();
        if let Some((_, said)) = FAILURES.iter().find(|(word, _)| *word == text) {
            return Ok(Fails::Otherwise(said));
        }
        match text.parse::<u16>() {
            Ok(status @ (100..=199 | 300..=599)) => Ok(Fails::Status(status)),
            Ok(_) => Err(format!("expected {expected}, found {}", quote(text))),
            Err(_) => Err(format!(
                "expected {expected}, found {}; {}",
                quote(text),
                suggest::hint(text, words, "words")
            )),
        }
    })
}

fn reloads(map: &Map<'_>, around: &Around, library: &mut Library) -> Vec<Reload> {
    let mut reloads = kept(items(map, "reload", "reload", |item| {
        item.only(RELOAD);
        let at = required_at(item);
        let hint =
            "name the configuration from then on, relative to this file: `alerts: changed.yml`";
        let config = required(item, "alerts", hint, |item, key| {
            library.configuration(item, key, &around.folder)
        });
        Some(Reload {
            at: at?.span,
            config: config?,
            at_once: item.truth("at_once").unwrap_or(false),
        })
    }));
    reloads.sort_by_key(|reload| reload.at);
    reloads
}
