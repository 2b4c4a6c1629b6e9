//! An alert's `warning`, `critical` and `recover`: from YAML to conditions.
//!
//! What they mean is `alert/condition.rs`'s business; here they are found in
//! the tree, and its faults find their place in the file.

use super::problem::quote;
use super::reader::Map;
use super::scalar::{kind, number};
use super::tree::Kind;
use crate::alert::condition::{Conditions, Fault, Written, conditions};

const THRESHOLDS: [&str; 3] = ["warning", "critical", "recover"];

/// Reads the three keys; `None` where something is wrong with one, which has been noted.
pub fn read(map: &Map<'_>, name: &str) -> Option<Conditions> {
    if !map.has("warning") && !map.has("critical") {
        let hint = "add `critical: 20`, or a condition such as `critical: \"> 90%\"`, and `warning` where you want to be told earlier";
        map.context
            .error(map.place, format!("{} has no threshold", map.what), hint);
        return None;
    }
    let [warning, critical, recover] = THRESHOLDS.map(|key| {
        if map.has(key) {
            Read::from(written(map, key))
        } else {
            Read::Absent
        }
    });
    // what is sound is looked at even where something beside it is not
    let sound = !matches!(
        (&warning, &critical, &recover),
        (Read::Broken, ..) | (_, Read::Broken, _) | (.., Read::Broken)
    );
    let recover = if matches!(warning, Read::Broken) || matches!(critical, Read::Broken) {
        None
    } else {
        recover.usable()
    };
    let (warning, critical) = (warning.usable(), critical.usable());
    if warning.is_none() && critical.is_none() {
        return None;
    }
    match conditions(name, warning.as_ref(), critical.as_ref(), recover.as_ref()) {
        Ok(conditions) => sound.then_some(conditions),
        Err(faults) => {
            faults.iter().for_each(|fault| note(map, name, fault));
            None
        }
    }
}

/// What became of one of the keys.
enum Read {
    Absent,
    Broken,
    Usable(Written),
}

impl Read {
    fn from(written: Option<Written>) -> Self {
        written.map_or(Self::Broken, Self::Usable)
    }

    fn usable(self) -> Option<Written> {
        match self {
            Self::Usable(written) => Some(written),
            Self::Absent | Self::Broken => None,
        }
    }
}

fn written(map: &Map<'_>, key: &str) -> Option<Written> {
    let entry = map.entry(key)?;
    let name = map.name(key);
    let expected = "a number or a condition";
    let hint =
        "write `20`, or a condition such as `\"> 90%\"`, `\"< 200MB\"`, `\"outside 10..20\"`";
    let Kind::Scalar(scalar) = &entry.value.kind else {
        map.context.error(
            entry.value.place,
            format!("{name}: expected {expected}, found {}", kind(&entry.value)),
            hint,
        );
        return None;
    };
    if scalar.broken {
        return None;
    }
    if scalar.plain && matches!(kind(&entry.value), "true or false") {
        map.context.error(
            entry.value.place,
            format!("{name}: expected {expected}, found {}", quote(&scalar.text)),
            hint,
        );
        return None;
    }
    match number(&scalar.text).filter(|_| scalar.plain || scalar.written.is_some()) {
        Some(value) if !value.is_finite() => {
            map.context.error(
                entry.value.place,
                format!(
                    "{name}: expected a finite number, found {}",
                    quote(&scalar.text)
                ),
                hint,
            );
            None
        }
        Some(value) => Some(Written::Number(value)),
        None => Some(Written::Text(scalar.text.clone())),
    }
}

/// Notes a fault at its key; one between two keys at the first of them.
fn note(map: &Map<'_>, name: &str, fault: &Fault) {
    let keys = || [Some(fault.key), fault.between].into_iter().flatten();
    let place = |key: &str| map.entry(key).map(|entry| entry.value.place);
    let places = keys().filter_map(place);
    let replaced = keys().any(|key| map.text(key).is_some_and(|text| text.replaced()));
    let at = places.min().unwrap_or(map.place);
    if replaced {
        let message = format!(
            "{}: the value of a variable here is no usable threshold",
            map.name(fault.key)
        );
        map.context
            .error(at, message, map.context.advice_on_outside());
        return;
    }
    // what all alerts inherit is wrong once, not once an alert
    let inherited = keys().all(|key| map.has(key) && !map.owns(key));
    let message = if inherited {
        fault
            .message
            .replace(&format!("of alert `{name}`"), "of `defaults`")
    } else {
        fault.message.clone()
    };
    map.context
        .error(at, message, fault.hint.clone().unwrap_or_default());
}
