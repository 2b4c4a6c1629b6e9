//! graphite-beacon's handlers as receivers, and its Graphite: shown, not set up.
//!
//! They carry keys, so that what is shown names variables in their place.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use crate::import::foreign::{Object, number, text, texts, truth};
use crate::import::settings;
use crate::import::yaml;

/// All handlers; each has its options under its name.
pub const NAMES: &[&str] = &[
    "log",
    "smtp",
    "slack",
    "pagerduty",
    "cli",
    "http",
    "hipchat",
    "telegram",
    "victorops",
    "opsgenie",
    "rmq",
];
const USUAL: [&str; 2] = ["log", "smtp"];

/// Settings of ours for what the file says of Graphite and of its handlers.
pub fn settings(file: &Object) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((url, user)) = text(file, "graphite_url").and_then(|url| settings::graphite(&url)) {
        let public = text(file, "public_graphite_url").and_then(|url| settings::graphite(&url));
        let public = public
            .map(|(public, _)| public)
            .filter(|public| *public != url);
        let user = text(file, "auth_username")
            .or(user)
            .map(|user| yaml::text(&user));
        lines.extend(settings::section(&url, public.as_deref(), user.as_deref()));
    }
    lines.extend(mail_server(file));
    let receivers: Vec<String> = NAMES
        .iter()
        .filter(|name| is_used(file, name))
        .flat_map(|name| receiver(file, name))
        .collect();
    if !receivers.is_empty() {
        lines.push("receivers:".to_owned());
        lines.extend(receivers);
    }
    lines
}

/// What handlers of the file have no equal.
pub fn lost(file: &Object) -> Vec<String> {
    let mut lost = Vec::new();
    for name in NAMES.iter().filter(|name| is_used(file, name)) {
        match *name {
            "hipchat" | "telegram" | "victorops" | "opsgenie" | "rmq" => lost.push(format!(
                "`{name}`: there is no such receiver; `webhook` calls any URL, `command` runs any program"
            )),
            "cli" => lost.push(
                "`cli`: `command` runs a program without a shell and gives it the incident as JSON; `${level}`, `${name}`, `${value}` are fields of that".to_owned(),
            ),
            _ => {}
        }
    }
    lost
}

fn options<'a>(file: &'a Object, name: &str) -> Option<&'a Object> {
    file.get(name).and_then(Json::as_object)
}

fn listed(file: &Object, level: &str) -> Vec<String> {
    let key = format!("{level}_handlers");
    match file.contains_key(&key) {
        true => texts(file, &key),
        false => USUAL.map(str::to_owned).to_vec(),
    }
}

/// Whether the handler is told anything, and has options where it needs them.
fn is_used(file: &Object, name: &str) -> bool {
    let told = ["critical", "warning"]
        .iter()
        .any(|level| listed(file, level).iter().any(|handler| handler == name));
    told && (options(file, name).is_some()
        || name == "log" && file.contains_key("critical_handlers"))
}

fn receiver(file: &Object, name: &str) -> Vec<String> {
    let empty = Object::new();
    let options = options(file, name).unwrap_or(&empty);
    let mut lines = match name {
        "log" => vec!["  screen:".to_owned(), "    console: {}".to_owned()],
        "smtp" => mail(options),
        "slack" => slack(options),
        "pagerduty" => vec![
            "  pagerduty:".to_owned(),
            "    pagerduty:".to_owned(),
            "      routing_key: \"${PAGERDUTY_KEY}\"   # not copied: an Events API v2 key in this variable".to_owned(),
        ],
        "http" => vec![
            "  http:".to_owned(),
            "    webhook:".to_owned(),
            "      url: \"${WEBHOOK_URL}\"   # not copied: addresses of hooks are secrets".to_owned(),
        ],
        _ => return Vec::new(),
    };
    lines.extend(policy(file, name));
    lines
}

fn mail(options: &Object) -> Vec<String> {
    let to = texts(options, "to");
    let mut lines = vec![
        "  mail:".to_owned(),
        "    email:".to_owned(),
        "      to:".to_owned(),
    ];
    lines.extend(to.iter().map(|to| format!("        - {}", yaml::text(to))));
    let from = text(options, "from").unwrap_or_else(|| "beacon@graphite".to_owned());
    lines.push(format!("      from: {}", yaml::text(&from)));
    lines
}

fn slack(options: &Object) -> Vec<String> {
    let mut lines = vec![
        "  slack:".to_owned(),
        "    slack:".to_owned(),
        "      url: \"${SLACK_URL}\"   # not copied: set this variable".to_owned(),
    ];
    if let Some(channel) = text(options, "channel") {
        lines.push(format!("      channel: {}", yaml::text(&channel)));
    }
    lines
}

/// Whom the handler was told of, and how often.
fn policy(file: &Object, name: &str) -> Vec<String> {
    let told = |level: &str| listed(file, level).iter().any(|handler| handler == name);
    let mut lines = Vec::new();
    match (told("critical"), told("warning")) {
        (true, false) => lines.push("    levels: [critical, no_data]".to_owned()),
        (false, true) => lines.push("    levels: [warning]".to_owned()),
        _ => {}
    }
    if !told("normal") {
        lines.push("    resolved: false".to_owned());
    }
    let repeat = text(file, "repeat_interval").unwrap_or_else(|| "2hour".to_owned());
    if let Some(repeat) = super::duration(&repeat).filter(|repeat| !repeat.is_zero()) {
        lines.push(format!(
            "    repeat: {}",
            crate::alert::duration::format(repeat)
        ));
    }
    lines
}

fn mail_server(file: &Object) -> Option<String> {
    let options = options(file, "smtp").filter(|_| is_used(file, "smtp"))?;
    let host = text(options, "host").unwrap_or_else(|| "localhost".to_owned());
    let port = number(options.get("port")).unwrap_or(25.0);
    let tls = truth(options, "use_tls").unwrap_or(false);
    let user = text(options, "username").filter(|user| !user.is_empty());
    let login = user.map_or_else(String::new, |user| {
        format!(
            "{}:${{SMTP_PASSWORD}}@",
            utf8_percent_encode(&user, NON_ALPHANUMERIC)
        )
    });
    let tls = if tls { "?tls=required" } else { "" };
    let note = if login.is_empty() {
        ""
    } else {
        "   # the password is not copied: set this variable, percent-encoded"
    };
    Some(format!("smtp: \"smtp://{login}{host}:{port}{tls}\"{note}"))
}
