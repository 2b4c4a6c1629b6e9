//! An alert's `target` or `targets`: from YAML to checked expressions.
//!
//! What makes a target sound is `alert/target.rs`'s business; its faults are
//! shown inside the scalar, at the character where they are.

use super::problem::Place;
use super::reader::Map;
use super::scalar::{self, Text};
use super::times::refuse_both;
use super::tree::Kind;
use crate::alert::Target;

/// Reads `target` or `targets`, each with its place; `None` where one of them is no target.
pub fn read(map: &Map<'_>) -> Option<(Vec<Target>, Vec<Place>)> {
    refuse_both(map, "target", "targets", "put all of them into `targets`");
    let key = if map.owns("target") {
        "target"
    } else {
        "targets"
    };
    if !map.owns(key) {
        map.context.error(
            map.place,
            format!("{} has no `target`", map.what),
            "write `target: servers.*.loadavg.05`: what Graphite is asked for",
        );
        return None;
    }
    let texts = map.texts(key)?;
    if let Some(entry) = map.entry(key)
        && matches!(&entry.value.kind, Kind::List(items) if items.is_empty())
    {
        map.context.error(
            entry.value.place,
            format!("{} is empty", map.name(key)),
            "name at least one target",
        );
        return None;
    }
    let (mut targets, mut places) = (Vec::new(), Vec::new());
    let mut sound = true;
    for text in texts {
        match target(map, key, text) {
            Some(target) if !targets.contains(&target) => {
                targets.push(target);
                places.push(text.place);
            }
            Some(_) => {}
            None => sound = false,
        }
    }
    (sound && !targets.is_empty()).then_some((targets, places))
}

fn target(map: &Map<'_>, key: &str, text: Text<'_>) -> Option<Target> {
    if text.plain()
        && (scalar::number(text.value).is_some() || scalar::as_truth(text.value).is_some())
    {
        let message = format!(
            "{}: expected a Graphite target, found {}",
            map.name(key),
            text.quoted()
        );
        map.context.error(
            text.place,
            message,
            "write a metric's path or a function, such as `servers.*.loadavg.05`",
        );
        return None;
    }
    // a target over several lines (`target: |`) is one expression
    match Target::parse(&text.value.replace('\n', " ")) {
        Ok(target) => Some(target),
        Err(why) if !text.replaced() => {
            let place = character(&why).map_or(text.place, |character| text.place_of(character));
            let hint = "every bracket and quote needs its partner: Graphite answers an unbalanced target with nothing at all";
            map.context
                .error(place, format!("{}: {why}", map.name(key)), hint);
            None
        }
        Err(why) => map.understood(key, text, "a sound Graphite target", Err(why)),
    }
}

/// The first "character N" of a message.
fn character(message: &str) -> Option<usize> {
    let (_, after) = message.split_once("character ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
