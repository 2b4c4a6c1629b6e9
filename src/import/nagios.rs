//! Nagios and what descends from it: services whose command is `check_graphite`.
//!
//! Object files (`define command`, `define service`, templates) or bare command
//! lines, one a line (`command[NAME]=` of NRPE as well). Macros are filled in as
//! Nagios does; what only a running Nagios knows is said. What options mean is in
//! `nagios/plugin.rs`.

mod macros;
mod objects;
mod options;
mod plugin;
mod range;
mod service;
mod words;

use std::collections::BTreeMap;

use super::draft::{Draft, Found, Item, Refused};
use super::foreign::{self, Unreadable, list};
use super::yaml::Value;
use super::{Origin, settings};
use macros::{fill_in, macros};
use objects::Object;
use service::described;

/// Reads object files or command lines.
///
/// # Errors
/// Nothing in it is a check of Graphite.
pub fn read(text: &str) -> Result<Found, Unreadable> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(Unreadable {
            message: "it is empty".to_owned(),
            hint: None,
        });
    }
    let mut found = match foreign::looks_like_nagios(text) {
        true => of_objects(text),
        false => of_lines(text),
    };
    if found.items.is_empty() {
        return Err(foreign::text_not_of(Origin::Nagios, text));
    }
    found.differences = differences();
    Ok(found)
}

