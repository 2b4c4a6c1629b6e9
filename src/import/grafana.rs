//! Grafana: alert rules on a Graphite data source.
//!
//! Files of provisioning (`groups:` with `rules:`), a rule group, a list of rules
//! or a single one as the API gives them, YAML or JSON. Read as Grafana reads them
//! (grafana/grafana: `pkg/services/provisioning/alerting`, `pkg/expr`). What
//! becomes of the chain of queries and expressions is in `grafana/chain.rs`.

mod chain;

use std::time::Duration;

use serde_json::Value as Json;

use super::draft::{Draft, Found, Item, Refused};
use super::foreign::{self, Object, Unreadable, list, number, text, truth, unknown};
use super::region::Region;
use super::yaml::Value;
use super::{Origin, settings, span};
use crate::alert::target::relative;

/// Keys of a rule that are read, or mean nothing here.
const RULE: &[&str] = &[
    "uid",
    "title",
    "condition",
    "data",
    "noDataState",
    "no_data_state",
    "execErrState",
    "exec_err_state",
    "for",
    "keepFiringFor",
    "keep_firing_for",
    "annotations",
    "labels",
    "isPaused",
    "is_paused",
    "id",
    "orgID",
    "orgId",
    "folderUID",
    "folderUid",
    "ruleGroup",
    "updated",
    "provenance",
    "version",
    "dashboardUid",
    "dasboardUid",
    "panelId",
    "notification_settings",
    "record",
    "missing_series_evals_to_resolve",
    "missingSeriesEvalsToResolve",
    "guid",
    "rule_group",
    "namespace_uid",
    "intervalSeconds",
    "metadata",
    "updated_by",
];
/// Sections of a file of provisioning that hold no rules.
const BESIDE: [&str; 6] = [
    "contactPoints",
    "policies",
    "muteTimes",
    "templates",
    "deleteRules",
    "resetPolicies",
];

/// A rule with what its group says.
struct Rule<'a> {
    object: &'a Object,
    /// Where it stood: folder and group.
    place: Option<String>,
    every: Option<Duration>,
    /// What the API puts beside the rule rather than into it.
    around: Option<&'a Object>,
}

/// Reads alert rules.
///
/// # Errors
/// It holds none.
pub fn read(text: &str) -> Result<Found, Unreadable> {
    let origin = Origin::Grafana;
    let value = foreign::read(text, origin)?;
    let rules = rules(&value);
    if rules.iter().all(|rule| !is_rule(rule.object)) && !is_empty_file(&value) {
        return Err(foreign::not_of(origin, &value));
    }
    let items = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| item(rule, index));
    let items = items.collect();
    let beside: Vec<&str> = BESIDE
        .into_iter()
        .filter(|key| value.get(key).is_some())
        .collect();
    let mut lost = Vec::new();
    if !beside.is_empty() {
        lost.push(format!(
            "{}: who is told is said by `receivers:` and `routes:`, hours by `active:` of an alert",
            list(beside)
        ));
    }
    let strange = entries(&value).saturating_sub(rules.len());
    if strange > 0 {
        lost.push(format!("what is no rule where rules stand: {strange}"));
    }
    Ok(Found {
        items,
        differences: differences(),
        lost,
        settings: Vec::new(),
    })
}

