//! Moira: triggers as its API gives them.
//!
//! `GET /api/trigger` (`{"list": [...]}`), a list, or a single trigger. Read as
//! Moira reads them (moira-alert/moira: `datatypes.go`, `expression/expression.go`,
//! `checker/check.go`): rising and falling compare with `>=` and `<=`; an
//! expression chooses between OK, WARN, ERROR and NODATA.

mod hours;

use std::time::Duration;

use serde_json::Value as Json;

use super::draft::{Draft, Found, Item, Refused};
use super::expression::{Expression, Meaning};
use super::foreign::{self, Object, Unreadable, list, number, text, texts, truth, unknown};
use super::region::{Comparison, Number, Region};
use super::yaml::Value;
use super::{Origin, span};
use crate::alert::target::relative;

/// Keys of a trigger that are read, or mean nothing here.
const KNOWN: &[&str] = &[
    "id",
    "name",
    "desc",
    "targets",
    "warn_value",
    "error_value",
    "trigger_type",
    "tags",
    "ttl_state",
    "ttl",
    "sched",
    "expression",
    "python_expression",
    "patterns",
    "is_remote",
    "trigger_source",
    "cluster_id",
    "mute_new_metrics",
    "notify_about_new_metrics",
    "alone_metrics",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
    "throttling",
    "last_check",
    "highlights",
    "timestamp",
    "score",
    "has_unsaved_changes",
];
/// Labels of these names would be taken for something else by a route.
const ROUTED: [&str; 2] = ["alert", "series"];
/// The window of a trigger; what is absent longer is counted instead.
const LEAST: Duration = Duration::from_secs(300);
const WINDOW: Duration = Duration::from_secs(3600);

/// Reads triggers.
///
/// # Errors
/// It holds none.
pub fn read(text: &str) -> Result<Found, Unreadable> {
    let origin = Origin::Moira;
    let value = foreign::read(text, origin)?;
    let single = std::slice::from_ref(&value);
    let triggers: &[Json] = match (&value, value.get("list")) {
        (Json::Array(triggers), _) | (_, Some(Json::Array(triggers))) => triggers,
        _ => single,
    };
    let is_trigger = |trigger: &Json| trigger.get("targets").is_some();
    if !triggers.is_empty() && !triggers.iter().any(is_trigger) {
        return Err(foreign::not_of(origin, &value));
    }
    let objects: Vec<Option<&Object>> = triggers.iter().map(Json::as_object).collect();
    let items = objects
        .iter()
        .enumerate()
        .map(|(index, trigger)| item(*trigger, index));
    let items = items.collect();
    Ok(Found {
        items,
        differences: differences(),
        lost: lost(&value, &objects),
        settings: Vec::new(),
    })
}

