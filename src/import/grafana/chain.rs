//! The chain of a rule: a query of Graphite, perhaps a reduction, and conditions
//! that end in the one that `condition` names.

use std::time::Duration;

use serde_json::Value as Json;

use crate::import::expression::{Expression, Meaning};
use crate::import::foreign::{Object, number, text};
use crate::import::region::{Comparison, Number, Region, Written};
use crate::import::span;

/// What a chain comes to.
#[derive(Debug)]
pub struct Chain {
    /// What Graphite is asked for.
    pub target: String,
    /// How a window becomes a value.
    pub reduce: &'static str,
    /// The values for which the rule fires.
    pub region: Region,
    /// Where it ends, if that is another threshold.
    pub recover: Option<String>,
    /// How long ago the window begins.
    pub from: Duration,
    /// How long ago it ends.
    pub until: Duration,
    /// What is different.
    pub remarks: Vec<String>,
}

/// What is known once a condition was read: about which value, reduced how.
struct Judged {
    region: Region,
    recover: Option<String>,
    query: String,
    reduce: Option<&'static str>,
    remarks: Vec<String>,
}

/// Nodes that lead from one to the next; more is a circle.
const DEEPEST: usize = 16;
/// Classic conditions of one rule.
const MOST_CONDITIONS: usize = 100;

/// Reads the chain of `rule`.
///
/// # Errors
/// Why it cannot be one target, one reduction and one condition, in words.
pub fn read(rule: &Object) -> Result<Chain, String> {
    let condition = text(rule, "condition").ok_or("it has no condition")?;
    let nodes = nodes(rule);
    let judged = judged(&nodes, &condition, DEEPEST)?;
    let query = find(&nodes, &judged.query)?;
    if is_expression(query) {
        return Err(format!("`{}` is no query", judged.query));
    }
    let target = target(query)?;
    let reduce = judged
        .reduce
        .ok_or("it judges a whole series: a value of it needs a `reduce` expression")?;
    let range = query.get("relativeTimeRange");
    let seconds = |key: &str| range.map_or(Some(0.0), |range| number(range.get(key)).or(Some(0.0)));
    let span = |key: &str| {
        let span = seconds(key).and_then(|seconds| span::of(seconds, 1.0));
        span.ok_or_else(|| format!("its time range has no sound `{key}`"))
    };
    let (mut from, until) = (span("from")?, span("to")?);
    let mut remarks = judged.remarks;
    if from.is_zero() {
        from = Duration::from_secs(600);
        remarks.push(
            "its query has no time range: Grafana's default, ten minutes, is taken".to_owned(),
        );
    }
    Ok(Chain {
        target,
        reduce,
        region: judged.region,
        recover: judged.recover,
        from,
        until,
        remarks,
    })
}

/// What the chain of a rule that is left out said.
pub fn said(rule: &Object) -> Vec<String> {
    let mut said: Vec<String> = text(rule, "condition")
        .map(|condition| format!("condition: {condition}"))
        .into_iter()
        .collect();
    for node in nodes(rule) {
        let id = text(node, "refId").unwrap_or_default();
        let Some(model) = node.get("model").and_then(Json::as_object) else {
            continue;
        };
        let kind = text(model, "type").filter(|_| is_expression(node));
        let words = ["target", "expr", "query", "expression", "reducer"];
        let words = words.iter().filter_map(|key| text(model, key));
        let words: Vec<String> = kind.into_iter().chain(words).collect();
        let conditions = model
            .get("conditions")
            .map_or_else(String::new, |conditions| format!(" {conditions}"));
        said.push(format!("{id}: {}{conditions}", words.join(" ")));
    }
    said
}

fn nodes(rule: &Object) -> Vec<&Object> {
    let data = rule.get("data").and_then(Json::as_array);
    data.into_iter()
        .flatten()
        .filter_map(Json::as_object)
        .collect()
}

