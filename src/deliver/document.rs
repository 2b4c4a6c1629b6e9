//! The JSON that webhooks and programs get, as `docs/webhook.md` documents it.
//!
//! Fields are added, never renamed or removed: scripts of others depend on it.

use serde_json::{Value, json};

use super::message::Message;
use crate::alert::Timestamp;

/// `message` as that JSON.
pub fn json(message: &Message) -> Value {
    json!({
        "version": 1,
        "instance": &*message.instance,
        "incident": message.incident,
        "number": message.event,
        "event": message.kind.as_str(),
        "status": if message.is_over() { "resolved" } else { "open" },
        "headline": message.headline(),
        "alert": &*message.alert,
        "series": message.series,
        "level": message.level.as_str(),
        "told": message.told.as_str(),
        "worst": message.worst.as_str(),
        "value": message.value,
        "condition": message.condition,
        "words": message.words,
        "reason": message.reason,
        "started": message.started.rfc3339(),
        "changed": message.changed.rfc3339(),
        "ended": message.ended.map(Timestamp::rfc3339),
        "no_data_since": message.no_data_since.map(Timestamp::rfc3339),
        "target": message.target,
        "labels": message.labels,
        "description": message.description,
        "first_steps": message.first_steps.as_deref(),
        "docs": message.docs,
        "graph": message.graph,
    })
}