fn differences() -> Vec<String> {
    [
        "Graphite evaluates the targets; there it was Moira's own copy of Graphite's functions (local triggers) on what was sent to Moira.",
        "The newest settled value is judged once a minute; Moira judged every point, so that a peak between two evaluations was told, and a bucket that was still being filled was judged (`settle: off` brings the latter back).",
        "A recovery is told when it has lasted two minutes (`recover_for: 2m`); there it was told at once. `recover_for: 0` brings that back.",
        "Each tag is a label of the value `true`: `routes: [{match: {database: \"true\"}, notify: [dba]}]` is a subscription.",
        "Left out, since they mean nothing here: ids, patterns, who wrote it when, throttling, the last check and maintenance, `mute_new_metrics`.",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What is known of the whole file: pages that are not in it.
fn lost(value: &Json, triggers: &[Option<&Object>]) -> Vec<String> {
    let total = value.get("total").and_then(Json::as_u64);
    let here = u64::try_from(triggers.len()).unwrap_or(u64::MAX);
    total
        .filter(|total| *total > here)
        .map(|total| format!("this is one page of several: {here} of {total} triggers; `GET /api/trigger` gives all of them"))
        .into_iter()
        .collect()
}

fn item(trigger: Option<&Object>, index: usize) -> Item {
    let named = trigger.and_then(|trigger| text(trigger, "name").or_else(|| text(trigger, "id")));
    let name = named.filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| format!("trigger {}", index + 1));
    let Some(trigger) = trigger else {
        return Item::Refused(Refused {
            name,
            place: None,
            why: "it is no object".to_owned(),
            said: Vec::new(),
        });
    };
    match draft(trigger, name.clone()) {
        Ok(draft) => Item::Taken(draft),
        Err(why) => Item::Refused(Refused {
            name,
            place: None,
            why,
            said: said(trigger),
        }),
    }
}

/// What a trigger that is left out said.
fn said(trigger: &Object) -> Vec<String> {
    let targets = texts(trigger, "targets");
    let targets = (1..)
        .zip(targets)
        .map(|(number, target)| format!("t{number}: {target}"));
    let others = [
        "trigger_type",
        "expression",
        "warn_value",
        "error_value",
        "trigger_source",
    ];
    let others = others.iter().filter_map(|key| {
        let text = text(trigger, key).filter(|text| !text.is_empty());
        text.map(|text| format!("{key}: {text}"))
    });
    targets.chain(others).collect()
}

fn draft(trigger: &Object, name: String) -> Result<Draft, String> {
    let source = text(trigger, "trigger_source").unwrap_or_default();
    if source == "prometheus_remote" {
        return Err("it asks Prometheus, not Graphite".to_owned());
    }
    let mut draft = Draft::named(name);
    let targets = texts(trigger, "targets");
    let target = targets.first().ok_or("it has no targets")?;
    draft.set("target", Value::Text(target.replace(['\n', '\r'], " ")));
    let (warning, critical) = levels(trigger)?;
    draft.thresholds(&warning, &critical)?;
    if targets.len() > 1 {
        let others: Vec<String> = (2..=targets.len())
            .map(|number| format!("t{number}"))
            .collect();
        let others = list(others.iter().map(String::as_str));
        draft.remark(format!(
            "its expression does not look at {others}: left out"
        ));
    }
    without_data(&mut draft, trigger)?;
    if let Some(sched) = trigger.get("sched").filter(|sched| !sched.is_null()) {
        hours::set(&mut draft, sched);
    }
    labels(&mut draft, trigger);
    if let Some(desc) = text(trigger, "desc").filter(|desc| !desc.trim().is_empty()) {
        if desc.contains("{{") {
            draft.remark("its description is a template there; here it is shown as it stands");
        }
        draft.set("description", Value::Text(desc));
    }
    if truth(trigger, "is_remote") == Some(true) || source == "graphite_remote" {
        let cluster = text(trigger, "cluster_id").filter(|cluster| cluster != "default");
        if let Some(cluster) = cluster.filter(|cluster| !cluster.is_empty()) {
            draft.remark(format!("it asks the Graphite of cluster `{cluster}`: make sure that it is the one that is asked here"));
        }
    }
    let others: Vec<&str> = unknown(trigger, KNOWN).collect();
    if !others.is_empty() {
        draft.remark(format!(
            "{}: not known to this import, and left out",
            list(others)
        ));
    }
    Ok(draft)
}

/// For which values it is WARN and ERROR.
fn levels(trigger: &Object) -> Result<(Region, Region), String> {
    let [warn, error] = ["warn_value", "error_value"].map(|key| number(trigger.get(key)));
    let expression = text(trigger, "expression").filter(|text| !text.trim().is_empty());
    let kind = text(trigger, "trigger_type").unwrap_or_default();
    if expression.is_none()
        && text(trigger, "python_expression").is_some_and(|text| !text.is_empty())
    {
        return Err("its expression is written in Python (`python_expression`)".to_owned());
    }
    let comparison = match (kind.as_str(), &expression, warn, error) {
        ("expression", ..) | ("", Some(_), ..) => {
            let text = expression.ok_or("it has no expression")?;
            return chosen(&text, warn, error);
        }
        ("rising", ..) => Comparison::AtLeast,
        ("falling", ..) => Comparison::AtMost,
        ("", None, Some(warn), Some(error)) if warn < error => Comparison::AtLeast,
        ("", None, Some(warn), Some(error)) if warn > error => Comparison::AtMost,
        ("", ..) => return Err("it says neither `rising` nor `falling`".to_owned()),
        (other, ..) => return Err(format!("its trigger_type `{other}` is none of Moira's")),
    };
    if warn.is_none() && error.is_none() {
        return Err("it has neither `warn_value` nor `error_value`".to_owned());
    }
    let region = |value: Option<f64>| {
        value.map_or_else(Region::none, |value| {
            Region::of(comparison, &Number::plain(value))
        })
    };
    Ok((region(warn), region(error)))
}

/// The same for an expression.
fn chosen(text: &str, warn: Option<f64>, error: Option<f64>) -> Result<(Region, Region), String> {
    let limit = |name: &str, value: Option<f64>| {
        value.map_or_else(
            || Meaning::Unknown(format!("it has no {name}")),
            Meaning::Number,
        )
    };
    let meaning = |name: &str| {
        match name {
        "t1" => Meaning::Value,
        "WARN_VALUE" => limit(name, warn),
        "ERROR_VALUE" => limit(name, error),
        "PREV_STATE" => Meaning::Unknown(
            "it looks at the state before (`PREV_STATE`): `recover:` and `recover_for:` are what keeps a level here".to_owned(),
        ),
        other if other.starts_with('t') => Meaning::Unknown(format!(
            "it compares several targets (`{other}`): let one target calculate what is judged, such as `divideSeries(t1, t2)`"
        )),
        other => Meaning::Unknown(format!("it looks at `{other}`")),
    }
    };
    let parsed = Expression::parse(text)
        .map_err(|why| format!("its expression is not understood: {why}"))?;
    let (mut warning, mut critical) = (Region::none(), Region::none());
    for (state, region) in parsed.outcomes(&meaning)? {
        match state.as_str() {
            "OK" => {}
            "WARN" | "WARNING" => warning = warning.or(&region),
            "ERROR" => critical = critical.or(&region),
            "NODATA" if region.is_empty() => {}
            "NODATA" => return Err("its expression makes NODATA of values".to_owned()),
            other => return Err(format!("its expression has the outcome `{other}`")),
        }
    }
    Ok((warning, critical))
}

/// The window, and what want of data means: `ttl` and `ttl_state`.
fn without_data(draft: &mut Draft, trigger: &Object) -> Result<(), String> {
    let seconds = number(trigger.get("ttl")).unwrap_or(0.0);
    let ttl = span::of(seconds, 1.0).ok_or("its ttl is no time")?;
    let ttl = Duration::from_secs(ttl.as_secs());
    if ttl.is_zero() {
        // without a ttl nobody notices
        draft.set("from", Value::word("-10min"));
        draft.set("no_data", Value::word("keep"));
        return Ok(());
    }
    let window = ttl.clamp(LEAST, WINDOW);
    if window > ttl {
        draft.remark(format!("`ttl: {seconds}`: want of data is noticed after five minutes, the window: in a shorter one there may be no point"));
    }
    draft.set("from", Value::Word(relative(window)));
    let state = text(trigger, "ttl_state").unwrap_or_else(|| "NODATA".to_owned());
    let word = match state.as_str() {
        "NODATA" => "alert",
        "OK" => "ok",
        "WARN" => "warning",
        "ERROR" => "critical",
        "DEL" => {
            draft.remark("`ttl_state: DEL`: a metric that fell silent was forgotten there without a word; here what was told of it is told to be over");
            "ok"
        }
        other => return Err(format!("its ttl_state `{other}` is none of Moira's")),
    };
    draft.set("no_data", Value::word(word));
    draft.span("no_data_for", ttl.saturating_sub(window));
    draft.span("missing_for", ttl);
    Ok(())
}

fn labels(draft: &mut Draft, trigger: &Object) {
    let mut labels: Vec<(String, String)> = Vec::new();
    for tag in texts(trigger, "tags") {
        let name = match ROUTED.contains(&tag.as_str()) {
            true => format!("tag-{tag}"),
            false => tag.clone(),
        };
        if name != tag {
            draft.remark(format!(
                "its tag `{tag}` is the label `{name}`: a route's `{tag}:` is something else"
            ));
        }
        if tag.trim().is_empty() || tag.chars().any(char::is_control) {
            draft.remark(format!(
                "its tag `{tag}` is left out: no label can be called so"
            ));
        } else if !labels.iter().any(|(known, _)| *known == name) {
            labels.push((name, "true".to_owned()));
        }
    }
    if !labels.is_empty() {
        draft.set("labels", Value::Map(labels));
    }
}
