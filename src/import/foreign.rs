//! Foreign files as a tree: JSON or YAML, and what they look like.
//!
//! Values are taken leniently, as the programs themselves take them: a number
//! may stand in quotes. It knows the marks by which the files of each origin are
//! told apart, and nothing of what they mean.

use serde_json::{Map, Value};

use super::Origin;

/// A file that an origin does not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// An object of the file.
pub type Object = Map<String, Value>;

/// Reads JSON or YAML. Lines that end in `// ...` are no JSON, but some programs allow them.
///
/// # Errors
/// It is neither, or nothing; with what it looks like.
pub fn read(text: &str, origin: Origin) -> Result<Value, Unreadable> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(Unreadable {
            message: "it is empty".to_owned(),
            hint: None,
        });
    }
    if looks_like_nagios(text) {
        return Err(other(origin, Looks::Like(Origin::Nagios)));
    }
    let stripped = without_comments(text);
    let begins = stripped.trim_start();
    if begins.starts_with(['{', '[']) {
        let strict = serde_json::from_str(text);
        // YAML may begin so too, with keys without quotes
        return strict
            .or_else(|error| serde_json::from_str(&stripped).map_err(|_| error))
            .or_else(|error| serde_yaml::from_str(text).map_err(|_| not_json(&error)));
    }
    match serde_yaml::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Ok(value),
        Ok(_) => Err(Unreadable {
            message: "it is neither JSON nor YAML with keys".to_owned(),
            hint: None,
        }),
        Err(error) => Err(not_yaml(&error.to_string())),
    }
}

fn not_json(error: &serde_json::Error) -> Unreadable {
    Unreadable {
        message: format!("it is not JSON: {error}"),
        hint: None,
    }
}

fn not_yaml(error: &str) -> Unreadable {
    // the rest shows lines of the file, which may hold secrets
    let first = error.lines().next().unwrap_or_default();
    Unreadable {
        message: format!("it is not YAML: {first}"),
        hint: None,
    }
}