fn find<'a>(nodes: &[&'a Object], id: &str) -> Result<&'a Object, String> {
    let found = nodes
        .iter()
        .find(|node| text(node, "refId").as_deref() == Some(id));
    found
        .copied()
        .ok_or_else(|| format!("nothing in it is called `{id}`"))
}

fn model(node: &Object) -> Result<&Object, String> {
    node.get("model")
        .and_then(Json::as_object)
        .ok_or_else(|| "one of its queries has no model".to_owned())
}

/// Whether it is one of Grafana's own expressions, by the data source that stands for them.
fn is_expression(node: &Object) -> bool {
    let uid = text(node, "datasourceUid").unwrap_or_default();
    uid == "__expr__" || uid == "-100"
}

/// What Graphite is asked for.
fn target(node: &Object) -> Result<String, String> {
    let model = model(node)?;
    let source = model.get("datasource").and_then(Json::as_object);
    let kind = source.and_then(|source| text(source, "type"));
    if let Some(kind) = kind.filter(|kind| kind != "graphite") {
        return Err(format!("it asks {kind}, not Graphite"));
    }
    // with what other queries say in place of `#A`
    let target = text(model, "targetFull").or_else(|| text(model, "target"));
    let target = target.filter(|target| !target.trim().is_empty());
    let target = target.ok_or("its query has no `target`: it asks something else than Graphite")?;
    if target.contains('#') && text(model, "targetFull").is_none() {
        return Err(
            "its target looks at another query (`#A`): write that query in its place".to_owned(),
        );
    }
    if target.contains('$') || target.contains("[[") {
        return Err(format!(
            "its target `{target}` has a variable in it, which only Grafana fills in"
        ));
    }
    Ok(target)
}

/// What a node says of a value; `depth` bounds how far it may lead.
fn judged(nodes: &[&Object], id: &str, depth: usize) -> Result<Judged, String> {
    let depth = depth
        .checked_sub(1)
        .ok_or("its expressions lead in a circle")?;
    let node = find(nodes, id)?;
    if !is_expression(node) {
        return Err(format!(
            "its condition `{id}` is a query: nothing says which values are bad"
        ));
    }
    let model = model(node)?;
    match text(model, "type").unwrap_or_default().as_str() {
        "threshold" => threshold(nodes, model, depth),
        "math" => math(nodes, model, depth),
        "classic_conditions" => classic(nodes, model),
        "reduce" => {
            // whatever is not zero fires
            let (query, reduce, remarks) = value(nodes, id, depth)?;
            Ok(Judged {
                region: Region::of(Comparison::NotEqual, &Number::plain(0.0)),
                recover: None,
                query,
                reduce,
                remarks,
            })
        }
        other => Err(format!(
            "its expression `{id}` is of the kind `{other}`, which has no equal"
        )),
    }
}

/// The query that the value of a node comes from, and how it is reduced.
fn value(
    nodes: &[&Object],
    id: &str,
    depth: usize,
) -> Result<(String, Option<&'static str>, Vec<String>), String> {
    let depth = depth
        .checked_sub(1)
        .ok_or("its expressions lead in a circle")?;
    let node = find(nodes, id)?;
    if !is_expression(node) {
        return Ok((id.to_owned(), None, Vec::new()));
    }
    let model = model(node)?;
    let kind = text(model, "type").unwrap_or_default();
    if kind != "reduce" {
        return Err(format!(
            "its expression `{id}` is of the kind `{kind}` and is calculated with: let the target do that"
        ));
    }
    let of = reference(model)?;
    let (query, reduced, mut remarks) = value(nodes, &of, depth)?;
    if reduced.is_some() {
        return Err(format!(
            "its expression `{id}` reduces what is reduced already"
        ));
    }
    let reducer = text(model, "reducer").unwrap_or_default();
    let reduce = match reducer.as_str() {
        "last" => "last",
        "mean" | "avg" => "avg",
        "min" => "min",
        "max" => "max",
        "sum" => "sum",
        "median" => "median",
        "count" => {
            remarks.push(
                "`count` counted the nulls of the window, too; here it counts values".to_owned(),
            );
            "count"
        }
        other => return Err(format!("its reducer `{other}` has no equal")),
    };
    let settings = model.get("settings").and_then(Json::as_object);
    let mode = settings.and_then(|settings| text(settings, "mode"));
    if mode.as_deref() == Some("replaceNN") {
        return Err(
            "it replaces nulls with a number: `transformNull()` in the target does that".to_owned(),
        );
    }
    Ok((query, Some(reduce), remarks))
}