fn differences() -> Vec<String> {
    [
        "Each series that a target returns is judged and told by itself; a plugin judges one value.",
        "A bucket that is still being filled does not count (`settle: 5s`); for the plugins it did.",
        "A recovery is told when it has lasted two minutes (`recover_for: 2m`), want of data likewise (`no_data_for: 2m`), as a level of its own in place of UNKNOWN.",
        "A Graphite that cannot be asked is one incident of its own (`graphite-pager`), not one a check.",
        "A threshold such as `-w 10` of the monitoring plugins means outside 0..10: negative values alert, too.",
        "Left out, since they mean nothing here: flap detection, freshness, performance data, retention.",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// One check before its command line is understood.
struct Line {
    name: Option<String>,
    place: String,
    words: Result<Vec<String>, String>,
}

fn of_lines(text: &str) -> Found {
    let mut found = Found::default();
    let mut addresses = Addresses::default();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("line {number}");
        if !is_graphite(line) {
            found
                .lost
                .push(format!("{place}: no `check_graphite` in it"));
            continue;
        }
        // NRPE
        let named = line
            .strip_prefix("command[")
            .and_then(|rest| rest.split_once("]="));
        let (name, command) = named.map_or((None, line), |(name, command)| {
            (Some(name.to_owned()), command)
        });
        let words = words::split(command).and_then(filled_in);
        found.items.push(item(
            Line { name, place, words },
            &mut addresses,
            |_| Ok(()),
        ));
    }
    if found.items.is_empty() {
        found.lost.clear();
    }
    found.settings = addresses.settings();
    found
}

/// Refuses macros that nobody filled in.
fn filled_in(words: Vec<String>) -> Result<Vec<String>, String> {
    // the program's folder is a macro as a rule
    let open = words
        .iter()
        .skip(1)
        .find_map(|word| macros(word).into_iter().next());
    match open {
        Some(name) => Err(format!("nothing in this file says what `${name}$` is")),
        None => Ok(words.iter().map(|word| word.replace("$$", "$")).collect()),
    }
}

/// Whether a command runs a check of Graphite.
fn is_graphite(command: &str) -> bool {
    let words = command.split(|c: char| c.is_whitespace() || "'\"=".contains(c));
    words
        .filter_map(|word| word.rsplit('/').next())
        .any(|program| {
            program.starts_with("check_graphite") || program.starts_with("check-graphite")
        })
}

fn of_objects(text: &str) -> Found {
    let objects = objects::read(text);
    let mut found = Found::default();
    let mut addresses = Addresses::default();
    let commands: BTreeMap<&str, &Object> = objects
        .iter()
        .filter(|object| object.kind == "command")
        .filter_map(|object| Some((object.get("command_name")?, object)))
        .collect();
    let hosts: BTreeMap<&str, &Object> = objects
        .iter()
        .filter(|object| object.kind == "host")
        .filter_map(|object| Some((object.get("host_name")?, object)))
        .collect();
    let mut used: Vec<&str> = Vec::new();
    let mut others = Vec::new();
    let services = objects
        .iter()
        .filter(|object| object.kind == "service" && !object.is_template());
    for service in services {
        let parts = arguments(service.get("check_command").unwrap_or_default());
        let name = parts.first().map(String::as_str).unwrap_or_default();
        let command = commands
            .get(name)
            .and_then(|command| command.get("command_line"));
        let Some(command) = command.filter(|command| is_graphite(command)) else {
            if is_graphite(name) {
                found.items.push(unknown_command(service, name));
            } else {
                others.push(described(service));
            }
            continue;
        };
        used.extend(commands.get_key_value(name).map(|(name, _)| *name));
        for host in names_of_hosts(service, command, &parts) {
            let filled = fill_in(command, &parts, service, host.as_deref(), &hosts);
            let line = Line {
                name: Some(name_of(service, host.as_deref())),
                place: format!("line {}", service.line),
                words: filled
                    .and_then(|filled| words::split(&filled))
                    .and_then(filled_in),
            };
            found.items.push(item(line, &mut addresses, |draft| {
                service::add(draft, service, host.as_deref())
            }));
        }
    }
    for (name, command) in &commands {
        let line = command.get("command_line").unwrap_or_default();
        if used.contains(name) || !is_graphite(line) {
            continue;
        }
        let line = Line {
            name: Some((*name).to_owned()),
            place: format!("line {}", command.line),
            words: words::split(line).and_then(filled_in),
        };
        found.items.push(item(line, &mut addresses, |_| Ok(())));
    }
    found.lost.extend(service::lost(&objects));
    if !others.is_empty() && !found.items.is_empty() {
        let names = list(others.iter().map(String::as_str));
        found.lost.push(format!(
            "services with other commands than `check_graphite`: {names}"
        ));
    }
    found.settings = addresses.settings();
    found
}

fn unknown_command(service: &Object, name: &str) -> Item {
    Item::Refused(Refused {
        name: described(service),
        place: Some(format!("line {}", service.line)),
        why: format!("its command `{name}` is not defined in this file: put both into one"),
        // what its arguments are, only the command knows: one may be a password
        said: Vec::new(),
    })
}

fn name_of(service: &Object, host: Option<&str>) -> String {
    let description = described(service);
    match host {
        Some(host) => format!("{description} on {host}"),
        None => description,
    }
}

/// One check a host where its command says something of the host; else one for all of them.
fn names_of_hosts(service: &Object, command: &str, parts: &[String]) -> Vec<Option<String>> {
    let hosts: Vec<String> = service
        .get("host_name")
        .unwrap_or_default()
        .split(',')
        .map(|host| host.trim().to_owned())
        .filter(|host| !host.is_empty() && !host.starts_with(['!', '*']))
        .collect();
    let about_host = std::iter::once(command)
        .chain(parts.iter().map(String::as_str))
        .flat_map(macros)
        .any(|name| name.starts_with("HOST") || name.starts_with("_HOST"));
    match hosts.as_slice() {
        [] => vec![None],
        [only] => vec![Some(only.clone())],
        _ if about_host => hosts.into_iter().map(Some).collect(),
        _ => vec![None],
    }
}

/// `name!a!b`, with `\!` for a `!`.
fn arguments(command: &str) -> Vec<String> {
    let parts = command.replace("\\!", "\u{0}");
    parts
        .split('!')
        .map(|part| part.replace('\u{0}', "!").trim().to_owned())
        .collect()
}

fn item(
    line: Line,
    addresses: &mut Addresses,
    more: impl FnOnce(&mut Draft) -> Result<(), String>,
) -> Item {
    let said = line
        .words
        .as_ref()
        .map(|words| words::shown(words))
        .unwrap_or_default();
    let check = line.words.and_then(|words| plugin::read(&words));
    let name = line.name.or_else(|| {
        let check = check.as_ref().ok()?;
        check
            .name
            .clone()
            .or_else(|| check.targets.first().cloned())
    });
    let name = name.unwrap_or_else(|| line.place.clone());
    let draft = check.and_then(|check| {
        let mut draft = Draft::named(name.clone());
        addresses.add(&check);
        of_check(&mut draft, check)?;
        more(&mut draft)?;
        Ok(draft)
    });
    match draft {
        Ok(mut draft) => {
            draft.place = Some(line.place);
            Item::Taken(draft)
        }
        Err(why) => Item::Refused(Refused {
            name,
            place: Some(line.place),
            why,
            said: Some(said)
                .filter(|said| !said.is_empty())
                .into_iter()
                .collect(),
        }),
    }
}

fn of_check(draft: &mut Draft, check: plugin::Check) -> Result<(), String> {
    match check.targets.as_slice() {
        [target] => draft.set("target", Value::Text(target.clone())),
        targets => draft.set("targets", Value::List(targets.to_vec())),
    }
    draft.thresholds(&check.warning, &check.critical)?;
    draft.set("reduce", Value::Word(check.reduce));
    draft.set("from", time(check.from));
    if let Some(until) = check.until {
        draft.set("until", time(until));
    }
    draft.set("no_data", Value::word(check.no_data));
    for remark in check.remarks {
        draft.remark(remark);
    }
    Ok(())
}

/// A time of Graphite: without quotes where it is a plain one, such as `-10min`.
fn time(text: String) -> Value {
    let digits = text.trim_start_matches('-');
    let plain = digits.len() + 1 == text.len()
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_alphabetic())
        && digits.chars().all(|c| c.is_ascii_alphanumeric());
    if plain {
        Value::Word(text)
    } else {
        Value::Text(text)
    }
}

/// Where the checks find Graphite.
#[derive(Default)]
struct Addresses(Vec<(String, bool)>);

impl Addresses {
    fn add(&mut self, check: &plugin::Check) {
        let Some((url, user)) = check.url.as_deref().and_then(settings::graphite) else {
            return;
        };
        let login = check.login || user.is_some();
        match self.0.iter_mut().find(|(known, _)| *known == url) {
            Some((_, known)) => *known |= login,
            None => self.0.push((url, login)),
        }
    }

    /// A section for each: there can be one.
    fn settings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, (url, login)) in self.0.iter().enumerate() {
            if index > 0 {
                lines.push("# or, since one configuration asks one Graphite:".to_owned());
            }
            lines.extend(settings::section(
                url,
                None,
                login.then_some("\"${GRAPHITE_LOGIN}\"   # not copied either"),
            ));
        }
        lines
    }
}
