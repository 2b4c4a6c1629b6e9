//! PagerDuty's Events API v2: triggers and resolves by key.
//!
//! An event is fitted to the limits that PagerDuty publishes before it is sent.
//! One that it calls invalid all the same is sent once more at once as the bare
//! event, without links, images and details: a page without a graph is better
//! than no page. Which key is triggered or resolved, when, and how often, is
//! decided before (`alert/delivery.rs`).
//!
//! Source of limits and fields: PagerDuty, "Send an Alert Event" (Events API v2).

use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;

use super::http::{self, Answer};
use super::message::{Key, Message, Outcome};
use super::settings::{self, PagerDuty};
use super::template::Escape;
use super::{rendered, text};
use crate::alert::Level;

/// Characters of `payload.summary`.
const SUMMARY: usize = 1024;

/// Characters of the other short fields.
const FIELD: usize = 1024;

/// Characters of one of the details.
const DETAIL: usize = 8 * 1024;

/// Labels among the details.
const LABELS: usize = 100;

/// Characters of a link; a cut one would lead nowhere, so a longer one is left out.
const LINK: usize = 32 * 1024;

/// Bytes of a whole event.
const EVENT: usize = 512 * 1024;

/// One routing key.
pub struct Sender {
    http: http::Client,
    url: Url,
    settings: PagerDuty,
}

impl Sender {
    /// Prepares to send as `settings` say.
    ///
    /// # Errors
    /// The address is none; in words.
    pub fn new(settings: &PagerDuty, http: &http::Client) -> Result<Self, String> {
        let base = settings::parse_url(settings.url.expose())?;
        let mut url = base.clone();
        url.set_path(&format!("{}/v2/enqueue", base.path().trim_end_matches('/')));
        Ok(Self {
            http: http.clone(),
            url,
            settings: settings.clone(),
        })
    }

    /// Makes one attempt.
    pub async fn send(&self, message: &Message) -> Outcome {
        let key = match &message.key {
            Some(Key::Resolve(key)) => return self.resolve(key).await,
            Some(Key::Trigger(key)) => key,
            None => {
                return Outcome::Rejected {
                    why: "the message has no key to trigger".to_owned(),
                    smtp: false,
                };
            }
        };
        let (summary, note) = rendered(
            self.settings.summary.as_ref(),
            message,
            Escape::None,
            "summary",
        );
        let bare = trigger(message, &self.settings, key, summary);
        let full = with_details(&bare, message, note.as_deref()).to_string();
        if full.len() <= EVENT {
            match self.post(full).await {
                Ok(answer) if answer.status == 400 => {
                    tracing::warn!(
                        alert = &*message.alert,
                        series = &*text::name(&message.series),
                        "PagerDuty calls the event invalid, sending it without links, images and details: {}",
                        text::clip(&text::clean(&self.without_key(&answer.body)), FIELD),
                    );
                }
                Ok(answer) => return self.settle(answer),
                Err(outcome) => return outcome,
            }
        }
        self.attempt(&bare).await
    }

    async fn resolve(&self, key: &str) -> Outcome {
        let event = json!({
            "routing_key": self.settings.routing_key.expose(),
            "event_action": "resolve",
            "dedup_key": key,
        });
        self.attempt(&event).await
    }

    async fn attempt(&self, event: &Value) -> Outcome {
        match self.post(event.to_string()).await {
            Ok(answer) => self.settle(answer),
            Err(outcome) => outcome,
        }
    }

    async fn post(&self, body: String) -> Result<Answer, Outcome> {
        let request = self
            .http
            .request(Method::POST, self.url.clone())
            .header("content-type", "application/json")
            .body(body);
        http::send(request, &self.url).await
    }

    fn without_key(&self, text: &str) -> String {
        http::censor(&self.url, &[self.settings.routing_key.expose()]).hide(text)
    }

    fn settle(&self, mut answer: Answer) -> Outcome {
        if let Some(errors) = own_words(&answer.body) {
            answer.body = errors;
        }
        http::settle(&answer, &self.url, &[self.settings.routing_key.expose()])
    }
}

/// PagerDuty's `message` and `errors` as a sentence, where the body holds them.
fn own_words(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let message = body.get("message").and_then(Value::as_str);
    let errors = body.get("errors").and_then(Value::as_array);
    let errors: Vec<&str> = errors
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match (message, errors.is_empty()) {
        (Some(message), true) => Some(message.to_owned()),
        (Some(message), false) => Some(format!("{message}: {}", errors.join("; "))),
        (None, false) => Some(errors.join("; ")),
        (None, true) => None,
    }
}

