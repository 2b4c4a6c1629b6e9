//! JSON Schemas (2020-12) of what people write, for their editors: one of the
//! configuration, one of files of alert tests.
//!
//! No second list of keys: they are the parser's own (`KEYS` of each section),
//! as are the words that a key takes; what is said of a key, its default and its
//! example stand in `docs/configuration.md` and `docs/testing.md`, those of the
//! packs and their parameters in the packs. Here is only what form each has
//! (`shape.rs`).
//!
//! Invariant: what the parser accepts, a schema accepts. The other way round
//! only the form counts: one file is looked at alone, before `${...}` is
//! replaced, so names, orders and contradictions are the parser's to see.

mod alert_tests;
mod page;
mod shape;
mod uses;

use serde_json::{Map, Value, json};

use super::code::Code;
use super::{alerts, graphite, kinds, predecessor, receivers, retired, routes, whole};
use shape::{
    a_number_or_condition, duration, filled, items, list, longer_than_zero, map_of, number, object,
    off_or, one_or_more, text, truth, url, word, written,
};

pub use alert_tests::tests;

const PAGE: &str = include_str!("../../docs/configuration.md");

/// The schema of a configuration file.
pub fn configuration() -> Value {
    let flat = graphite::FLAT.iter().map(|(flat, _)| *flat);
    let mut properties = page::properties(PAGE, "## Top level", whole::KEYS, top);
    properties.extend(page::properties(
        PAGE,
        "## The predecessor's keys",
        &flat
            .chain(predecessor::KEYS.iter().copied())
            .collect::<Vec<_>>(),
        flat_key,
    ));
    let mut whole = with_retired(object(properties, &[]));
    if let Some(patterns) = whole
        .get_mut("patternProperties")
        .and_then(Value::as_object_mut)
    {
        patterns.insert(
            "^x-".to_owned(),
            json!({"description": "A place to keep YAML anchors in."}),
        );
    }
    let mut schema = root("Graphite Pager: configuration", whole);
    // a file that is a list is one of alerts
    schema.insert("type".to_owned(), json!(["object", "array"]));
    schema.insert("items".to_owned(), json!({"$ref": "#/$defs/alert"}));
    schema.insert(
        "$defs".to_owned(),
        json!({"alert": alert(), "receiver": receiver(), "route": route()}),
    );
    Value::Object(schema)
}

fn root(title: &str, object: Value) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("title".to_owned(), json!(title));
    if let Value::Object(object) = object {
        schema.extend(object);
    }
    schema
}

/// Lets in the predecessor's keys that have no effect any more.
fn with_retired(mut object: Value) -> Value {
    let patterns: Map<String, Value> = [
        ("^redis_url$", "redis_url"),
        ("^hipchat_", "hipchat_"),
        ("^pushbullet_", "pushbullet_"),
    ]
    .into_iter()
    .map(|(pattern, key)| {
        let instead = retired::instead(key).unwrap_or_default();
        let said = format!("Has no effect any more: {instead}.");
        (
            pattern.to_owned(),
            json!({"deprecated": true, "description": said}),
        )
    })
    .collect();
    if let Some(object) = object.as_object_mut() {
        object.insert("patternProperties".to_owned(), Value::Object(patterns));
    }
    object
}

/// Codes of warnings.
fn allow() -> Value {
    let known: Vec<String> = Code::ALL.iter().map(Code::to_string).collect();
    one_or_more(word(known.iter().map(String::as_str)), 0)
}

fn top(key: &str) -> Value {
    match key {
        "allow" => allow(),
        "graphite" => object(
            page::properties(PAGE, "## `graphite`", graphite::KEYS, of_graphite),
            &[],
        ),
        "docs_url" | "heartbeat" => url(),
        "listen" => off_or(written(":[0-9]+")),
        "smtp" => smtp(),
        "defaults" => {
            let keys: Vec<&str> = alert_keys()
                .filter(|key| !alerts::OWN.contains(key))
                .collect();
            let properties = page::properties(PAGE, "## Alerts", &keys, of_alert);
            with_retired(object(properties, &[]))
        }
        "receivers" => map_of(json!({"$ref": "#/$defs/receiver"})),
        "routes" => list(json!({"$ref": "#/$defs/route"})),
        "alerts" => list(json!({"$ref": "#/$defs/alert"})),
        "use" => uses::section(),
        "params" => map_of(text()),
        _ => filled(),
    }
}

fn flat_key(key: &str) -> Value {
    let by_level = |shape: fn() -> Value| {
        let levels = predecessor::LEVELS.iter();
        // nobody reads `nominal`
        let shape = |level: &str| match level {
            "nominal" => json!({"deprecated": true}),
            _ => shape(),
        };
        let keys: Map<String, Value> = levels
            .map(|level| ((*level).to_owned(), shape(level)))
            .collect();
        object(keys, &[])
    };
    match key {
        "graphite_url" | "slack_url" => url(),
        "pagerduty" => by_level(filled),
        "slack" => by_level(url),
        "stdout_enabled" => truth(),
        _ => filled(),
    }
}

