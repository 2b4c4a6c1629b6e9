//! graphite-beacon: its configuration, JSON (with `// ` comments) or YAML.
//!
//! Read as version 0.27 reads it (klen/graphite-beacon: `alerts.py`, `utils.py`,
//! `units.py`): rules are looked at in the order critical, warning, normal, and the
//! first that holds decides; `AND` and `OR` bind alike, from left to right.

mod handlers;
mod rule;

use std::collections::HashSet;

use serde_json::Value as Json;

use super::draft::{Draft, Found, Item, Refused};
use super::foreign::{self, Object, Unreadable, list, text, truth, unknown};
use super::region::Region;
use super::yaml::Value;
use super::{Origin, settings, span};
use crate::alert::target::relative;
use rule::{Level, Rule};

/// Keys of an alert that are read.
const ALERT: &[&str] = &[
    "name",
    "query",
    "source",
    "rules",
    "interval",
    "time_window",
    "until",
    "method",
    "no_data",
    "loading_error",
    "ignore_nan",
    "default_nan_value",
    "history_size",
    "format",
    "request_timeout",
    "connect_timeout",
    "validate_cert",
];
/// Keys of the file that are read, or mean nothing here.
const FILE: &[&str] = &[
    "alerts",
    "config",
    "debug",
    "logging",
    "pidfile",
    "prefix",
    "send_initial",
    "format",
    "interval",
    "time_window",
    "until",
    "method",
    "no_data",
    "loading_error",
    "ignore_nan",
    "default_nan_value",
    "history_size",
    "request_timeout",
    "connect_timeout",
    "validate_cert",
    "graphite_url",
    "public_graphite_url",
    "auth_username",
    "auth_password",
    "include",
    "repeat_interval",
    "critical_handlers",
    "warning_handlers",
    "normal_handlers",
];

/// Rules of one alert.
const MOST_RULES: usize = 100;

/// Reads a configuration of graphite-beacon.
///
/// # Errors
/// It is none.
pub fn read(text: &str) -> Result<Found, Unreadable> {
    let origin = Origin::GraphiteBeacon;
    let value = foreign::read(text, origin)?;
    let file = value
        .as_object()
        .ok_or_else(|| foreign::not_of(origin, &value))?;
    let alerts = match file.get("alerts") {
        Some(Json::Array(alerts)) => alerts,
        _ => return Err(foreign::not_of(origin, &value)),
    };
    let is_alert = |alert: &Json| alert.get("query").is_some() || alert.get("rules").is_some();
    if !alerts.is_empty() && !alerts.iter().any(is_alert) {
        return Err(foreign::not_of(origin, &value));
    }
    let mut names: HashSet<(String, String)> = HashSet::new();
    let mut items = Vec::new();
    for (index, alert) in alerts.iter().enumerate() {
        let Some(alert) = alert.as_object() else {
            items.push(refused(
                &format!("alert {}", index + 1),
                "it is no object",
                Vec::new(),
            ));
            continue;
        };
        items.push(item(file, alert, index, &mut names));
    }
    Ok(Found {
        items,
        differences: differences(),
        lost: lost(file),
        settings: handlers::settings(file),
    })
}

