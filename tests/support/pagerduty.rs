//! A stand-in for PagerDuty's Events API v2 that is as strict as the published
//! schema: what it would call invalid is answered 400, with the reasons.
//!
//! Source: PagerDuty, "Send an Alert Event" (Events API v2).

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::sink::{Answer, Request, Sink};

/// Bytes of a whole event.
const EVENT: usize = 512 * 1024;

/// The stand-in.
#[derive(Clone)]
pub struct PagerDuty {
    /// For failures on order and raw requests.
    pub sink: Sink,
}

impl PagerDuty {
    /// Starts on a free port.
    pub fn start() -> Self {
        Self {
            sink: Sink::with(judge),
        }
    }

    /// The base URL for a receiver's `url`.
    pub fn url(&self) -> String {
        self.sink.url()
    }

    /// The events that were accepted, in order.
    pub fn accepted(&self) -> Vec<Value> {
        let requests = self.sink.requests();
        requests
            .iter()
            .filter(|request| request.answered == Some(202))
            .map(Request::json)
            .collect()
    }

    /// What is open, as the service would show it: the last trigger by key.
    pub fn open(&self) -> BTreeMap<String, Value> {
        let mut open = BTreeMap::new();
        for event in self.accepted() {
            let key = event
                .get("dedup_key")
                .and_then(Value::as_str)
                .unwrap()
                .to_owned();
            if event.get("event_action").and_then(Value::as_str) == Some("resolve") {
                open.remove(&key);
            } else {
                open.insert(key, event);
            }
        }
        open
    }
}

fn judge(request: &Request) -> Answer {
    if request.method != "POST" || request.path != "/v2/enqueue" {
        return Answer::status(404);
    }
    let json = |status, body: Value| {
        Answer::Status(
            status,
            vec![("content-type", "application/json".to_owned())],
            body.to_string(),
        )
    };
    if request.body.len() > EVENT {
        return json(
            413,
            json!({"status": "invalid event", "message": "Event exceeds the size limit"}),
        );
    }
    let event: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let errors = faults(&event);
    if errors.is_empty() {
        json(
            202,
            json!({"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}),
        )
    } else {
        json(
            400,
            json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors}),
        )
    }
}

/// What is wrong with `event` by the published schema.
pub fn faults(event: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(fields) = event.as_object() else {
        return vec!["the body is not a JSON object".to_owned()];
    };
    let known = [
        "routing_key",
        "event_action",
        "dedup_key",
        "payload",
        "images",
        "links",
        "client",
        "client_url",
    ];
    faults.extend(
        fields
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
            .map(|key| format!("'{key}' is unknown")),
    );
    text(event, "routing_key", 32, true, &mut faults);
    text(event, "dedup_key", 255, true, &mut faults);
    text(event, "client", 1024, false, &mut faults);
    text(event, "client_url", 32_768, false, &mut faults);
    if event["routing_key"]
        .as_str()
        .is_some_and(|key| key.chars().count() != 32)
    {
        faults.push("'routing_key' has to have 32 characters".to_owned());
    }
    match event["event_action"].as_str() {
        Some("trigger") => payload(event.get("payload").unwrap_or(&Value::Null), &mut faults),
        Some("acknowledge" | "resolve") => {}
        _ => faults.push("'event_action' is none of trigger, acknowledge, resolve".to_owned()),
    }
    for link in event["links"].as_array().into_iter().flatten() {
        url(link, "href", &["http", "https"], true, &mut faults);
        text(link, "text", 1024, false, &mut faults);
    }
    for image in event["images"].as_array().into_iter().flatten() {
        url(image, "src", &["https"], true, &mut faults);
        url(image, "href", &["http", "https"], false, &mut faults);
        text(image, "alt", 1024, false, &mut faults);
    }
    faults
}

fn payload(payload: &Value, faults: &mut Vec<String>) {
    let Some(fields) = payload.as_object() else {
        faults.push("'payload' is missing or blank".to_owned());
        return;
    };
    let known = [
        "summary",
        "source",
        "severity",
        "timestamp",
        "component",
        "group",
        "class",
        "custom_details",
    ];
    faults.extend(
        fields
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
            .map(|key| format!("'payload.{key}' is unknown")),
    );
    text(payload, "summary", 1024, true, faults);
    text(payload, "source", 1024, true, faults);
    for name in ["component", "group", "class"] {
        text(payload, name, 1024, false, faults);
    }
    if !matches!(
        payload["severity"].as_str(),
        Some("critical" | "error" | "warning" | "info")
    ) {
        faults.push("'payload.severity' is none of critical, error, warning, info".to_owned());
    }
    if let Some(timestamp) = payload.get("timestamp") {
        let valid = timestamp
            .as_str()
            .is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok());
        if !valid {
            faults.push("'payload.timestamp' is not ISO 8601".to_owned());
        }
    }
    if payload
        .get("custom_details")
        .is_some_and(|details| !details.is_object())
    {
        faults.push("'payload.custom_details' is not an object".to_owned());
    }
}

fn text(of: &Value, name: &str, limit: usize, required: bool, faults: &mut Vec<String>) {
    match of.get(name) {
        None if required => faults.push(format!("'{name}' is missing or blank")),
        None => {}
        Some(Value::String(text)) if text.trim().is_empty() => {
            faults.push(format!("'{name}' is missing or blank"))
        }
        Some(Value::String(text)) if text.chars().count() > limit => {
            faults.push(format!("'{name}' is longer than {limit} characters"));
        }
        Some(Value::String(_)) => {}
        Some(_) => faults.push(format!("'{name}' is not a string")),
    }
}

fn url(of: &Value, name: &str, schemes: &[&str], required: bool, faults: &mut Vec<String>) {
    text(of, name, usize::MAX, required, faults);
    let text = of.get(name).and_then(Value::as_str);
    if text
        .is_some_and(|text| !url::Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme())))
    {
        faults.push(format!("'{name}' is not a URL of {}", schemes.join(", ")));
    }
}