fn differences() -> Vec<String> {
    [
        "A rule has one level there: with a label `severity` of `warning`, `warn` or `info` it is `warning:` here, else `critical:`. Two rules of one metric can be one alert.",
        "A bucket that is still being filled does not count (`settle: 5s`), and nothing is averaged to fit `maxDataPoints`.",
        "Nulls of a window are left out; there they made no value (reductions in the mode `strict`), unless it was `dropNN`.",
        "A recovery is told when it has lasted two minutes (`recover_for: 2m`), where a rule does not say `keepFiringFor`; want of data is told after two minutes (`no_data_for: 2m`), as the level `no_data` of the same alert.",
        "A series that vanishes is noticed after five minutes, at the level that want of data has (`missing:`); there its alert ended. `missing: ok` brings that back.",
        "A Graphite that cannot be asked is one incident of its own (`graphite-pager`); `execErrState` has no equal.",
        "Left out, since they mean nothing here: `uid`, `orgId`, versions, `missing_series_evals_to_resolve`.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn is_rule(object: &Object) -> bool {
    object.contains_key("data") && object.contains_key("condition")
        || object.contains_key("title") && object.contains_key("data")
        || object.contains_key("grafana_alert")
}

/// A file of provisioning without rules is one all the same.
fn is_empty_file(value: &Json) -> bool {
    let groups = value.get("groups").and_then(Json::as_array);
    groups.is_some_and(Vec::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// All rules of the file, whatever form it has.
fn rules(value: &Json) -> Vec<Rule<'_>> {
    let alone = |object| Rule {
        object,
        place: place(text(object, "folderUID"), text(object, "ruleGroup")),
        every: None,
        around: None,
    };
    match value {
        Json::Array(items) => items
            .iter()
            .filter_map(Json::as_object)
            .map(alone)
            .collect(),
        Json::Object(object) => match object.get("groups").and_then(Json::as_array) {
            Some(groups) => groups
                .iter()
                .flat_map(|group| of_group(group.as_object()))
                .collect(),
            None if object.contains_key("rules") => of_group(Some(object)).collect(),
            None => vec![alone(object)],
        },
        _ => Vec::new(),
    }
}

/// How many entries stand where rules do.
fn entries(value: &Json) -> usize {
    let of = |group: &Json| {
        group
            .get("rules")
            .and_then(Json::as_array)
            .map_or(0, Vec::len)
    };
    match (value, value.get("groups").and_then(Json::as_array)) {
        (Json::Array(items), _) => items.len(),
        (_, Some(groups)) => groups.iter().map(of).sum(),
        (object, None) => of(object).max(usize::from(object.get("rules").is_none())),
    }
}

fn place(folder: Option<String>, group: Option<String>) -> Option<String> {
    let parts: Vec<String> = [folder, group]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(" / "))
}

fn of_group(group: Option<&Object>) -> impl Iterator<Item = Rule<'_>> {
    let rules = group
        .and_then(|group| group.get("rules"))
        .and_then(Json::as_array);
    let every = group.and_then(|group| match group.get("interval")? {
        Json::Number(seconds) => span::of(seconds.as_f64()?, 1.0),
        Json::String(text) => span::prometheus(text),
        _ => None,
    });
    let name = group.and_then(|group| text(group, "name").or_else(|| text(group, "title")));
    let folder = group.and_then(|group| text(group, "folder").or_else(|| text(group, "folderUid")));
    let rules = rules.into_iter().flatten().filter_map(Json::as_object);
    rules.map(move |rule| {
        let inner = rule.get("grafana_alert").and_then(Json::as_object);
        Rule {
            object: inner.unwrap_or(rule),
            place: place(folder.clone(), name.clone()),
            every,
            around: inner.map(|_| rule),
        }
    })
}

fn item(rule: &Rule<'_>, index: usize) -> Item {
    let title = text(rule.object, "title").filter(|title| !title.trim().is_empty());
    let name = title.unwrap_or_else(|| format!("rule {}", index + 1));
    match draft(rule, name.clone()) {
        Ok(draft) => Item::Taken(draft),
        Err(why) => Item::Refused(Refused {
            name,
            place: rule.place.clone(),
            why,
            said: chain::said(rule.object),
        }),
    }
}

/// A text of the rule under either of two names, as file and API have them.
fn said(rule: &Rule<'_>, names: [&str; 2]) -> Option<String> {
    let [file, api] = names;
    let own = text(rule.object, file).or_else(|| text(rule.object, api));
    let around = || {
        rule.around
            .and_then(|around| text(around, file).or_else(|| text(around, api)))
    };
    own.or_else(around).filter(|text| !text.trim().is_empty())
}