fn of_graphite(key: &str) -> Value {
    match key {
        "url" | "public_url" => url(),
        "headers" => map_of(text()),
        "timeout" => longer_than_zero(),
        "concurrency" => number(1, Some(1000)),
        "format" => word(graphite::FORMATS.iter().map(|(word, _)| *word)),
        "cache" | "gzip" => truth(),
        "max_response" => json!({
            "type": ["integer", "string"],
            "minimum": 1,
            "pattern": shape::pattern("0*[1-9][0-9]*\\s*(?:B|K|KB|kB|M|MB|G|GB|KiB|MiB|GiB)?"),
        }),
        "error_for" => duration(),
        "not_found" => word(graphite::NOT_FOUND.iter().map(|(word, _)| *word)),
        _ => filled(),
    }
}

fn smtp() -> Value {
    written("[Ss][Mm][Tt][Pp][Ss]?\\s*://")
}

fn receiver() -> Value {
    let mut properties = page::properties(PAGE, "## Receivers", receivers::KEYS, of_receiver);
    let mut one_of = Vec::new();
    for (kind, keys) in kinds::KEYS {
        let heading = format!("### `{kind}`");
        let own = page::properties(PAGE, &heading, keys, |key| of_kind(kind, key));
        let mut shape = object(own, needed(kind));
        if keys.is_empty() {
            shape::or_nothing(&mut shape);
        }
        properties.insert((*kind).to_owned(), shape);
        one_of.push(json!({"required": [kind]}));
    }
    let mut receiver = object(Map::new(), &[]);
    if let Some(receiver) = receiver.as_object_mut() {
        for (key, shape) in &mut properties {
            if receivers::KEYS.contains(&key.as_str()) {
                shape::or_nothing(shape);
            }
        }
        receiver.insert("properties".to_owned(), Value::Object(properties));
        receiver.insert("oneOf".to_owned(), Value::Array(one_of));
    }
    receiver
}

/// The keys that a receiver of this kind cannot be without.
fn needed(kind: &str) -> &'static [&'static str] {
    match kind {
        "pagerduty" => &["routing_key"],
        "email" => &["to", "from"],
        "webhook" | "slack" => &["url"],
        "command" => &["run"],
        _ => &[],
    }
}

fn of_receiver(key: &str) -> Value {
    match key {
        "allow" => allow(),
        // the levels that have a severity are those that are told
        "levels" => one_or_more(word(kinds::SEVERITY_KEYS.iter().copied()), 1),
        "resolved" | "default" => truth(),
        "repeat" => off_or(longer_than_zero()),
        "after" | "fallback_after" => duration(),
        _ => filled(),
    }
}

fn of_kind(kind: &str, key: &str) -> Value {
    match (kind, key) {
        (_, "url") => url(),
        (_, "smtp") => smtp(),
        (_, "headers") => map_of(text()),
        (_, "severity") => {
            let words = || word(kinds::SEVERITY_WORDS.iter().map(|(word, _)| *word));
            let keys = kinds::SEVERITY_KEYS.iter();
            object(keys.map(|key| ((*key).to_owned(), words())).collect(), &[])
        }
        (_, "to") => items(filled(), 1),
        (_, "cc") => items(filled(), 0),
        (_, "graph") => truth(),
        (_, "method") => shape::word_of_any_case(&kinds::METHODS),
        (_, "run") => json!({"type": "array", "items": text(), "minItems": 1}),
        (_, "timeout") => longer_than_zero(),
        ("pagerduty", "routing_key") | ("email", "from") | ("slack", "channel") => filled(),
        _ => text(),
    }
}

fn route() -> Value {
    let shape = |key: &str| match key {
        "match" => map_of(text()),
        "notify" => items(text(), 1),
        "allow" => allow(),
        _ => truth(),
    };
    object(
        page::properties(PAGE, "## Routes", routes::KEYS, shape),
        &["notify"],
    )
}

fn alert_keys() -> impl Iterator<Item = &'static str> {
    alerts::KEYS.iter().chain(alerts::PREDECESSOR).copied()
}

fn alert() -> Value {
    let keys: Vec<&str> = alert_keys().collect();
    let properties = page::properties(PAGE, "## Alerts", &keys, of_alert);
    let mut alert = with_retired(object(properties, &["name"]));
    if let Some(alert) = alert.as_object_mut() {
        let targets = ["target", "targets"].map(shape::given);
        alert.insert("anyOf".to_owned(), json!(targets));
    }
    alert
}

fn of_alert(key: &str) -> Value {
    match key {
        // a plain number is no target
        "target" | "targets" => items(json!({"type": "string", "pattern": "\\S"}), 1),
        "warning" | "critical" | "recover" => a_number_or_condition(),
        "reduce" => shape::words_or(crate::alert::Reduce::names(), "p[0-9.]+"),
        "max_age" | "every" => longer_than_zero(),
        "settle" => off_or(duration()),
        "for" | "recover_for" | "no_data_for" | "missing_for" | "forget_after" => duration(),
        "no_data" | "missing" => word(alerts::WITHOUT_DATA.iter().map(|(word, _)| *word)),
        "allow_no_data" | "enabled" => truth(),
        "min_series" => number(1, None),
        "limit" | "no_data_limit" => number(0, None),
        "exclude" => items(text(), 0),
        "notify" => items(text(), 1),
        "labels" => map_of(text()),
        "doc_url" | "slack_url" => url(),
        "description" => text(),
        "docs" => shape::link(),
        "graph" => shape::link_or_truth(),
        "allow" => allow(),
        _ => filled(),
    }
}
