//! Nagios and what descends from it: services whose command is `check_graphite`.
//!
//! Object files (`define command`, `define service`, templates) or bare command
//! lines, one a line (`command[NAME]=` of NRPE as well). Macros are filled in as
//! Nagios does; what only a running Nagios knows is said. What options mean is in
//! `nagios/plugin.rs`.

mod objects;
mod plugin;
mod range;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use super::draft::{Draft, Found, Item, Refused};
use super::foreign::{self, Unreadable, list};
use super::yaml::Value;
use super::{Origin, settings, span};
use objects::Object;

/// Keys of a service that are read.
const READ: &[&str] = &[
    "use",
    "name",
    "register",
    "host_name",
    "hostgroup_name",
    "service_description",
    "display_name",
    "check_command",
    "check_interval",
    "normal_check_interval",
    "retry_interval",
    "retry_check_interval",
    "max_check_attempts",
    "notes",
    "notes_url",
    "action_url",
    "contact_groups",
    "contacts",
    "servicegroups",
    "active_checks_enabled",
    "notifications_enabled",
    "check_period",
    "notification_period",
    "notification_interval",
    "first_notification_delay",
    "notification_options",
];
/// Keys of a service that mean nothing here.
const QUIET: &[&str] = &[
    "is_volatile",
    "initial_state",
    "passive_checks_enabled",
    "obsess_over_service",
    "check_freshness",
    "freshness_threshold",
    "event_handler_enabled",
    "low_flap_threshold",
    "high_flap_threshold",
    "flap_detection_enabled",
    "flap_detection_options",
    "process_perf_data",
    "retain_status_information",
    "retain_nonstatus_information",
    "stalking_options",
    "icon_image",
    "icon_image_alt",
    "parallelize_check",
    "failure_prediction_enabled",
    "importance",
];

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
        None => Ok(words),
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
                words: words::split(&filled).and_then(filled_in),
            };
            found.items.push(item(line, &mut addresses, |draft| {
                of_service(draft, service, host.as_deref())
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
        said: vec![format!(
            "check_command: {}",
            service.get("check_command").unwrap_or_default()
        )],
    })
}