fn duration(rule: &Rule<'_>, names: [&str; 2]) -> Result<Option<Duration>, String> {
    let Some(text) = said(rule, names) else {
        return Ok(None);
    };
    let [name, _] = names;
    span::prometheus(&text)
        .map(Some)
        .ok_or_else(|| format!("its {name} `{text}` is no time of Grafana's"))
}

fn draft(rule: &Rule<'_>, name: String) -> Result<Draft, String> {
    if rule
        .object
        .get("record")
        .is_some_and(|record| !record.is_null())
    {
        return Err("it records a metric and alerts on nothing".to_owned());
    }
    let chain = chain::read(rule.object)?;
    let mut draft = Draft::named(name);
    draft.place.clone_from(&rule.place);
    draft.set(
        "target",
        Value::Text(chain.target.replace(['\n', '\r'], " ")),
    );
    let labels = map(rule, "labels");
    let warning = is_warning(&labels);
    let nothing = Region::none();
    match warning {
        true => draft.thresholds(&chain.region, &nothing)?,
        false => draft.thresholds(&nothing, &chain.region)?,
    }
    if let Some(recover) = chain.recover {
        draft.set("recover", Value::Condition(recover));
    }
    draft.set("reduce", Value::word(chain.reduce));
    for remark in chain.remarks {
        draft.remark(remark);
    }
    draft.set("from", Value::Word(relative(chain.from)));
    if !chain.until.is_zero() {
        draft.set("until", Value::Word(relative(chain.until)));
    }
    times(&mut draft, rule)?;
    no_data(&mut draft, rule, warning)?;
    texts(&mut draft, rule, labels);
    rest(&mut draft, rule);
    Ok(draft)
}

fn is_warning(labels: &[(String, String)]) -> bool {
    let severity = labels.iter().find(|(name, _)| name == "severity");
    severity.is_some_and(|(_, value)| {
        ["warning", "warn", "info"].contains(&value.to_ascii_lowercase().as_str())
    })
}

fn times(draft: &mut Draft, rule: &Rule<'_>) -> Result<(), String> {
    match rule.every {
        Some(every) if every.subsec_nanos() == 0 && !every.is_zero() => draft.span("every", every),
        Some(_) => return Err("the interval of its group is no whole number of seconds".to_owned()),
        None => draft.remark(
            "the interval of its group is not in this file, or is no time: `every: 1m` is taken",
        ),
    }
    if let Some(pending) = duration(rule, ["for", "pending"])?.filter(|pending| !pending.is_zero())
    {
        draft.span("for", pending);
    }
    if let Some(keep) =
        duration(rule, ["keepFiringFor", "keep_firing_for"])?.filter(|keep| !keep.is_zero())
    {
        draft.span("recover_for", keep);
    }
    Ok(())
}

fn no_data(draft: &mut Draft, rule: &Rule<'_>, warning: bool) -> Result<(), String> {
    let state = said(rule, ["noDataState", "no_data_state"]).unwrap_or_else(|| "NoData".to_owned());
    let word = match state.to_ascii_lowercase().as_str() {
        "nodata" | "no_data" => "alert",
        "alerting" if warning => "warning",
        "alerting" => "critical",
        "ok" | "normal" => "ok",
        "keeplast" | "keeplaststate" => "keep",
        _ => return Err(format!("its noDataState `{state}` is none of Grafana's")),
    };
    draft.set("no_data", Value::word(word));
    let error = said(rule, ["execErrState", "exec_err_state"]);
    if let Some(error) = error.filter(|error| {
        error.eq_ignore_ascii_case("ok") || error.to_ascii_lowercase().starts_with("keep")
    }) {
        draft.remark(format!("`execErrState: {error}` has no equal: a Graphite that cannot be asked is told of, as an incident of its own"));
    }
    Ok(())
}