/// Which node an expression is about.
fn reference(model: &Object) -> Result<String, String> {
    let text = text(model, "expression").ok_or("one of its expressions is about nothing")?;
    let name = text
        .trim()
        .trim_start_matches('$')
        .trim_start_matches('{')
        .trim_end_matches('}');
    Ok(name.to_owned())
}

fn threshold(nodes: &[&Object], model: &Object, depth: usize) -> Result<Judged, String> {
    let (query, reduce, remarks) = value(nodes, &reference(model)?, depth)?;
    let conditions = model.get("conditions").and_then(Json::as_array);
    let [condition] = conditions.map(Vec::as_slice).unwrap_or_default() else {
        return Err("its threshold has not one condition".to_owned());
    };
    let region = evaluator(condition.get("evaluator"), false)?;
    let recover = match condition
        .get("unloadEvaluator")
        .filter(|unload| !unload.is_null())
    {
        Some(unload) => match evaluator(Some(unload), false)?.written() {
            Written::Condition { text, .. } => Some(text),
            _ => {
                return Err(
                    "the threshold at which it ends holds for no value or for all".to_owned(),
                );
            }
        },
        None => None,
    };
    Ok(Judged {
        region,
        recover,
        query,
        reduce,
        remarks,
    })
}

/// The values for which an evaluator holds; classic ones take their ends in either order.
fn evaluator(evaluator: Option<&Json>, classic: bool) -> Result<Region, String> {
    let kind = evaluator
        .and_then(|evaluator| evaluator.get("type"))
        .and_then(Json::as_str);
    let kind = kind.ok_or("one of its conditions has no evaluator")?;
    let params = evaluator
        .and_then(|evaluator| evaluator.get("params"))
        .and_then(Json::as_array);
    let param = |index: usize| {
        let value = number(params.and_then(|params| params.get(index)));
        value.ok_or_else(|| format!("its evaluator `{kind}` has not the numbers that it needs"))
    };
    let single = match kind {
        "gt" => Some(Comparison::Above),
        "lt" => Some(Comparison::Below),
        "eq" => Some(Comparison::Equal),
        "ne" => Some(Comparison::NotEqual),
        "gte" | "ge" => Some(Comparison::AtLeast),
        "lte" | "le" => Some(Comparison::AtMost),
        _ => None,
    };
    if let Some(comparison) = single {
        return Ok(Region::of(comparison, &Number::plain(param(0)?)));
    }
    let (mut low, mut high) = (param(0), param(1));
    if classic
        && let (Ok(first), Ok(second)) = (&low, &high)
        && first > second
    {
        std::mem::swap(&mut low, &mut high);
    }
    let side = |comparison, number: f64| Region::of(comparison, &Number::plain(number));
    match kind {
        "within_range" => Ok(side(Comparison::Above, low?).and(&side(Comparison::Below, high?))),
        "outside_range" => Ok(side(Comparison::Below, low?).or(&side(Comparison::Above, high?))),
        "within_range_included" => {
            Ok(side(Comparison::AtLeast, low?).and(&side(Comparison::AtMost, high?)))
        }
        "outside_range_included" => {
            Ok(side(Comparison::AtMost, low?).or(&side(Comparison::AtLeast, high?)))
        }
        "no_value" => Err("it fires where there is no value: `no_data:` says that here".to_owned()),
        other => Err(format!("its evaluator `{other}` is none of Grafana's")),
    }
}

