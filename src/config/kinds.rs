//! The six kinds of receivers: what each needs to reach somebody.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;

use super::problem::quote;
use super::reader::Map;
use super::scalar::Text;
use super::smtp;
use super::suggest;
use super::tree::{Entry, Kind};
use super::values::{headers, missing, positive, required, secret_url, template};
use crate::deliver::settings::{
    Command, Destination, Email, PagerDuty, Severities, Slack, Smtp, Webhook,
};
use crate::secret::Secret;

/// The keys of each kind.
pub const KEYS: &[(&str, &[&str])] = &[
    ("pagerduty", &["routing_key", "url", "severity", "summary"]),
    (
        "email",
        &["to", "cc", "from", "smtp", "subject", "text", "graph"],
    ),
    ("webhook", &["url", "method", "headers", "body"]),
    ("slack", &["url", "channel", "text"]),
    ("command", &["run", "timeout"]),
    ("console", &[]),
];
/// The keys of `severity:`.
pub const SEVERITY_KEYS: &[&str] = &["warning", "no_data", "critical"];

/// What they take.
pub const SEVERITY_WORDS: &[(&str, &str)] = &[
    ("critical", "critical"),
    ("error", "error"),
    ("warning", "warning"),
    ("info", "info"),
];
/// What `method` of a webhook takes.
pub const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "GET", "DELETE"];

/// Where PagerDuty takes events, unless a receiver says otherwise.
pub const PAGERDUTY: &str = "https://events.pagerduty.com";

/// Severities where a receiver names none.
pub const SEVERITIES: Severities = Severities {
    warning: "warning",
    no_data: "error",
    critical: "critical",
};

/// Reads the kind that `entry` of `receiver` names; `default_smtp` is the top level's.
pub fn read(receiver: &Map<'_>, entry: &Entry, default_smtp: &Smtp) -> Option<Destination> {
    let (context, name) = (receiver.context, receiver.name(&entry.key));
    let map = match &*entry.key {
        "console" if entry.value.is_null() => return Some(Destination::Console),
        "console" => {
            let hint = "write `console: {}`: it has no settings";
            Map::of_or(context, &entry.value, name, hint)
        }
        _ => Map::of(context, &entry.value, name),
    };
    let map = map?.within(receiver);
    if let Some((_, keys)) = KEYS.iter().find(|(kind, _)| *kind == &*entry.key) {
        map.only(keys);
    }
    match &*entry.key {
        "pagerduty" => pagerduty(&map).map(Destination::PagerDuty),
        "email" => email(&map, default_smtp).map(|email| Destination::Email(Box::new(email))),
        "webhook" => webhook(&map).map(Destination::Webhook),
        "slack" => slack(&map).map(Destination::Slack),
        "command" => command(&map).map(Destination::Command),
        _ => Some(Destination::Console),
    }
}

fn pagerduty(map: &Map<'_>) -> Option<PagerDuty> {
    let key = required(
        map,
        "routing_key",
        "the integration key of an Events API v2 integration: `routing_key: ${PAGERDUTY_KEY}`",
        routing_key,
    );
    let url = secret_url(map, "url").map_or_else(
        || Secret::new(PAGERDUTY),
        |url| {
            let base = url.expose().trim_end_matches('/');
            let base = base.strip_suffix("/v2/enqueue").unwrap_or(base);
            Secret::new(base.trim_end_matches('/'))
        },
    );
    let severity = map
        .map("severity")
        .map_or(SEVERITIES, |map| severities(&map));
    let summary = template(map, "summary");
    Some(PagerDuty {
        routing_key: key?,
        url,
        severity,
        summary,
    })
}

/// A routing key: one word.
pub fn routing_key(map: &Map<'_>, key: &str) -> Option<Secret> {
    let text = map.filled(key)?;
    let value = text.value.trim();
    if value.contains(|c: char| c.is_whitespace() || c.is_control()) {
        map.context.error(
            text.place,
            format!("{} is more than one word", map.name(key)),
            "an integration key is 32 letters and digits",
        );
        return None;
    }
    Some(Secret::new(value))
}

fn severities(map: &Map<'_>) -> Severities {
    map.only(SEVERITY_KEYS);
    let word = |key: &str, default: &'static str| map.word(key, SEVERITY_WORDS).unwrap_or(default);
    Severities {
        warning: word("warning", SEVERITIES.warning),
        no_data: word("no_data", SEVERITIES.no_data),
        critical: word("critical", SEVERITIES.critical),
    }
}

fn email(map: &Map<'_>, default_smtp: &Smtp) -> Option<Email> {
    let to = required(map, "to", "write `to: [ops@example.com]`", |map, key| {
        Some(mailboxes(map, key))
    });
    let cc = mailboxes(map, "cc");
    let from = required(
        map,
        "from",
        "write `from: pager@example.com`",
        |map, key| {
            let text = map.filled(key)?;
            mailbox(map, key, text)
        },
    );
    let smtp = if map.has("smtp") {
        smtp::read(map)
    } else {
        Some(default_smtp.clone())
    };
    let (subject, text) = (template(map, "subject"), template(map, "text"));
    let graph = map.truth("graph").unwrap_or(true);
    let mut seen = Vec::new();
    let to = without_repeats(to?, &mut seen);
    let cc = without_repeats(cc, &mut seen);
    Some(Email {
        to,
        cc,
        from: from?,
        smtp: smtp?,
        subject,
        text,
        graph,
    })
}

