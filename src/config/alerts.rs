//! Section `alerts:`, and `defaults:` that they inherit from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::problem::{Place, quote};
use super::reader::Map;
use super::receivers::Receivers;
use super::scalar;
use super::spots::AlertSpots;
use super::times::{self, Times, refuse_both};
use super::tree::{Kind, Node};
use super::values::{duration_of, link_base, link_template, positive, unless_off};
use super::{targets, thresholds};
use crate::alert::{Alert, Docs, Exclude, GraphLink, Level, Reduce, WithoutData};

/// All keys of an alert, without the predecessor's.
pub const KEYS: &[&str] = &[
    "name",
    "target",
    "targets",
    "warning",
    "critical",
    "recover",
    "reduce",
    "from",
    "until",
    "max_age",
    "settle",
    "for",
    "recover_for",
    "no_data",
    "no_data_for",
    "allow_no_data",
    "missing",
    "missing_for",
    "forget_after",
    "min_series",
    "exclude",
    "every",
    "schedule",
    "timezone",
    "active",
    "limit",
    "no_data_limit",
    "notify",
    "labels",
    "description",
    "docs",
    "doc_url",
    "graph",
    "enabled",
    "allow",
];
/// The predecessor's keys of an alert.
pub const PREDECESSOR: &[&str] = &["pagerduty_key", "slack_url"];
/// What `defaults:` cannot say.
pub const OWN: &[&str] = &["name", "target", "targets"];
/// What `no_data` and `missing` take.
pub const WITHOUT_DATA: &[(&str, WithoutData)] = &[
    ("alert", WithoutData::Level(Level::NoData)),
    ("warning", WithoutData::Level(Level::Warning)),
    ("critical", WithoutData::Level(Level::Critical)),
    ("ok", WithoutData::Ok),
    ("keep", WithoutData::Keep),
];
/// The name that the agent's own troubles have.
pub const BUILT_IN: &str = "graphite-pager";

/// One alert, read.
pub struct Read {
    /// What it says.
    pub alert: Alert,
    /// When it is evaluated.
    pub times: Times,
    /// Where it and its parts stand.
    pub spots: AlertSpots,
    /// `enabled`.
    pub enabled: bool,
}

/// What an alert is read against.
pub struct Surroundings<'a> {
    /// The section `defaults:`.
    pub defaults: Option<Map<'a>>,
    /// The top level's `docs_url`.
    pub docs_url: Option<String>,
    /// Who can be named in `notify`.
    pub receivers: &'a Receivers,
}

/// Checks `defaults:` by itself.
pub fn check_defaults(around: &Surroundings<'_>, defaults: &Map<'_>) {
    for entry in defaults
        .entries()
        .iter()
        .filter(|entry| OWN.contains(&&*entry.key))
    {
        let message = format!("`{}` cannot be a default", entry.key);
        defaults.context.error(
            entry.place,
            message,
            "every alert has its own: write it there",
        );
    }
    let known: Vec<&str> = KEYS.iter().chain(PREDECESSOR).copied().collect();
    super::retired::only(defaults, &known);
    refuse_both(
        defaults,
        "every",
        "schedule",
        "alerts have one or the other",
    );
    refuse_both(
        defaults,
        "no_data",
        "allow_no_data",
        "`allow_no_data: true` means `no_data: ok`",
    );
    // for their mistakes only, which alerts that override them would not show
    times::read(defaults, "");
    rest(around, defaults, false);
}

