//! From what was found to the file that is printed.
//!
//! The file holds `alerts` alone, because every other key may stand in one file
//! of a configuration only: so it lies beside others, whatever they hold.
//!
//! Invariant: what is written is read by our own reader without an error, or
//! holds nothing but comments.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::draft::{Draft, Found, Item, Refused};
use super::foreign::Unreadable;
use super::yaml::{Value, comment, entry};
use super::{Origin, foreign};
use crate::config::{self, BUILT_IN};
use crate::deliver::text::clean;

/// Bytes that a file of ours may have.
const LARGEST: usize = 16 << 20;

/// A foreign file as a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The configuration: alerts and comments.
    pub yaml: String,
    /// What became of what.
    pub summary: Summary,
}

/// What became of the alerts of a foreign file, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Where they came from.
    pub origin: Origin,
    /// Each with its name.
    pub alerts: Vec<(String, Outcome)>,
    /// What stands beside them and has no equal here.
    pub lost: usize,
}

/// What became of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It means the same here.
    Whole,
    /// Something of it has no equal or means something else: how many remarks say so.
    Remarks(usize),
    /// It is in a comment; why.
    Refused(String),
}

impl Summary {
    /// Whether anything was taken.
    pub fn took_any(&self) -> bool {
        self.alerts
            .iter()
            .any(|(_, outcome)| !matches!(outcome, Outcome::Refused(_)))
    }
}

/// Writes what was found in a file of `origin`.
///
/// # Errors
/// There is no alert in it, or more than a configuration may hold.
pub fn write(origin: Origin, mut found: Found) -> Result<Imported, Unreadable> {
    if found.items.is_empty() {
        return Err(Unreadable {
            message: format!("it holds no {}", origin.noun()),
            hint: Some(format!("expected {}", origin.expects())),
        });
    }
    let yaml = sound(origin, &mut found)?;
    let alerts = found.items.iter().map(|item| match item {
        Item::Taken(draft) if draft.remarks.is_empty() => (draft.name.clone(), Outcome::Whole),
        Item::Taken(draft) => (draft.name.clone(), Outcome::Remarks(draft.remarks.len())),
        Item::Refused(refused) => (refused.name.clone(), Outcome::Refused(refused.why.clone())),
    });
    let summary = Summary {
        origin,
        alerts: alerts.collect(),
        lost: found.lost.len(),
    };
    Ok(Imported { yaml, summary })
}

/// Makes each name one that an alert may have: one line that shows something.
fn name_soundly(items: &mut [Item]) {
    for draft in items.iter_mut().filter_map(taken_draft) {
        let line = draft.name.replace(char::is_control, " ");
        let name = match line.trim() {
            "" => "unnamed".to_owned(),
            BUILT_IN => format!("{BUILT_IN} (imported)"),
            _ => line,
        };
        if name != draft.name {
            let given = std::mem::replace(&mut draft.name, name);
            draft.remark(format!("its name was `{given}`, which none can have here"));
        }
    }
}

/// Gives each alert a name of its own: two of one name would share their series.
fn name_apart(items: &mut [Item]) {
    let mut taken: HashSet<String> = HashSet::new();
    // of each name, the number that is tried next
    let mut next: HashMap<String, usize> = HashMap::new();
    for draft in items.iter_mut().filter_map(taken_draft) {
        let given = draft.name.clone();
        while !taken.insert(draft.name.clone()) {
            let number = next.entry(given.clone()).or_insert(2);
            draft.name = format!("{given} ({number})");
            *number += 1;
        }
        if draft.name != given {
            draft.remark(format!(
                "its name was `{given}`, as is that of one before it"
            ));
        }
    }
}

fn taken_draft(item: &mut Item) -> Option<&mut Draft> {
    match item {
        Item::Taken(draft) => Some(draft),
        Item::Refused(_) => None,
    }
}

/// Writes, and reads back with our own reader; what that refuses is refused here.
fn sound(origin: Origin, found: &mut Found) -> Result<String, Unreadable> {
    name_soundly(&mut found.items);
    // one by one only where it is not enough to look once
    if read_back(&alone(found.items.iter())).is_err() {
        for item in &mut found.items {
            if let Err(why) = read_back(&alone([&*item])) {
                refuse(item, why);
            }
        }
    }
    name_apart(&mut found.items);
    let enabled = |item: &Item| matches!(item, Item::Taken(draft) if !draft.keys.iter().any(|(key, _)| *key == "enabled"));
    if !found.items.iter().any(enabled) {
        for item in &mut found.items {
            refuse(
                item,
                "it is switched off, and a file in which nothing is on is refused".to_owned(),
            );
        }
    }
    let yaml = document(origin, found);
    match read_back(&yaml) {
        Ok(()) => Ok(yaml),
        Err(why) => Err(Unreadable {
            message: format!("what would be written is no configuration: {why}"),
            hint: Some(
                "this is a fault of graphite-pager: please report it with the file".to_owned(),
            ),
        }),
    }
}