/// The bare event: what PagerDuty requires, and nothing that it could dislike.
fn trigger(message: &Message, settings: &PagerDuty, key: &str, own: Option<String>) -> Value {
    let summary = own
        .map(|summary| text::clean(summary.trim()).into_owned())
        .filter(|own| !own.is_empty());
    let summary = summary.unwrap_or_else(|| message.headline());
    json!({
        "routing_key": settings.routing_key.expose(),
        "event_action": "trigger",
        "dedup_key": key,
        "payload": {
            "summary": text::clip(&summary, SUMMARY),
            "source": field(&message.series).unwrap_or_else(|| Value::from("graphite")),
            "severity": severity(message.level, settings),
        },
    })
}

fn severity(level: Level, settings: &PagerDuty) -> &'static str {
    match level {
        Level::Ok => "info",
        Level::Warning => settings.severity.warning,
        Level::NoData => settings.severity.no_data,
        Level::Critical => settings.severity.critical,
    }
}

fn with_details(bare: &Value, message: &Message, note: Option<&str>) -> Value {
    let mut event = bare.clone();
    if let Some(payload) = event.get_mut("payload").and_then(Value::as_object_mut) {
        payload.insert(
            "timestamp".to_owned(),
            Value::from(message.changed.rfc3339()),
        );
        let fields = [
            ("component", field(&message.series)),
            ("group", field(&message.alert)),
        ];
        payload.extend(
            fields
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        payload.insert("class".to_owned(), Value::from(message.level.as_str()));
        payload.insert("custom_details".to_owned(), details(message, note));
    }
    if let Some(event) = event.as_object_mut() {
        event.insert("client".to_owned(), Value::from("graphite-pager"));
        let links: Vec<Value> = message
            .links()
            .into_iter()
            .filter(|(_, link)| link.len() <= LINK)
            .map(|(text, href)| json!({"href": href, "text": text}))
            .collect();
        if !links.is_empty() {
            event.insert("links".to_owned(), Value::from(links));
        }
        if let Some(graph) = message.graph.as_deref().filter(|graph| is_picture(graph)) {
            let alt = message.subject();
            event.insert(
                "images".to_owned(),
                json!([{"src": graph, "href": graph, "alt": alt}]),
            );
        }
    }
    event
}

/// PagerDuty shows pictures from https only, and only Graphite's own renderer
/// answers with one.
fn is_picture(link: &str) -> bool {
    link.len() <= LINK
        && Url::parse(link).is_ok_and(|url| {
            url.scheme() == "https" && url.path().trim_end_matches('/').ends_with("/render")
        })
}

fn details(message: &Message, note: Option<&str>) -> Value {
    let mut details = Map::new();
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            details.insert(name.to_owned(), Value::from(text::clip(value, DETAIL)));
        }
    };
    add("alert", Some(&message.alert));
    add("series", Some(&message.series));
    add("level", Some(message.level.as_str()));
    add("condition", message.condition.as_deref());
    add("since", Some(&message.started.rfc3339()));
    add(
        "no_data_since",
        message
            .no_data_since
            .map(crate::alert::Timestamp::rfc3339)
            .as_deref(),
    );
    add("target", message.target.as_deref());
    add("description", message.description.as_deref());
    add("first_steps", message.first_steps.as_deref());
    add("reason", Some(&message.reason));
    add(
        "docs",
        message.docs.as_deref().filter(|link| link.len() <= DETAIL),
    );
    add(
        "graph",
        message.graph.as_deref().filter(|link| link.len() <= DETAIL),
    );
    add("incident", Some(&message.incident));
    add("instance", Some(&message.instance));
    add("note", note);
    details.extend(
        message
            .value
            .map(|value| ("value".to_owned(), Value::from(value))),
    );
    let labels = message.labels.iter().take(LABELS);
    let labels: Map<String, Value> = labels
        .map(|(name, value)| {
            (
                text::clip(name, FIELD).into_owned(),
                Value::from(text::clip(value, FIELD)),
            )
        })
        .collect();
    details.insert("labels".to_owned(), Value::from(labels));
    Value::from(details)
}

fn field(text: &str) -> Option<Value> {
    Some(text::clip(&text::clean(text.trim()), FIELD).into_owned())
        .filter(|text| !text.is_empty())
        .map(Value::from)
}