/// Reads one item of `alerts:`; `number` counts from 1.
pub fn read<'a>(
    around: &Surroundings<'a>,
    context: &'a Context<'a>,
    node: &'a Node,
    number: usize,
) -> Option<Read> {
    let unnamed = format!("alert {number}");
    let map = Map::of(context, node, unnamed)?;
    let name = map.owns("name").then(|| name(&map));
    let what = match map
        .entry("name")
        .filter(|_| map.owns("name"))
        .map(|entry| &entry.value.kind)
    {
        Some(Kind::Scalar(scalar)) => format!(
            "alert {}",
            quote(scalar.written.as_deref().unwrap_or(&scalar.text))
        ),
        _ => map.what.clone(),
    };
    let map = map.called(what).inheriting(around.defaults.as_ref());
    let map = map.allowing(around.defaults.as_ref().map(Map::allow));
    let known: Vec<&str> = KEYS.iter().chain(PREDECESSOR).copied().collect();
    super::retired::only(&map, &known);
    if name.is_none() {
        map.context.error(
            map.place,
            format!("{} has no `name`", map.what),
            "write `name: Load`: it is what people are told",
        );
    }
    let shown = name.clone().flatten().unwrap_or_default();
    let targets = targets::read(&map);
    super::predecessor::check_own(&map);
    let thresholds = thresholds::read(&map, &shown);
    let times = times::read(&map, &shown);
    let rest = rest(around, &map, times.as_ref().is_some_and(Times::rare));
    let (name, (targets, places)) = (name.flatten()?, targets?);
    let (thresholds, times) = (thresholds?, times?);
    let alert = Alert {
        name: Arc::from(name),
        place: Arc::from(context.show_line(map.place)),
        targets,
        warning: thresholds.warning,
        critical: thresholds.critical,
        recover: thresholds.recover,
        ..rest
    };
    Some(Read {
        alert,
        times,
        spots: spots(&map, places),
        enabled: map.truth("enabled").unwrap_or(true),
    })
}

fn spots(map: &Map<'_>, targets: Vec<Place>) -> AlertSpots {
    let place = |key: &'static str| Some((key, map.entry(key)?.value.place));
    AlertSpots {
        alert: map.spot(),
        targets,
        keys: AlertSpots::KEYS.into_iter().filter_map(place).collect(),
    }
}

fn name(map: &Map<'_>) -> Option<String> {
    let name = super::values::printable(map, "name")?;
    if name == BUILT_IN {
        let place = map
            .entry("name")
            .map_or(map.place, |entry| entry.value.place);
        map.context.error(
            place,
            format!("the name `{BUILT_IN}` is that of the built-in alert"),
            "give this alert another name",
        );
        return None;
    }
    Some(name)
}

/// Everything but name, targets and thresholds, which are placeholders here.
fn rest(around: &Surroundings<'_>, map: &Map<'_>, rare: bool) -> Alert {
    let clock = |seconds: u64| Duration::from_secs(if rare { 0 } else { seconds });
    let (from, until) = times::window(map);
    let no_data = no_data(map);
    Alert {
        name: Arc::from(""),
        place: Arc::from(""),
        targets: Vec::new(),
        warning: None,
        critical: None,
        recover: None,
        reduce: map
            .parsed(
                "reduce",
                "a way to reduce a window, such as `last`, `avg` or `p95`",
                Reduce::parse,
            )
            .unwrap_or(Reduce::Last),
        from,
        until,
        max_age: positive(map, "max_age"),
        settle: unless_off(map, "settle", duration_of).unwrap_or(Some(Duration::from_secs(5))),
        for_: duration_of(map, "for").unwrap_or(Duration::ZERO),
        recover_for: duration_of(map, "recover_for").unwrap_or(clock(120)),
        no_data,
        no_data_for: duration_of(map, "no_data_for").unwrap_or(clock(120)),
        missing: without_data(map, "missing").unwrap_or(no_data),
        missing_for: duration_of(map, "missing_for").unwrap_or(clock(300)),
        forget_after: duration_of(map, "forget_after").unwrap_or(Duration::from_secs(24 * 3600)),
        min_series: map.whole("min_series", 1),
        exclude: Exclude::new(exclude(map)),
        limit: limit(map, "limit", 10),
        no_data_limit: limit(map, "no_data_limit", 3),
        notify: notify(around, map),
        labels: labels(map),
        description: map.text("description").map(|text| text.value.to_owned()),
        docs: docs(around, map),
        graph: graph(map),
    }
}

