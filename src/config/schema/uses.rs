//! What the schema says of `use:`: the packs with their parameters, as their
//! files describe them.

use serde_json::{Map, Value, json};

use super::shape::{items, list, object, or_nothing, text};
use crate::config::packs::{self, Described, Pack};
use crate::config::params::DISABLE;

/// The section `use:`.
pub fn section() -> Value {
    let names: Vec<&str> = packs::ALL.iter().map(|pack| pack.name).collect();
    let with = packs::ALL
        .iter()
        .map(|pack| (pack.name.to_owned(), parameters(pack)))
        .collect();
    let mut with = object(with, &[]);
    if let Some(with) = with.as_object_mut() {
        let file = json!({
            "type": ["object", "null"],
            "properties": {DISABLE: disable()},
            "additionalProperties": text(),
        });
        with.insert("patternProperties".to_owned(), json!({"/": file}));
        with.insert("minProperties".to_owned(), json!(1));
        with.insert("maxProperties".to_owned(), json!(1));
    }
    list(json!({"anyOf": [
        {"enum": names},
        {"type": "string", "pattern": "/|\\$\\{"},
        with,
    ]}))
}

fn parameters(pack: &Pack) -> Value {
    let mut properties: Map<String, Value> = pack
        .params()
        .map(|param| (param.name.to_owned(), parameter(&param)))
        .collect();
    properties.insert(DISABLE.to_owned(), disable());
    // a parameter with nothing after it is a mistake
    json!({
        "type": "object",
        "description": pack.about(),
        "properties": properties,
        "additionalProperties": false,
    })
}

fn disable() -> Value {
    let mut shape = items(text(), 0);
    or_nothing(&mut shape);
    if let Some(shape) = shape.as_object_mut() {
        let about = "Names of alerts that are left out.";
        shape.insert("description".to_owned(), json!(about));
    }
    shape
}

fn parameter(param: &Described) -> Value {
    let mut shape = text();
    if let Some(shape) = shape.as_object_mut() {
        let number = serde_json::from_str::<serde_json::Number>(param.default);
        let default = number.map_or_else(|_| json!(param.default), Value::Number);
        shape.insert("default".to_owned(), default);
        shape.insert("description".to_owned(), json!(param.about));
    }
    shape
}
