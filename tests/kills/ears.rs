//! What each kind of receiver makes of a message.

use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;

use super::evidence::{Heard, Level, Said};
use crate::support::smtp::Mail;

/// The documented JSON.
pub fn document(receiver: &'static str, at: Duration, json: &Value) -> Heard {
    let word = |name: &str| json[name].as_str().unwrap();
    let level = Level::parse(word("level"));
    let incident = word("incident").to_owned();
    let number = json["number"].as_i64().unwrap();
    Heard {
        at,
        receiver,
        series: word("series").to_owned(),
        said: match word("event") {
            "resolved" => Said::Over,
            "both" => Said::Both,
            "left" => Said::Left(level),
            _ => Said::Open(level),
        },
        identity: format!("{incident}.{number}"),
        incident: Some(incident),
        event: Some(number),
        started: seconds(&json["started"]),
        changed: seconds(&json["changed"]),
        ended: seconds(&json["ended"]),
    }
}

/// An event of PagerDuty's.
pub fn event(at: Duration, json: &Value) -> Heard {
    let key = json["dedup_key"].as_str().unwrap();
    let details = &json["payload"]["custom_details"];
    let changed = seconds(&json["payload"]["timestamp"]);
    Heard {
        at,
        receiver: "oncall",
        series: key.split('/').nth(2).unwrap().to_owned(),
        incident: details["incident"].as_str().map(str::to_owned),
        event: changed,
        said: match json["event_action"].as_str() {
            Some("trigger") => Said::Open(Level::parse(details["level"].as_str().unwrap())),
            _ => Said::Over,
        },
        identity: key.to_owned(),
        started: seconds(&details["since"]),
        changed,
        ended: None,
    }
}

/// A mail: its subject, and its Message-ID.
pub fn mail(at: Duration, mail: &Mail) -> Heard {
    // `[CRITICAL] Load web-1 is ...`, `<INCIDENT.NUMBER@it>`
    let subject = mail.header("Subject").unwrap();
    let (level, rest) = subject[1..].split_once("] ").unwrap();
    let identity = mail.header("Message-ID").unwrap();
    let name = identity.trim_start_matches('<').split('@').next().unwrap();
    let (incident, number) = name.split_once('.').unwrap();
    let level = Level::parse(level);
    Heard {
        at,
        receiver: "mail",
        series: rest.split(' ').nth(1).unwrap().to_owned(),
        incident: Some(incident.to_owned()),
        event: Some(number.parse().unwrap()),
        said: match level {
            Level::Ok => Said::Over,
            level => Said::Open(level),
        },
        identity,
        started: None,
        changed: None,
        ended: None,
    }
}

fn seconds(time: &Value) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(time.as_str()?).unwrap();
    Some(time.timestamp())
}