/// Without `// ` and what follows it in a line.
fn without_comments(text: &str) -> String {
    let cut = |line: &str| {
        let at = line.match_indices("//").find(|(at, _)| {
            let rest = line.get(at + 2..).unwrap_or_default();
            rest.is_empty() || rest.starts_with(char::is_whitespace)
        });
        at.and_then(|(at, _)| line.get(..at))
            .unwrap_or(line)
            .to_owned()
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    Like(Origin),
    LikeOurs,
    LikePrometheus,
    LikeDashboard,
    LikeIcinga2,
    LikeNothing,
}

/// Says that this is no file of `origin`, and what it looks like.
pub fn not_of(origin: Origin, value: &Value) -> Unreadable {
    other(origin, looks(value))
}

/// The same for text that is no tree.
pub fn text_not_of(origin: Origin, text: &str) -> Unreadable {
    if text.contains("object CheckCommand") || text.contains("apply Service") {
        return other(origin, Looks::LikeIcinga2);
    }
    let value = serde_json::from_str(text).or_else(|_| serde_yaml::from_str(text));
    other(
        origin,
        value.map_or(Looks::LikeNothing, |value| looks(&value)),
    )
}

fn other(origin: Origin, looks: Looks) -> Unreadable {
    let hint = match looks {
        Looks::Like(other) if other != origin => Some(format!(
            "this looks like {}: use `import {}`",
            other.title(),
            other.name()
        )),
        Looks::LikeOurs => {
            Some("this is a configuration of graphite-pager already: `graphite-pager verify` reads it".to_owned())
        }
        Looks::LikePrometheus => {
            Some("these look like rules of Prometheus, which ask no Graphite".to_owned())
        }
        Looks::LikeDashboard => Some(
            "this is a dashboard: export the alert rules (Alerting, Alert rules, Export) and import that file".to_owned(),
        ),
        Looks::LikeIcinga2 => Some(
            "this is Icinga 2's own language, which is not read: give the plugin's command lines, one a line".to_owned(),
        ),
        Looks::Like(_) | Looks::LikeNothing => Some(format!("expected {}", origin.expects())),
    };
    Unreadable {
        message: format!("this is no file of {}", origin.title()),
        hint,
    }
}

/// Whether text holds objects or command lines of Nagios.
pub fn looks_like_nagios(text: &str) -> bool {
    let trimmed = text.trim_start();
    let object = |line: &str| {
        let mut words = line.split_whitespace();
        words.next() == Some("define")
            && words.next().is_some_and(|word| {
                ["command", "service", "host"].contains(&word.trim_end_matches('{'))
            })
    };
    !trimmed.starts_with(['{', '[']) && text.lines().any(object)
}

fn looks(value: &Value) -> Looks {
    let object = value.as_object();
    let list = |key: &str| {
        let list = object
            .and_then(|object| object.get(key))
            .and_then(Value::as_array);
        list.and_then(|list| list.first())
    };
    let has = |value: Option<&Value>, keys: &[&str]| {
        value.is_some_and(|value| keys.iter().all(|key| value.get(key).is_some()))
    };
    let single = match value {
        Value::Array(items) => items.first(),
        value => Some(value),
    };
    let trigger = |value| {
        has(value, &["targets"])
            && ["trigger_type", "warn_value", "error_value", "expression"]
                .iter()
                .any(|key| has(value, &[key]))
    };
    let rule = list("groups")
        .and_then(|group| group.get("rules"))
        .and_then(|rules| rules.get(0));
    match () {
        () if trigger(list("list")) || trigger(single) => Looks::Like(Origin::Moira),
        () if has(list("alerts"), &["rules"]) => Looks::Like(Origin::GraphiteBeacon),
        () if has(rule, &["expr"]) => Looks::LikePrometheus,
        () if has(rule, &["data"]) || has(single, &["condition", "data"]) => {
            Looks::Like(Origin::Grafana)
        }
        () if has(list("rules"), &["data"]) => Looks::Like(Origin::Grafana),
        () if has(Some(value), &["panels"]) => Looks::LikeDashboard,
        () if has(list("alerts"), &["target"]) || has(list("alerts"), &["targets"]) => {
            Looks::LikeOurs
        }
        () => Looks::LikeNothing,
    }
}

/// Text; a number as it is written.
pub fn text(object: &Object, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number; in quotes too.
pub fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// Texts: a list of them, or a single one.
pub fn texts(object: &Object, key: &str) -> Vec<String> {
    match object.get(key) {
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| match item {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
            .collect(),
        Some(Value::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// True or false; in quotes too.
pub fn truth(object: &Object, key: &str) -> Option<bool> {
    match object.get(key)? {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// The keys of `object` that are none of `known` and hold something.
pub fn unknown<'a>(object: &'a Object, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
    object
        .iter()
        .filter(|(key, value)| !value.is_null() && !known.contains(&key.as_str()))
        .map(|(key, _)| key.as_str())
}

/// Back-ticks around each, commas between.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;

    #[test]
    fn comments_of_two_slashes_are_left_out_of_json() {
        let text = "// all of it\n{\"a\": \"http://x\", // why\n \"b\": 1 //\n}";
        let value = read(text, Origin::GraphiteBeacon).unwrap();
        assert_eq!(value, serde_json::json!({"a": "http://x", "b": 1}));
    }

    #[test]
    fn yaml_may_begin_like_json() {
        let value = read("{a: [b, 1]}", Origin::Grafana).unwrap();
        assert_eq!(value, serde_json::json!({"a": ["b", 1]}));
    }

    #[track_caller]
    fn check(text: &str, origin: Origin, message: &str, hint: &str) {
        let error = match read(text, origin) {
            Ok(value) => not_of(origin, &value),
            Err(error) => error,
        };
        assert!(error.message.contains(message), "{error:?}");
        assert!(
            error.hint.clone().unwrap_or_default().contains(hint),
            "{error:?}"
        );
    }

    #[test]
    fn what_a_file_looks_like_is_said() {
        let moira = r#"{"list": [{"targets": ["a"], "trigger_type": "rising"}]}"#;
        check(
            moira,
            Origin::Grafana,
            "no file of Grafana",
            "use `import moira`",
        );
        let trigger = r#"{"targets": ["a"], "warn_value": 1}"#;
        check(
            trigger,
            Origin::GraphiteBeacon,
            "no file of",
            "use `import moira`",
        );
        let beacon = "alerts: [{name: x, query: a, rules: ['critical: > 1']}]";
        check(
            beacon,
            Origin::Moira,
            "no file of Moira",
            "use `import graphite-beacon`",
        );
        let grafana = "groups: [{rules: [{condition: A, data: []}]}]";
        check(grafana, Origin::Moira, "no file of", "use `import grafana`");
        check(
            "define command {\n}",
            Origin::Moira,
            "no file of",
            "use `import nagios`",
        );
        check(
            "groups: [{rules: [{expr: up}]}]",
            Origin::Grafana,
            "no file of",
            "Prometheus",
        );
        check(
            "{\"panels\": []}",
            Origin::Grafana,
            "no file of",
            "dashboard",
        );
        check(
            "alerts: [{name: x, target: a}]",
            Origin::Moira,
            "no file of",
            "already",
        );
        check("{}", Origin::Moira, "no file of Moira", "expected");
    }

    #[test]
    fn what_is_neither_json_nor_yaml_is_said() {
        check("", Origin::Moira, "it is empty", "");
        check(" \n", Origin::Moira, "it is empty", "");
        check("{\"list\": [}", Origin::Moira, "it is not JSON: ", "");
        check("a: b: c", Origin::Moira, "it is not YAML: ", "");
        check("just words", Origin::Moira, "neither JSON nor YAML", "");
    }
}