/// Turns an alert that was taken into a comment.
fn refuse(item: &mut Item, why: String) {
    if let Item::Taken(draft) = item {
        let said = draft.keys.iter().map(|(key, value)| {
            let mut line = String::new();
            entry(&mut line, 0, key, value);
            clean(line.trim_end()).into_owned()
        });
        let remarks = draft.remarks.iter().cloned();
        *item = Item::Refused(Refused {
            name: draft.name.clone(),
            place: draft.place.clone(),
            why,
            said: said.chain(remarks).collect(),
        });
    }
}

/// Whether our own reader takes `yaml`, beside a Graphite; why not, in one line.
fn read_back(yaml: &str) -> Result<(), String> {
    if !has_alerts(yaml) {
        return Ok(());
    }
    if yaml.len() > LARGEST {
        return Err(format!(
            "it has more than {} MiB; divide the file",
            LARGEST >> 20
        ));
    }
    let environment = |name: &str| (name == "GRAPHITE_URL").then(|| "http://graphite".to_owned());
    let read = config::load_text(Path::new("imported.yml"), yaml, &environment);
    read.map(|_| ()).map_err(|report| {
        let errors = report
            .0
            .iter()
            .filter(|problem| problem.severity == config::Severity::Error);
        let words: Vec<String> = errors
            .map(|problem| problem.message.clone())
            .take(3)
            .collect();
        words.join("; ")
    })
}

fn has_alerts(yaml: &str) -> bool {
    yaml.lines().any(|line| line == ALERTS)
}

const ALERTS: &str = "alerts:";

/// The alerts by themselves, switched on, under names that none shares with another.
fn alone<'a>(items: impl IntoIterator<Item = &'a Item>) -> String {
    let mut out = format!("{ALERTS}\n");
    for (number, item) in (1_usize..).zip(items) {
        let Item::Taken(draft) = item else { continue };
        let keys = draft.keys.iter().filter(|(key, _)| *key != "enabled");
        let on = Draft {
            name: format!("{number} {}", draft.name),
            keys: keys.cloned().collect(),
            ..Draft::default()
        };
        taken(&mut out, &on);
    }
    out
}

fn document(origin: Origin, found: &Found) -> String {
    let mut out = String::new();
    head(&mut out, origin, found);
    let any = found
        .items
        .iter()
        .any(|item| matches!(item, Item::Taken(_)));
    if any {
        out.push('\n');
        out.push_str(ALERTS);
        out.push('\n');
    }
    for (index, item) in found.items.iter().enumerate() {
        if index > 0 || !any {
            out.push('\n');
        }
        match item {
            Item::Taken(draft) => taken(&mut out, draft),
            Item::Refused(refused) => refused_comment(&mut out, refused),
        }
    }
    out
}

const MOVED: &str = "Ranges hold their ends here: where an end did not belong to one, the number next to it is written, such as `10.000000000000002` for what is above 10.";

fn head(out: &mut String, origin: Origin, found: &Found) {
    let title = origin.title();
    comment(
        out,
        0,
        "",
        &format!(
            "Alerts of {title}, as graphite-pager reads them. They go beside a file that says where Graphite is and who is told."
        ),
    );
    comment(
        out,
        0,
        "",
        "A line with `note:` says what of an alert has no equal here, or means something else.",
    );
    let mut differences = found.differences.clone();
    let moved = |item: &Item| matches!(item, Item::Taken(draft) if draft.moved);
    if found.items.iter().any(moved) {
        differences.push(MOVED.to_owned());
    }
    section(
        out,
        &format!("What is different here from {title}, for all of them:"),
        &differences,
    );
    section(
        out,
        "What stood beside the alerts and has no equal here:",
        &found.lost,
    );
    if !found.settings.is_empty() {
        out.push_str("#\n");
        comment(
            out,
            0,
            "",
            "What stood beside the alerts, as settings. They belong to the file that says where Graphite is and who is told:",
        );
        out.push_str("#\n");
        for line in &found.settings {
            // written by ourselves, and never wrapped: it is to be copied
            let line = clean(line);
            out.push_str(format!("#     {line}").trim_end());
            out.push('\n');
        }
    }
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.push_str("#\n");
    comment(out, 0, "", title);
    for line in lines {
        comment(out, 0, "- ", line);
    }
}

fn taken(out: &mut String, draft: &Draft) {
    if let Some(place) = &draft.place {
        comment(out, 2, "", place);
    }
    for remark in &draft.remarks {
        comment(out, 2, "note: ", remark);
    }
    let mut lines = String::new();
    entry(&mut lines, 4, "name", &Value::Text(draft.name.clone()));
    for (key, value) in &draft.keys {
        entry(&mut lines, 4, key, value);
    }
    out.push_str("  - ");
    out.push_str(lines.trim_start_matches(' '));
}

fn refused_comment(out: &mut String, refused: &Refused) {
    let place = refused
        .place
        .as_ref()
        .filter(|place| **place != refused.name)
        .map_or_else(String::new, |place| format!(" ({place})"));
    let name = foreign::list([refused.name.as_str()]);
    comment(out, 2, "not taken: ", &format!("{name}{place}"));
    comment(out, 2, "  why: ", &refused.why);
    for line in &refused.said {
        comment(out, 2, "  ", line);
    }
}
