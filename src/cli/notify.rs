//! `notify`: a test incident and its end, through one receiver.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::{Paths, fail};
use crate::alert::incident::{BUILT_IN, IncidentId};
use crate::alert::{Level, Timestamp};
use crate::config::{Config, Receiver};
use crate::deliver::message::{Key, Kind, Message, Outcome};
use crate::deliver::{self, Sender, links};
use crate::now::now;

/// `notify`
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The receiver's name
    receiver: String,
    #[command(flatten)]
    paths: Paths,
}

/// Sends both, and says what the receiver answered.
pub async fn notify(options: &Options) -> ExitCode {
    let Some(loaded) = options.paths.load() else {
        return ExitCode::FAILURE;
    };
    let config = loaded.config;
    let found = config
        .receivers
        .iter()
        .find(|r| *r.policy.name == *options.receiver);
    let Some(receiver) = found else {
        let names: Vec<&str> = config.receivers.iter().map(|r| &*r.policy.name).collect();
        let names = if names.is_empty() {
            "there is none".to_owned()
        } else {
            names.join(", ")
        };
        fail(&format!(
            "no receiver is called `{}`: {names}",
            options.receiver
        ));
        return ExitCode::FAILURE;
    };
    let http = deliver::http::Client::new();
    let sender = http.and_then(|http| Sender::new(&receiver.destination, &http));
    let sender = match sender {
        Ok(sender) => sender,
        Err(why) => {
            fail(&format!("receiver `{}`: {why}", options.receiver));
            return ExitCode::FAILURE;
        }
    };
    let mut recipients = receiver.policy.recipients.clone();
    if recipients.is_empty() {
        recipients.push(Arc::from(""));
    }
    let asked = recipients.len();
    let mut accepted = 0;
    let at = now();
    for kind in [Kind::New, Kind::Resolved] {
        let message = message(&config, receiver, kind, at);
        let (took, perhaps) = send(&sender, receiver, &message, &recipients).await;
        // an end is for those who have, or may have, the beginning
        let ends = recipients
            .iter()
            .filter(|r| took.contains(r) || perhaps.contains(r));
        recipients = ends.cloned().collect();
        accepted += took.len();
        if recipients.is_empty() {
            break;
        }
    }
    if accepted == 2 * asked {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Who took it, and who may have taken it without an answer.
async fn send(
    sender: &Sender,
    receiver: &Receiver,
    message: &Message,
    recipients: &[Arc<str>],
) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
    let name = &receiver.policy.name;
    let what = match message.kind {
        Kind::New => "a test incident",
        _ => "its end",
    };
    let outcomes = sender.send(message, recipients).await;
    let (mut took, mut perhaps) = (Vec::new(), Vec::new());
    for (recipient, outcome) in recipients.iter().zip(outcomes) {
        let to = if recipient.is_empty() {
            String::new()
        } else {
            format!(" ({recipient})")
        };
        match outcome {
            Outcome::Accepted => {
                took.push(Arc::clone(recipient));
                eprintln!("`{name}`{to} accepted {what}");
            }
            Outcome::Later { why, unsure, .. } => {
                perhaps.extend(unsure.then(|| Arc::clone(recipient)));
                fail(&format!("`{name}`{to} did not take {what}: {why}"));
            }
            Outcome::Rejected { why, .. } => {
                fail(&format!("`{name}`{to} rejected {what}: {why}"));
            }
        }
    }
    (took, perhaps)
}

fn message(config: &Config, receiver: &Receiver, kind: Kind, at: Timestamp) -> Message {
    let series = "test";
    let levels = receiver.policy.levels;
    let heard = [Level::Critical, Level::NoData, Level::Warning];
    let worst = heard
        .into_iter()
        .find(|level| levels.contains(*level))
        .unwrap_or(Level::Critical);
    let key = links::dedup_key(&config.instance, BUILT_IN, series, None);
    let over = kind == Kind::Resolved;
    Message {
        kind,
        instance: Arc::clone(&config.instance),
        incident: IncidentId::new(&config.instance, BUILT_IN, series, at, 0).to_string(),
        event: if over { 2 } else { 1 },
        reminder: 0,
        alert: Arc::from(BUILT_IN),
        series: series.to_owned(),
        level: if over { Level::Ok } else { worst },
        told: if over { worst } else { Level::Ok },
        worst,
        value: None,
        condition: None,
        started: at,
        lasted: std::time::Duration::ZERO,
        changed: at,
        at,
        ended: over.then_some(at),
        no_data_since: None,
        words: (!over).then(|| "is a test, nothing is wrong".to_owned()),
        reason: if over {
            "the test is over".to_owned()
        } else {
            "somebody asked for it".to_owned()
        },
        target: None,
        labels: std::collections::BTreeMap::new(),
        description: Some("Sent by `graphite-pager notify`.".to_owned()),
        first_steps: None,
        docs: config
            .docs_url
            .as_ref()
            .map(|base| format!("{}/{BUILT_IN}#{series}", base.trim_end_matches('/'))),
        graph: None,
        picture: None,
        key: receiver.policy.keyed.then_some(if over {
            Key::Resolve(key)
        } else {
            Key::Trigger(key)
        }),
    }
}