/// Texts by name, of the rule or beside it.
fn map(rule: &Rule<'_>, key: &str) -> Vec<(String, String)> {
    let map = rule
        .object
        .get(key)
        .or_else(|| rule.around.and_then(|around| around.get(key)));
    let entries = map.and_then(Json::as_object).into_iter().flatten();
    entries
        .filter_map(|(name, value)| match value {
            Json::String(text) => Some((name.clone(), text.clone())),
            Json::Number(number) => Some((name.clone(), number.to_string())),
            Json::Bool(truth) => Some((name.clone(), truth.to_string())),
            _ => None,
        })
        .collect()
}

fn texts(draft: &mut Draft, rule: &Rule<'_>, labels: Vec<(String, String)>) {
    let annotations = map(rule, "annotations");
    let mut template = labels.iter().any(|(_, value)| value.contains("{{"));
    let (sound, unsound): (Vec<_>, Vec<_>) = labels
        .into_iter()
        .partition(|(name, _)| !name.is_empty() && !name.chars().any(char::is_control));
    for (name, _) in unsound {
        draft.remark(format!(
            "its label `{name}` is left out: no label can be called so"
        ));
    }
    if !sound.is_empty() {
        draft.set("labels", Value::Map(sound));
    }
    let words: Vec<&str> = ["summary", "description"]
        .iter()
        .filter_map(|key| annotations.iter().find(|(name, _)| name == key))
        .map(|(_, text)| text.trim())
        .filter(|text| !text.is_empty())
        .collect();
    if !words.is_empty() {
        let description = words.join("\n\n");
        template |= description.contains("{{");
        draft.set("description", Value::Text(description));
    }
    if template {
        draft.remark("templates (`{{ ... }}`) in its labels and annotations are not filled in here: they are shown as they stand");
    }
    let mut left = Vec::new();
    for (name, text) in &annotations {
        match name.as_str() {
            "summary" | "description" => {}
            "runbook_url" if is_link(text) => {
                draft.set("docs", Value::Text(text.trim().to_owned()));
            }
            "runbook_url" => draft.remark(format!(
                "its runbook_url `{}` is no link as it stands: `docs:` takes one",
                settings::without_login(text)
            )),
            other => left.push(other),
        }
    }
    if !left.is_empty() {
        draft.remark(format!("annotations without an equal: {}", list(left)));
    }
}

/// Whether `docs:` takes it: an address without a login and without templates, which have another language here.
fn is_link(text: &str) -> bool {
    let plain = !["{{", "{%", "{#", "@"]
        .iter()
        .any(|mark| text.contains(mark));
    plain && url::Url::parse(text.trim()).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn rest(draft: &mut Draft, rule: &Rule<'_>) {
    let paused = truth(rule.object, "isPaused").or_else(|| truth(rule.object, "is_paused"));
    if paused == Some(true) {
        draft.set("enabled", Value::word("false"));
    }
    let dashboard = text(rule.object, "dashboardUid").or_else(|| text(rule.object, "dasboardUid"));
    if let Some(dashboard) = dashboard.filter(|uid| !uid.is_empty()) {
        let panel = number(rule.object.get("panelId"))
            .map_or_else(String::new, |panel| format!(", panel {panel}"));
        draft.remark(format!(
            "its dashboard `{dashboard}`{panel}: `graph:` takes a link to it"
        ));
    }
    let settings = rule
        .object
        .get("notification_settings")
        .and_then(Json::as_object);
    if let Some(settings) = settings {
        let receiver = text(settings, "receiver").unwrap_or_default();
        draft.remark(format!(
            "it tells the contact point `{receiver}`: name a receiver in `notify:`"
        ));
    }
    let others: Vec<&str> = unknown(rule.object, RULE).collect();
    if !others.is_empty() {
        draft.remark(format!(
            "{}: not known to this import, and left out",
            list(others)
        ));
    }
}