fn without_data(map: &Map<'_>, key: &str) -> Option<WithoutData> {
    map.word(key, WITHOUT_DATA)
}

fn no_data(map: &Map<'_>) -> WithoutData {
    let default = WithoutData::Level(Level::NoData);
    let both = map.owns("no_data") && map.owns("allow_no_data");
    if both
        && let (Some(said), Some(allowed)) =
            (without_data(map, "no_data"), map.truth("allow_no_data"))
    {
        if allowed != (said == WithoutData::Ok) {
            refuse_both(
                map,
                "no_data",
                "allow_no_data",
                "`allow_no_data: true` means `no_data: ok`: keep `no_data`",
            );
        }
        return said;
    }
    match map
        .either(&["no_data", "allow_no_data"])
        .map(|entry| &*entry.key)
    {
        Some("no_data") => without_data(map, "no_data").unwrap_or(default),
        Some(_) if map.truth("allow_no_data") == Some(true) => WithoutData::Ok,
        _ => default,
    }
}

fn exclude(map: &Map<'_>) -> Vec<String> {
    let texts = map.texts("exclude").unwrap_or_default();
    texts
        .into_iter()
        .map(|text| text.value.to_owned())
        .collect()
}

/// `None`: no limit.
fn limit(map: &Map<'_>, key: &str, default: usize) -> Option<usize> {
    let number = if map.has(key) {
        map.whole(key, 0)
    } else {
        None
    };
    Some(number.unwrap_or(default)).filter(|number| *number > 0)
}

fn notify(around: &Surroundings<'_>, map: &Map<'_>) -> Option<Vec<Arc<str>>> {
    names(around.receivers, map, "notify")
}

/// A list of receivers, each once.
pub fn names(receivers: &Receivers, map: &Map<'_>, key: &str) -> Option<Vec<Arc<str>>> {
    let texts = map.texts(key)?;
    let what = map.name(key);
    if let Some(entry) = map.entry(key)
        && matches!(&entry.value.kind, Kind::List(items) if items.is_empty())
    {
        map.context.error(
            entry.value.place,
            format!("{what} is empty: nobody would be told"),
            "name a receiver, or take the key out",
        );
    }
    let mut names: Vec<Arc<str>> = Vec::new();
    for text in texts {
        if let Some(name) = receivers.resolve(map.context, text, &what)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    Some(names)
}

fn labels(map: &Map<'_>) -> BTreeMap<String, String> {
    let Some(labels) = map.map("labels") else {
        return BTreeMap::new();
    };
    labels
        .entries()
        .iter()
        .filter_map(|entry| {
            let text = scalar::text(map.context, &entry.value, &labels.name(&entry.key), "text")?;
            Some((entry.key.to_string(), text.value.to_owned()))
        })
        .collect()
}

fn docs(around: &Surroundings<'_>, map: &Map<'_>) -> Docs {
    let default = || around.docs_url.clone().map_or(Docs::Nowhere, Docs::Under);
    match map.either(&["docs", "doc_url"]).map(|entry| &*entry.key) {
        Some("docs") => link_template(map, "docs").map_or_else(default, Docs::Link),
        Some(_) => link_base(map, "doc_url").map_or_else(default, Docs::Under),
        None => default(),
    }
}

fn graph(map: &Map<'_>) -> GraphLink {
    let Some(entry) = map.entry("graph") else {
        return GraphLink::Render;
    };
    if let Kind::Scalar(scalar) = &entry.value.kind
        && !scalar.broken
        && let Some(shown) = scalar::as_truth(&scalar.text)
    {
        return if shown {
            GraphLink::Render
        } else {
            GraphLink::Off
        };
    }
    link_template(map, "graph").map_or(GraphLink::Render, GraphLink::Link)
}