fn differences() -> Vec<String> {
    [
        "A bucket that is still being filled does not count (`settle: 5s`); there it did. `settle: off` brings that back.",
        "A recovery is told when it has lasted two minutes (`recover_for: 2m`), want of data likewise (`no_data_for: 2m`); there both were told at once.",
        "A series that vanishes from the answer is noticed after five minutes, at the level that want of data has (`missing:`); there nobody heard of it. `missing: ok` brings that back.",
        "A query that returns nothing is want of data here; there it was a loading error.",
        "A Graphite that cannot be asked is one incident of its own (`graphite-pager`), told after five minutes (`graphite: {error_for: 5m}`); `loading_error` has no equal.",
        "`KB`, `MB`, `GB`, `TB` are powers of 1024 there; they are written as `KiB`, `MiB`, `GiB`, `TiB`.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn lost(file: &Object) -> Vec<String> {
    let mut lost = Vec::new();
    let included = foreign::texts(file, "include");
    if !included.is_empty() {
        let names = list(included.iter().map(String::as_str));
        lost.push(format!(
            "`include`: {names}: a file of its own is imported by itself"
        ));
    }
    if file.contains_key("send_initial") {
        lost.push("`send_initial`: at a start nothing is told that was told before".to_owned());
    }
    if file.contains_key("prefix") {
        lost.push(
            "`prefix`: the subject of mail is a template (`subject:` of a receiver)".to_owned(),
        );
    }
    let known: Vec<&str> = FILE.iter().chain(handlers::NAMES).copied().collect();
    let others: Vec<&str> = unknown(file, &known).collect();
    if !others.is_empty() {
        lost.push(format!("{}: not known to this import", list(others)));
    }
    lost.extend(handlers::lost(file));
    lost
}

fn refused(name: &str, why: &str, said: Vec<String>) -> Item {
    Item::Refused(Refused {
        name: name.to_owned(),
        place: None,
        why: why.to_owned(),
        said,
    })
}

fn item(
    file: &Object,
    alert: &Object,
    index: usize,
    names: &mut HashSet<(String, String)>,
) -> Item {
    let name = text(alert, "name").filter(|name| !name.is_empty());
    let shown = name
        .clone()
        .unwrap_or_else(|| format!("alert {}", index + 1));
    let source = text(alert, "source").unwrap_or_else(|| "graphite".to_owned());
    let rules = foreign::texts(alert, "rules");
    let said = || {
        let query = text(alert, "query").map(|query| match source.as_str() {
            "url" => settings::address(&query).map_or_else(String::new, |(url, _)| url),
            _ => query,
        });
        let query = query.map(|query| format!("query: {query}"));
        let rules = rules.iter().map(|rule| format!("rule: {rule}"));
        query.into_iter().chain(rules).collect::<Vec<_>>()
    };
    if name.is_none() {
        return refused(
            &shown,
            "it has no name, and graphite-beacon refuses it too",
            said(),
        );
    }
    let key = (shown.clone(), source.clone());
    if !names.insert(key) {
        let why = "an alert of this name stands before it, and graphite-beacon runs only the first";
        return refused(&shown, why, said());
    }
    if source == "url" {
        let why = "it asks a web page for its status (`source: url`), not Graphite";
        return refused(&shown, why, said());
    }
    match draft(file, alert, shown.clone(), &rules) {
        Ok(draft) => Item::Taken(draft),
        Err(why) => refused(&shown, &why, said()),
    }
}

/// An alert's own option, else that of the file, else graphite-beacon's default.
fn option(file: &Object, alert: &Object, key: &str, default: &str) -> String {
    let said = text(alert, key).or_else(|| text(file, key));
    said.unwrap_or_else(|| default.to_owned())
}

fn draft(file: &Object, alert: &Object, name: String, rules: &[String]) -> Result<Draft, String> {
    let mut draft = Draft::named(name);
    let query = text(alert, "query").ok_or("it has no query")?;
    draft.set("target", Value::Text(query.replace(['\n', '\r'], " ")));
    thresholds(&mut draft, rules)?;
    let method = option(file, alert, "method", "average");
    let reduce = match method.as_str() {
        "average" => "avg",
        "last_value" => "last",
        "sum" => "sum",
        "minimum" => "min",
        "maximum" => "max",
        other => return Err(format!("its method `{other}` is none of graphite-beacon's")),
    };
    draft.set("reduce", Value::word(reduce));
    times(&mut draft, file, alert)?;
    no_data(&mut draft, file, alert)?;
    let ignores = truth(alert, "ignore_nan").or_else(|| truth(file, "ignore_nan"));
    if ignores == Some(true) {
        let value = option(file, alert, "default_nan_value", "0");
        draft.remark(format!(
            "`ignore_nan`: values equal to {value} were left out there; here they count"
        ));
    }
    let own_error = text(alert, "loading_error").filter(|level| level != "critical");
    if let Some(level) = own_error {
        draft.remark(format!("`loading_error: {level}` has no equal: a Graphite that cannot be asked is an incident of its own"));
    }
    let others: Vec<&str> = unknown(alert, ALERT).collect();
    if !others.is_empty() {
        draft.remark(format!(
            "{}: not known to this import, and left out",
            list(others)
        ));
    }
    Ok(draft)
}

fn thresholds(draft: &mut Draft, rules: &[String]) -> Result<(), String> {
    let (mut warning, mut critical) = (Region::none(), Region::none());
    let mut left: Vec<String> = Vec::new();
    if rules.len() > MOST_RULES {
        return Err(format!("it has more than {MOST_RULES} rules"));
    }
    for text in rules {
        match Rule::parse(text) {
            Ok(rule) => match rule.level {
                Level::Critical => critical = critical.or(&rule.region),
                Level::Warning => warning = warning.or(&rule.region),
                Level::Normal => draft.remark(format!(
                    "rule `{text}`: decides nothing there either, since rules for normal are looked at last"
                )),
            },
            Err(why) => {
                draft.remark(format!("rule `{text}` is left out: {why}"));
                if !left.contains(&why) {
                    left.push(why);
                }
            }
        }
    }
    if rules.is_empty() {
        return Err("it has no rules".to_owned());
    }
    if warning.is_empty() && critical.is_empty() && !left.is_empty() {
        return Err(format!(
            "none of its rules can be said here: {}",
            left.join("; ")
        ));
    }
    draft.thresholds(&warning, &critical)
}

fn times(draft: &mut Draft, file: &Object, alert: &Object) -> Result<(), String> {
    let interval_text = option(file, alert, "interval", "10minute");
    let span = |key: &str, text: &str| {
        duration(text).ok_or_else(|| format!("its {key} `{text}` is no time of graphite-beacon's"))
    };
    let interval = span("interval", &interval_text)?;
    let window = option(file, alert, "time_window", &interval_text);
    let window = span("time_window", &window)?;
    let until = span("until", &option(file, alert, "until", "0second"))?;
    if window.is_zero() {
        return Err("its window is empty".to_owned());
    }
    draft.set("from", Value::Word(relative(window + until)));
    if !until.is_zero() {
        draft.set("until", Value::Word(relative(until)));
    }
    let whole = std::time::Duration::from_secs(interval.as_secs().max(1));
    if whole != interval {
        draft.remark(format!(
            "`interval` was `{interval_text}`: here it is whole seconds"
        ));
    }
    draft.span("every", whole);
    Ok(())
}

fn no_data(draft: &mut Draft, file: &Object, alert: &Object) -> Result<(), String> {
    let level = option(file, alert, "no_data", "critical");
    let word = match level.as_str() {
        "critical" => "critical",
        "warning" => "warning",
        "normal" => "ok",
        other => {
            return Err(format!(
                "its no_data `{other}` is no level of graphite-beacon's"
            ));
        }
    };
    draft.set("no_data", Value::word(word));
    Ok(())
}

/// `10minute`, `3.5m`: a number and a unit.
fn duration(text: &str) -> Option<std::time::Duration> {
    let (amount, unit) = span::split(text)?;
    let seconds = match unit {
        "ms" | "millisecond" => 0.001,
        "s" | "second" => 1.0,
        "m" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        "d" | "day" => 86_400.0,
        "w" | "week" => 604_800.0,
        "M" | "month" => 2_592_000.0,
        "y" | "year" => 31_536_000.0,
        _ => return None,
    };
    span::of(amount, seconds)
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;

    #[test]
    fn times_are_those_of_graphite_beacon() {
        for (text, seconds) in [
            ("10minute", Some(600)),
            ("3.5minute", Some(210)),
            ("2s", Some(2)),
            ("1M", Some(2_592_000)),
            ("1m", Some(60)),
            ("10", None),
            ("minute", None),
            ("-1h", None),
        ] {
            assert_eq!(duration(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
