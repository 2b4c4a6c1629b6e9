//! Keys that nobody knows, and those of the predecessor that have no equal:
//! accepted with a warning that says what replaced them.

use super::code::Code;
use super::mask;
use super::reader::Map;
use super::suggest;

/// Reports the keys of `map` that are neither in `known` nor the predecessor's retired ones.
pub fn only(map: &Map<'_>, known: &[&str]) {
    for entry in map.entries().iter().take_while(|_| !map.context.full()) {
        if known.contains(&&*entry.key) {
            continue;
        }
        if let Some(replaced_by) = instead(&entry.key) {
            map.warn(
                Code::RetiredKey,
                entry.place,
                format!("{} has no effect any more", map.name(&entry.key)),
                replaced_by,
            );
            continue;
        }
        let hint = suggest::hint(&entry.key, known.iter().copied(), "keys");
        map.context.error(
            entry.place,
            format!(
                "unknown key {} {}",
                mask::key(&entry.key, entry.value.is_null()),
                within(map)
            ),
            hint,
        );
    }
}

/// What replaced a key that the predecessor had.
pub fn instead(key: &str) -> Option<&'static str> {
    if key == "redis_url" {
        Some("state is kept in a file of its own (`store:`); Redis is not needed")
    } else if key.starts_with("hipchat_") {
        Some("HipChat is gone; tell a chat by a `slack` or `webhook` receiver")
    } else if key.starts_with("pushbullet_") {
        Some("tell Pushbullet by a `webhook` or `command` receiver")
    } else {
        None
    }
}

fn within(map: &Map<'_>) -> String {
    if map.what.is_empty() {
        "at the top level".to_owned()
    } else {
        format!("in {}", map.what)
    }
}