fn math(nodes: &[&Object], model: &Object, depth: usize) -> Result<Judged, String> {
    let text = text(model, "expression").ok_or("one of its expressions is about nothing")?;
    let parsed = Expression::parse(&text)
        .map_err(|why| format!("its expression `{text}` is not understood: {why}"))?;
    let names = parsed.names();
    let Some(name) = names.first().map(|name| (*name).to_owned()) else {
        return Err(format!("its expression `{text}` looks at no value"));
    };
    if let Some(other) = names.iter().find(|other| **other != name) {
        return Err(format!(
            "its expression `{text}` looks at several values (`{name}`, `{other}`): let one target calculate what is judged, such as `divideSeries(a, b)`"
        ));
    }
    let region = parsed
        .region(&|_| Meaning::Value)
        .map_err(|why| format!("its expression `{text}`: {why}"))?;
    let (query, reduce, remarks) = value(nodes, &name, depth)?;
    Ok(Judged {
        region,
        recover: None,
        query,
        reduce,
        remarks,
    })
}

/// Conditions of the old kind: each reduces a query and compares; `and` and `or` from left to right.
fn classic(nodes: &[&Object], model: &Object) -> Result<Judged, String> {
    let conditions = model.get("conditions").and_then(Json::as_array);
    if conditions.is_some_and(|conditions| conditions.len() > MOST_CONDITIONS) {
        return Err(format!("it has more than {MOST_CONDITIONS} conditions"));
    }
    let mut region: Option<Region> = None;
    let mut about: Option<(String, &'static str)> = None;
    let mut remarks = vec![
        "its classic condition was one alert for all series together; here each series is one"
            .to_owned(),
    ];
    for condition in conditions.into_iter().flatten() {
        let at = |keys: [&str; 2]| {
            let [first, second] = keys;
            condition.get(first).and_then(|inner| inner.get(second))
        };
        let query = at(["query", "params"])
            .and_then(|params| params.get(0))
            .and_then(Json::as_str);
        let query = query
            .ok_or("one of its conditions is about no query")?
            .to_owned();
        let reduce = classic_reducer(
            at(["reducer", "type"])
                .and_then(Json::as_str)
                .unwrap_or_default(),
            &mut remarks,
        )?;
        let part = evaluator(condition.get("evaluator"), true)?;
        let (known, how) = about.get_or_insert_with(|| (query.clone(), reduce));
        if *known != query || *how != reduce {
            return Err("its conditions are about several queries or reductions: each would be an alert of its own".to_owned());
        }
        let or = at(["operator", "type"]).and_then(Json::as_str) == Some("or");
        region = Some(match region {
            None => part,
            Some(before) if or => before.or(&part),
            Some(before) => before.and(&part),
        });
    }
    let ((query, reduce), region) = about.zip(region).ok_or("it has no conditions")?;
    if is_expression(find(nodes, &query)?) {
        return Err(format!(
            "its classic condition is about the expression `{query}`"
        ));
    }
    Ok(Judged {
        region,
        recover: None,
        query,
        reduce: Some(reduce),
        remarks,
    })
}

fn classic_reducer(name: &str, remarks: &mut Vec<String>) -> Result<&'static str, String> {
    Ok(match name {
        "avg" | "mean" => "avg",
        "min" => "min",
        "max" => "max",
        "sum" => "sum",
        "last" => "last",
        "median" => "median",
        "count_non_null" => "count",
        "count" => {
            remarks.push(
                "`count` counted the nulls of the window, too; here it counts values".to_owned(),
            );
            "count"
        }
        "diff" => "delta",
        other => return Err(format!("its reducer `{other}` has no equal")),
    })
}