fn mailboxes(map: &Map<'_>, key: &str) -> Vec<Mailbox> {
    let Some(texts) = map.texts(key) else {
        return Vec::new();
    };
    if key == "to" && texts.is_empty() && is_empty_list(map, key) {
        let place = map.entry(key).map_or(map.place, |entry| entry.value.place);
        map.context.error(
            place,
            format!("{} is empty", map.name(key)),
            "write `to: [ops@example.com]`",
        );
    }
    texts
        .into_iter()
        .filter_map(|text| mailbox(map, key, text))
        .collect()
}

fn is_empty_list(map: &Map<'_>, key: &str) -> bool {
    map.entry(key)
        .is_some_and(|entry| matches!(&entry.value.kind, Kind::List(items) if items.is_empty()))
}

fn mailbox(map: &Map<'_>, key: &str, text: Text<'_>) -> Option<Mailbox> {
    let result = text.value.trim().parse::<Mailbox>().map_err(|_| {
        let hint = if text.value.contains(',') {
            "write several as a list: `[a@example.com, b@example.com]`"
        } else {
            "write `ops@example.com` or `Ops <ops@example.com>`"
        };
        format!(
            "expected a mail address, found {}; {hint}",
            quote(text.value)
        )
    });
    map.understood(key, text, "a mail address", result)
}

fn without_repeats(mailboxes: Vec<Mailbox>, seen: &mut Vec<String>) -> Vec<Mailbox> {
    let mut kept = Vec::new();
    for mailbox in mailboxes {
        let address = mailbox.email.to_string().to_lowercase();
        if !seen.contains(&address) {
            seen.push(address);
            kept.push(mailbox);
        }
    }
    kept
}

fn webhook(map: &Map<'_>) -> Option<Webhook> {
    let url = required(
        map,
        "url",
        "write `url: https://example.com/hook`",
        secret_url,
    );
    let method = map.parsed("method", "a method such as `POST`", |text| {
        let upper = text.trim().to_ascii_uppercase();
        if METHODS.contains(&upper.as_str()) {
            return Ok(upper);
        }
        Err(format!(
            "unknown method {}; {}",
            quote(text),
            suggest::hint(text, METHODS, "methods")
        ))
    });
    let headers = headers(map, "headers");
    let body = template(map, "body");
    Some(Webhook {
        url: url?,
        method: method.unwrap_or_else(|| "POST".to_owned()),
        headers,
        body,
    })
}

fn slack(map: &Map<'_>) -> Option<Slack> {
    let url = required(
        map,
        "url",
        "the address of an incoming webhook: `url: ${SLACK_URL}`",
        secret_url,
    );
    let channel = map.filled("channel").map(|text| text.value.to_owned());
    let text = template(map, "text");
    Some(Slack {
        url: url?,
        channel,
        text,
    })
}

fn command(map: &Map<'_>) -> Option<Command> {
    let timeout = positive(map, "timeout").unwrap_or(Duration::from_secs(30));
    let Some(entry) = map.entry("run") else {
        missing(map, "run", "write `run: [/usr/local/bin/on-alert]`");
        return None;
    };
    let hint = "a program and its arguments, each an item: `run: [/usr/local/bin/on-alert, --loud]`; there is no shell";
    let Kind::List(items) = &entry.value.kind else {
        map.context.error(
            entry.value.place,
            format!(
                "{}: expected a list, found {}",
                map.name("run"),
                super::scalar::kind(&entry.value)
            ),
            hint,
        );
        return None;
    };
    let name = map.name("run");
    let words: Vec<Text<'_>> = items
        .iter()
        .filter_map(|item| super::scalar::text(map.context, item, &name, "text"))
        .collect();
    if let Some(text) = words.iter().find(|text| text.value.contains('\0')) {
        map.context.error(
            text.place,
            format!("{name} holds a NUL character, which no argument can"),
            "take it out",
        );
        return None;
    }
    let Some((program, arguments)) = words
        .split_first()
        .filter(|(program, _)| !program.value.is_empty())
    else {
        if items.is_empty() || !words.is_empty() {
            map.context
                .error(entry.value.place, format!("{name} names no program"), hint);
        }
        return None;
    };
    let arguments = arguments.iter().map(|text| text.value.to_owned()).collect();
    Some(Command {
        program: PathBuf::from(program.value),
        arguments,
        timeout,
        withheld: withheld(map),
    })
}

/// The variables that a program does not see: those that hold what the agent
/// logs in with, here and in the predecessor's setups. What any program
/// expects to find stays, even if an address is made of it.
fn withheld(map: &Map<'_>) -> BTreeSet<String> {
    const AGENTS: [&str; 4] = [
        "GRAPHITE_URL",
        "GRAPHITE_PASS",
        "PAGERDUTY_KEY",
        "SLACK_URL",
    ];
    const EVERYBODYS: [&str; 9] = [
        "HOME", "HOST", "HOSTNAME", "LANG", "LOGNAME", "PATH", "PWD", "TZ", "USER",
    ];
    let mut names = map.context.secret_variables();
    names.extend(AGENTS.map(str::to_owned));
    names.retain(|name| !EVERYBODYS.contains(&name.as_str()));
    names
}
