//! The schema of a file of alert tests.

use serde_json::{Value, json};

use super::shape::{
    duration, filled, given, items, longer_than_zero, map_of, object, one_or_more, text, truth,
    word, words_or,
};
use super::{page, root};
use crate::config::alert_test::{self, one};

const PAGE: &str = include_str!("../../../docs/testing.md");

/// The schema of a file of alert tests.
pub fn tests() -> Value {
    let shape = |key: &str| match key {
        "alerts" => items(text(), 1),
        "environment" => map_of(text()),
        "every" => longer_than_zero(),
        "tests" => json!({"type": "array", "items": {"$ref": "#/$defs/test"}, "minItems": 1}),
        _ => instant(),
    };
    let properties = page::properties(PAGE, "## A file", alert_test::KEYS, shape);
    let mut schema = root(
        "Graphite Pager: alert tests",
        object(properties, &["alerts", "tests"]),
    );
    let anchors = json!({"^x-": {"description": "A place to keep YAML anchors in."}});
    schema.insert("patternProperties".to_owned(), anchors);
    schema.insert("$defs".to_owned(), json!({"test": test()}));
    Value::Object(schema)
}

fn instant() -> Value {
    json!({"type": "string", "pattern": "^\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}"})
}

fn test() -> Value {
    let shape = |key: &str| match key {
        "name" => filled(),
        "every" => longer_than_zero(),
        "start" => instant(),
        "only" => truth(),
        "series" => of_items(key, one::SERIES, &["alert", "name", "values"]),
        "expect" => of_items(key, one::EXPECT, &["at", "alert", "series", "level"]),
        "events" => expecting(of_item(key, one::EVENTS, &["alert", "series"]), "event"),
        "told" => expecting(
            of_item(key, one::TOLD, &["receiver", "alert", "series"]),
            "says",
        ),
        "graphite" => of_items(key, one::GRAPHITE, &["fails"]),
        _ => of_items(key, one::RELOAD, &["at", "alerts"]),
    };
    let mut test = object(
        page::properties(PAGE, "## A test", one::KEYS, shape),
        &["name"],
    );
    if let Some(test) = test.as_object_mut() {
        let expects = ["expect", "events", "told"].map(given);
        test.insert("anyOf".to_owned(), json!(expects));
    }
    test
}

/// Items that say what happens and when, or that nothing (else) does.
fn expecting(mut item: Value, what: &str) -> Value {
    if let Some(item) = item.as_object_mut() {
        let happens = json!({"allOf": [given("at"), given(what)]});
        item.insert("anyOf".to_owned(), json!([happens, given("only")]));
    }
    one_or_more(item, 0)
}

fn of_items(list: &str, keys: &[&str], required: &[&str]) -> Value {
    one_or_more(of_item(list, keys, required), 0)
}

fn of_item(list: &str, keys: &[&str], required: &[&str]) -> Value {
    let heading = format!("### `{list}`");
    let shape = |key: &str| match (list, key) {
        ("reload", "alerts") => items(text(), 1),
        ("series", "values") => items(text(), 1),
        (_, "at" | "from" | "to") => duration(),
        (_, "level") => word(one::LEVELS.map(|(word, _)| word)),
        (_, "event") => word(one::HAPPENINGS.map(|(word, _)| word)),
        (_, "says") => word(one::SAYS.map(|(word, _)| word)),
        (_, "only" | "at_once") => truth(),
        (_, "fails") => fails(),
        _ => filled(),
    };
    object(page::properties(PAGE, &heading, keys, shape), required)
}

fn fails() -> Value {
    let status = "\\+?0*[1345][0-9]{2}";
    let mut shape = words_or(one::FAILURES.map(|(word, _)| word), status);
    if let Some(Value::Array(any)) = shape.get_mut("anyOf") {
        for (least, most) in [(100, 199), (300, 599)] {
            any.push(json!({"type": "integer", "minimum": least, "maximum": most}));
        }
    }
    shape
}