fn described(service: &Object) -> String {
    let name = service
        .get("service_description")
        .or_else(|| service.get("display_name"));
    name.unwrap_or("service").to_owned()
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

/// The names between two `$` of a text, in order; `$$` is a `$`.
fn macros(text: &str) -> Vec<String> {
    let pieces: Vec<&str> = text.split('$').collect();
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let named = pieces
        .iter()
        .skip(1)
        .step_by(2)
        .filter(|name| is_name(name));
    named.map(|name| (*name).to_owned()).collect()
}

fn fill_in(
    command: &str,
    parts: &[String],
    service: &Object,
    host: Option<&str>,
    hosts: &BTreeMap<&str, &Object>,
) -> String {
    let about_host = host.and_then(|host| hosts.get(host));
    let of = |name: &str| -> Option<String> {
        if let Some(number) = name.strip_prefix("ARG") {
            let number: usize = number.parse().ok()?;
            return Some(parts.get(number).cloned().unwrap_or_default());
        }
        if let Some(custom) = name.strip_prefix("_SERVICE") {
            return custom_value(service, custom);
        }
        if let Some(custom) = name.strip_prefix("_HOST") {
            return about_host.and_then(|host| custom_value(host, custom));
        }
        match name {
            "HOSTNAME" => host.map(str::to_owned),
            "HOSTADDRESS" => about_host
                .and_then(|host| host.get("address"))
                .map(str::to_owned),
            "HOSTALIAS" => about_host
                .and_then(|host| host.get("alias"))
                .map(str::to_owned),
            "SERVICEDESC" => Some(described(service)),
            _ => None,
        }
    };
    // arguments may hold macros of their own
    replaced(&replaced(command, &of), &of)
}

fn custom_value(object: &Object, name: &str) -> Option<String> {
    let key = object.keys.keys().find(|key| {
        key.strip_prefix('_')
            .is_some_and(|key| key.eq_ignore_ascii_case(name))
    })?;
    object.get(key).map(str::to_owned)
}

fn replaced(text: &str, of: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('$') else {
            out.push('$');
            rest = after;
            continue;
        };
        match of(name) {
            _ if name.is_empty() => out.push_str("$$"),
            Some(value) => out.push_str(&value),
            None => out.push_str(&format!("${name}$")),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
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
    draft.set("from", Value::Text(check.from));
    if let Some(until) = check.until {
        draft.set("until", Value::Text(until));
    }
    draft.set("no_data", Value::word(check.no_data));
    for remark in check.remarks {
        draft.remark(remark);
    }
    Ok(())
}

/// What the service says beside its command.
fn of_service(draft: &mut Draft, service: &Object, host: Option<&str>) -> Result<(), String> {
    let minutes = |keys: [&str; 2]| -> Result<Option<Duration>, String> {
        let Some((key, text)) = keys.iter().find_map(|key| Some((*key, service.get(key)?))) else {
            return Ok(None);
        };
        let number: Option<f64> = text.parse().ok();
        let span = number.and_then(|number| span::of(number, 60.0));
        span.map(Some)
            .ok_or_else(|| format!("its {key} `{text}` is no number of minutes"))
    };
    match minutes(["check_interval", "normal_check_interval"])?.filter(|every| every.as_secs() > 0)
    {
        Some(every) => draft.span("every", Duration::from_secs(every.as_secs())),
        None => draft.remark("its check interval is not in this file: `every: 1m` is taken"),
    }
    let attempts: u32 = service
        .get("max_check_attempts")
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let retry =
        minutes(["retry_interval", "retry_check_interval"])?.unwrap_or(Duration::from_secs(60));
    let lasting = retry
        .checked_mul(attempts.saturating_sub(1))
        .unwrap_or_default();
    if !lasting.is_zero() {
        draft.span("for", lasting);
    }
    let off = |key: &str| service.get(key) == Some("0");
    if off("active_checks_enabled") || off("notifications_enabled") {
        draft.set("enabled", Value::word("false"));
    }
    words_for_people(draft, service, host);
    remarks(draft, service);
    Ok(())
}

fn words_for_people(draft: &mut Draft, service: &Object, host: Option<&str>) {
    let mut labels = Vec::new();
    if let Some(host) = host {
        labels.push(("host".to_owned(), host.to_owned()));
    }
    for key in [
        "hostgroup_name",
        "servicegroups",
        "contact_groups",
        "contacts",
    ] {
        if let Some(value) = service.get(key) {
            labels.push((key.to_owned(), value.trim_start_matches('+').to_owned()));
        }
    }
    if !labels.is_empty() {
        draft.set("labels", Value::Map(labels));
    }
    if let Some(notes) = service.get("notes") {
        draft.set("description", Value::Text(notes.to_owned()));
    }
    let mut links = ["notes_url", "action_url"]
        .into_iter()
        .filter_map(|key| Some((key, service.get(key)?)));
    let link = links.find(|(_, link)| {
        !link.contains(['$', '@']) && !link.contains("{{") && settings::address(link).is_some()
    });
    if let Some((_, link)) = link {
        draft.set("docs", Value::Text(link.to_owned()));
    }
    for key in ["notes_url", "action_url"] {
        if let Some(text) = service
            .get(key)
            .filter(|text| link.is_none_or(|(_, link)| link != *text))
        {
            let shown = words::shown(&[text.to_owned()]);
            draft.remark(format!(
                "`{key} {shown}`: `docs:` takes one link, without macros"
            ));
        }
    }
}

fn remarks(draft: &mut Draft, service: &Object) {
    for key in ["check_period", "notification_period"] {
        if let Some(period) = service.get(key).filter(|period| *period != "24x7") {
            draft.remark(format!(
                "`{key} {period}`: `active:` takes hours, such as `Mon-Fri 09:00-18:00`"
            ));
        }
    }
    if let Some(interval) = service
        .get("notification_interval")
        .filter(|interval| *interval != "0")
    {
        draft.remark(format!(
            "`notification_interval {interval}`: `repeat:` of a receiver reminds"
        ));
    }
    if let Some(delay) = service
        .get("first_notification_delay")
        .filter(|delay| *delay != "0")
    {
        draft.remark(format!(
            "`first_notification_delay {delay}`: `after:` of a receiver waits"
        ));
    }
    if let Some(options) = service.get("notification_options") {
        draft.remark(format!("`notification_options {options}`: `levels:` and `resolved:` of a receiver say of what it is told"));
    }
    let known = |key: &str| READ.contains(&key) || QUIET.contains(&key) || key.starts_with('_');
    let others: Vec<&str> = service
        .keys
        .keys()
        .map(String::as_str)
        .filter(|key| !known(key))
        .collect();
    if !others.is_empty() {
        draft.remark(format!("without an equal, and left out: {}", list(others)));
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
