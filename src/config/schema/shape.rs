//! The forms that values have, as pieces of a schema.
//!
//! `type` lists and keywords that hold for one type each, rather than `anyOf`:
//! an editor then says what is wrong with the value, not that it is none of
//! several. Text may hold `${...}`, which stands for anything.

use serde_json::{Map, Value, json};

const DURATION: &str = "0+(?:\\.0+)?|(?:[0-9]+(?:\\.[0-9]+)?(?:ms|min|sec|[wdhms]))+";
const OFF: &str = "[Oo][Ff][Ff]|[Nn][Oo]|[Ff][Aa][Ll][Ss][Ee]";
const TRUTH: &str =
    "[Tt][Rr][Uu][Ee]|[Yy][Ee][Ss]|[Oo][Nn]|[Oo][Ff][Ff]|[Nn][Oo]|[Ff][Aa][Ll][Ss][Ee]";

/// All of the text, blanks around it apart, or whatever `${...}` stands for.
pub fn pattern(whole: &str) -> String {
    format!("^\\s*(?:{whole})\\s*$|\\$\\{{")
}

/// Anything but a list, a map or nothing.
pub fn text() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

/// The same, not empty.
pub fn filled() -> Value {
    json!({"type": ["string", "number", "boolean"], "pattern": "\\S"})
}

/// Text in which this is found.
pub fn written(part: &str) -> Value {
    json!({"type": "string", "pattern": format!("{part}|\\$\\{{")})
}

const LINK: &str = "^\\s*[Hh][Tt][Tt][Pp][Ss]?://|\\{\\{|\\{%|\\$\\{";

/// A URL that may be a template.
pub fn link() -> Value {
    json!({"type": "string", "pattern": LINK})
}

/// The same, or whether there is one.
pub fn link_or_truth() -> Value {
    json!({"type": ["boolean", "string"], "pattern": format!("^(?:{TRUTH})$|{LINK}")})
}

/// As YAML 1.1 and 1.2 write it.
pub fn truth() -> Value {
    json!({
        "type": ["boolean", "string"],
        "pattern": format!("^(?:{TRUTH})$|\\$\\{{"),
    })
}

/// `http://` or `https://`.
pub fn url() -> Value {
    written("^\\s*[Hh][Tt][Tt][Pp][Ss]?://")
}

/// A duration; of plain numbers only zero is one.
pub fn duration() -> Value {
    json!({
        "type": ["string", "number"],
        "minimum": 0,
        "maximum": 0,
        "pattern": pattern(DURATION),
    })
}

/// A duration that may not be zero.
pub fn longer_than_zero() -> Value {
    let longer = format!("(?=[^1-9]*[1-9])(?:{DURATION})");
    json!({"type": "string", "pattern": pattern(&longer)})
}

/// `off`, which some readers of YAML take for `false`, or something else.
pub fn off_or(shape: Value) -> Value {
    json!({"anyOf": [
        shape,
        {"enum": ["off", false]},
        {"type": "string", "pattern": format!("^(?:{OFF})$")},
    ]})
}

/// A whole number, in quotes or not; `least` is 0 or 1.
pub fn number(least: u64, most: Option<u64>) -> Value {
    let digits = match least {
        0 => "\\+?[0-9]+",
        _ => "\\+?0*[1-9][0-9]*",
    };
    let mut shape = json!({
        "type": ["integer", "string"],
        "minimum": least,
        "pattern": pattern(digits),
    });
    if let (Some(most), Some(shape)) = (most, shape.as_object_mut()) {
        shape.insert("maximum".to_owned(), json!(most));
    }
    shape
}

/// A threshold.
pub fn a_number_or_condition() -> Value {
    json!({
        "type": ["number", "string"],
        "pattern": "^\\s*(?:[<>]=?|[=!]=|inside|outside)?\\s*[-+]?\\.?[0-9]|\\$\\{",
    })
}

/// One of these words.
pub fn word<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    let words: Vec<&str> = words.into_iter().collect();
    json!({"anyOf": [{"enum": words}, {"type": "string", "pattern": "\\$\\{"}]})
}

/// One of these words, or what matches.
pub fn words_or<'a>(words: impl IntoIterator<Item = &'a str>, others: &str) -> Value {
    let words: Vec<&str> = words.into_iter().collect();
    let all = pattern(&format!("{}|{others}", words.join("|")));
    json!({"anyOf": [{"enum": words}, {"type": "string", "pattern": all}]})
}

/// One of these words, in any case.
pub fn word_of_any_case(words: &[&str]) -> Value {
    let letter = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
    let any = |word: &&str| word.chars().map(letter).collect::<String>();
    let others: Vec<String> = words.iter().map(any).collect();
    words_or(words.iter().copied(), &others.join("|"))
}

/// A list and nothing else.
pub fn list(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

/// A list of at least so many, or one alone; `item` is of plain types.
pub fn items(item: Value, least: u64) -> Value {
    let mut shape = item.clone();
    let types = shape.get("type").cloned().unwrap_or_default();
    let mut types = match types {
        Value::Array(types) => types,
        one => vec![one],
    };
    types.push(json!("array"));
    if let Some(shape) = shape.as_object_mut() {
        shape.insert("type".to_owned(), Value::Array(types));
        shape.insert("items".to_owned(), item);
        shape.insert("minItems".to_owned(), json!(least));
    }
    shape
}

/// The same, whatever `item` is.
pub fn one_or_more(item: Value, least: u64) -> Value {
    json!({"anyOf": [item, {"type": "array", "items": item, "minItems": least}]})
}

/// A map whose keys are anybody's.
pub fn map_of(value: Value) -> Value {
    json!({"type": "object", "additionalProperties": value})
}

/// A map with these keys and no others; what it need not have may have nothing after its colon.
pub fn object(mut properties: Map<String, Value>, required: &[&str]) -> Value {
    for (key, shape) in &mut properties {
        if !required.contains(&key.as_str()) {
            or_nothing(shape);
        }
    }
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if let (false, Some(object)) = (required.is_empty(), object.as_object_mut()) {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

/// Lets `shape` be null too.
pub fn or_nothing(shape: &mut Value) {
    match shape.get_mut("type") {
        Some(Value::Array(types)) => types.push(json!("null")),
        Some(one) => *one = json!([one.take(), "null"]),
        None => {
            if let Some(Value::Array(any)) = shape.get_mut("anyOf") {
                any.push(json!({"type": "null"}));
            }
        }
    }
}

/// The key is there, with a value.
pub fn given(key: &str) -> Value {
    json!({"required": [key], "properties": {key: {"not": {"type": "null"}}}})
}
